/* Counters and histograms, and the page made of them. */
#include "serve/measure/metrics.h"
#include "unit_main.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

static dg_metrics *m;
static dg_err err;
static dg_text page;

static void start(void) { ck_assert_int_eq(dg_metrics_create(&m, &err), DG_OK); }

static void stop(void)
{
    ck_assert_int_eq(dg_metrics_made(m, &err), DG_OK);
    dg_metrics_destroy(&m);
    dg_metrics_destroy(&m);
    dg_text_free(&page);
}

START_TEST(the_page_shows_families_and_their_series_together)
{
    start();
    dg_counter *a = dg_metrics_counter(m, "a_total", "code=\"200\"", "Answers.");
    dg_counter *b = dg_metrics_counter(m, "b_total", "", "Others.");
    dg_counter *c = dg_metrics_counter(m, "a_total", "code=\"404\"", "Answers.");
    ck_assert_ptr_eq(dg_metrics_counter(m, "a_total", "code=\"200\"", "Answers."), a);
    dg_count(a, 3);
    dg_count(b, 1);
    dg_count(c, 2);
    dg_count(NULL, 9);
    dg_metrics_page(m, &page);
    ck_assert_str_eq(page.at, "# HELP a_total Answers.\n# TYPE a_total counter\n"
                              "a_total{code=\"200\"} 3\na_total{code=\"404\"} 2\n"
                              "# HELP b_total Others.\n# TYPE b_total counter\nb_total 1\n");
    stop();
}
END_TEST

START_TEST(a_histogram_counts_up_to_each_bound)
{
    static const double bound[] = {0.25, 0.5, 1};
    start();
    dg_histogram *h = dg_metrics_histogram(m, "t_seconds", "route=\"x\"", "Time.", bound, 3);
    const double values[] = {0, 0.25, 0.26, 1, 1.5, 20};
    for (int k = 0; k < 6; k++) dg_observe(h, values[k]);
    dg_observe(NULL, 1);
    dg_metrics_page(m, &page);
    ck_assert_str_eq(page.at, "# HELP t_seconds Time.\n# TYPE t_seconds histogram\n"
                              "t_seconds_bucket{route=\"x\",le=\"0.25\"} 2\n"
                              "t_seconds_bucket{route=\"x\",le=\"0.5\"} 3\n"
                              "t_seconds_bucket{route=\"x\",le=\"1\"} 4\n"
                              "t_seconds_bucket{route=\"x\",le=\"+Inf\"} 6\n"
                              "t_seconds_sum{route=\"x\"} 23.01\n"
                              "t_seconds_count{route=\"x\"} 6\n");
    stop();
}
END_TEST

START_TEST(bounds_of_latencies_ascend)
{
    int n;
    const double *bound = dg_latency_bounds(&n);
    ck_assert_int_le(n, DG_MAX_BUCKETS);
    for (int k = 1; k < n; k++) ck_assert_double_gt(bound[k], bound[k - 1]);
}
END_TEST

static void *count_often(void *counter)
{
    for (int k = 0; k < 100000; k++) dg_count(counter, 1);
    return NULL;
}

START_TEST(threads_count_side_by_side)
{
    pthread_t thread[4];
    start();
    dg_counter *c = dg_metrics_counter(m, "c_total", "", "Counted.");
    for (int k = 0; k < 4; k++) pthread_create(&thread[k], NULL, count_often, c);
    for (int k = 0; k < 4; k++) pthread_join(thread[k], NULL);
    ck_assert_uint_eq(atomic_load(&c->n), 400000);
    stop();
}
END_TEST

static void collect(void *context, dg_text *out)
{
    dg_metrics_family(out, "g", "gauge", "A gauge.");
    dg_text_add(out, "g{v=\"");
    dg_metrics_label(out, context, strlen(context));
    dg_text_add(out, "\"} 1\n");
}

START_TEST(collectors_come_last_and_labels_are_escaped)
{
    start();
    dg_metrics_collect(m, collect, "a\"b\\c\nd");
    dg_metrics_counter(m, "c_total", "", "Counted.");
    dg_metrics_page(m, &page);
    ck_assert_str_eq(page.at, "# HELP c_total Counted.\n# TYPE c_total counter\nc_total 0\n"
                              "# HELP g A gauge.\n# TYPE g gauge\ng{v=\"a\\\"b\\\\c\\nd\"} 1\n");
    stop();
}
END_TEST

START_TEST(counters_of_a_label_find_their_values_and_are_bounded)
{
    static char names[100][8];
    char copy[] = "b";
    start();
    dg_counters *t = dg_metrics_counters(m, "e_total", "arm=\"x\"", "code", "Errors.");
    dg_count_value(t, "a");
    dg_count_value(t, "b");
    dg_count_value(t, copy); /* the same text elsewhere */
    dg_metrics_page(m, &page);
    ck_assert_str_eq(page.at, "# HELP e_total Errors.\n# TYPE e_total counter\n"
                              "e_total{arm=\"x\",code=\"a\"} 1\ne_total{arm=\"x\",code=\"b\"} 2\n");
    for (int k = 0; k < 100; k++) {
        snprintf(names[k], sizeof names[k], "n%d", k);
        dg_count_value(t, names[k]);
    }
    dg_text_free(&page);
    dg_metrics_page(m, &page);
    ck_assert_ptr_nonnull(strstr(page.at, "code=\"other\"} 54\n")); /* 2 + 100 - 48 */
    stop();
}
END_TEST

UNIT_MAIN("metrics", the_page_shows_families_and_their_series_together,
          a_histogram_counts_up_to_each_bound, bounds_of_latencies_ascend,
          threads_count_side_by_side, collectors_come_last_and_labels_are_escaped,
          counters_of_a_label_find_their_values_and_are_bounded)
