#include "evaluate/evaluate.h"

#include "base/memory.h"
#include "unit_main.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

static dg_err err;
static dg_evaluate_options o;

/* Words separated by blanks. */
static dg_strings words(const char *text)
{
    dg_strings s = {0};
    while (*text != '\0') {
        const size_t n = strcspn(text, " ");
        ck_assert(dg_strings_add(&s, text, n, &err) == DG_OK);
        text += n + strspn(text + n, " ");
    }
    return s;
}

static dg_status parse(const char *k, const char *metrics)
{
    dg_strings lengths = words(k), names = words(metrics);
    const dg_status st = dg_evaluate_parse(&lengths, &names, &o, &err);
    dg_strings_free(&lengths);
    dg_strings_free(&names);
    return st;
}

START_TEST(lengths_are_sorted_and_doubles_dropped)
{
    ck_assert(parse("100 5 20 5 100 1", "ndcg") == DG_OK);
    ck_assert_int_eq(o.n_k, 4);
    const int expect[] = {1, 5, 20, 100};
    ck_assert(memcmp(o.k, expect, sizeof expect) == 0);
    ck_assert_uint_eq(o.metrics, 1u << DG_METRIC_NDCG);
}
END_TEST

START_TEST(wrong_lengths_and_metrics_are_named)
{
    const char *const bad[] = {"0", "-3", "x", "1.5", "100001", "9999999999999999999"};
    for (size_t b = 0; b < sizeof bad / sizeof *bad; b++) {
        ck_assert(parse(bad[b], "ndcg") == DG_ERR_CONFIG);
        ck_assert(strncmp(err.text, "evaluate.k: ", 12) == 0 && strstr(err.text, bad[b]) != NULL);
    }
    ck_assert(parse("", "ndcg") == DG_ERR_CONFIG);
    ck_assert(parse("10", "nndcg") == DG_ERR_CONFIG);
    ck_assert_str_eq(err.text, "\"nndcg\" is not a metric");

    char many[200] = "";
    for (int k = 1; k <= DG_EVALUATE_K; k++) snprintf(many + strlen(many), 8, "%d ", k);
    ck_assert(parse(many, "ndcg") == DG_OK && o.n_k == DG_EVALUATE_K);
    strcat(many, "77");
    ck_assert(parse(many, "ndcg") == DG_ERR_CONFIG);
}
END_TEST

static const dg_metrics some = {.users = 1943,
                                .cold_users = 2,
                                .targets = 20000,
                                .n = 6,
                                .at = {{.metric = DG_METRIC_RMSE, .value = 0.1 + 0.2},
                                       {.metric = DG_METRIC_MAE, .value = 0.7},
                                       {.metric = DG_METRIC_RECALL, .k = 10, .value = 1.0 / 3},
                                       {.metric = DG_METRIC_RECALL, .k = 20, .value = 0.5},
                                       {.metric = DG_METRIC_NDCG, .k = 10, .value = 1e-7},
                                       {.metric = DG_METRIC_NDCG, .k = 20, .value = 1}}};

START_TEST(json_reads_back_to_the_same_bits)
{
    dg_text t = {0};
    char name[48];
    dg_metrics_json(&some, &t);
    ck_assert(!t.failed);
    json_t *object = json_loads(t.at, 0, NULL);
    ck_assert(json_is_object(object));
    ck_assert_uint_eq(json_object_size(object), 9);
    ck_assert_int_eq(json_integer_value(json_object_get(object, "users")), 1943);
    ck_assert_int_eq(json_integer_value(json_object_get(object, "cold_users")), 2);
    ck_assert_int_eq(json_integer_value(json_object_get(object, "targets")), 20000);
    for (int i = 0; i < some.n; i++) {
        json_t *v = json_object_get(object, dg_measure_name(&some.at[i], name, sizeof name));
        ck_assert(json_is_number(v) && json_number_value(v) == some.at[i].value);
    }
    ck_assert(strstr(t.at, "\"mae\": 0.7,") != NULL); /* shortest form */
    json_decref(object);
    dg_text_free(&t);
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

START_TEST(measures_are_found_by_name)
{
    ck_assert_ptr_eq(dg_metrics_find(&some, "rmse"), &some.at[0]);
    ck_assert_ptr_eq(dg_metrics_find(&some, "ndcg@20"), &some.at[5]);
    ck_assert(dg_metrics_find(&some, "ndcg@2") == NULL);
    ck_assert(dg_metrics_find(&some, "ndcg") == NULL);
}
END_TEST

START_TEST(intervals_and_slices_stand_beside_the_measures)
{
    static dg_metrics m;
    dg_text t = {0};
    m = some;
    m.resamples = 1000;
    m.at[2].low = 0.25;
    m.at[2].high = 0.4;
    m.at[5] = (dg_measure){.metric = DG_METRIC_HR, .k = 10, .value = 0.9, .sampled = 99};
    for (int s = 0; s < DG_HISTORIES; s++)
        for (int k = 0; k < DG_MEASURES; k++) m.by_history[s].value[k] = NAN;
    m.by_history[2] = (dg_history_slice){.least = 5, .users = 7, .targets = 8};
    m.by_history[3].least = 10;
    m.n_k = 1;
    m.k[0] = 10;
    m.by_popularity[1] = (dg_popularity_slice){.items = 3, .targets = 4, .recall = {0.25}};
    dg_metrics_json(&m, &t);
    json_t *j = json_loads(t.at, 0, NULL);
    double low, high;
    ck_assert_int_eq(json_unpack(j, "{s:{s:[F,F]}}", "intervals", "recall@10", &low, &high), 0);
    ck_assert(low == 0.25 && high == 0.4);
    ck_assert_uint_eq(json_object_size(json_object_get(j, "intervals")), 1);
    ck_assert(json_number_value(json_object_get(j, "hr@10(sampled 99)")) == 0.9);
    const json_t *slice = json_array_get(json_object_get(j, "by_history"), 0);
    ck_assert_uint_eq(json_array_size(json_object_get(j, "by_history")), 1);
    ck_assert_int_eq(json_integer_value(json_object_get(slice, "to")), 9);
    ck_assert_int_eq(json_integer_value(json_object_get(slice, "users")), 7);
    const json_t *group = json_array_get(json_object_get(j, "by_popularity"), 1);
    ck_assert_str_eq(json_string_value(json_object_get(group, "group")), "middle");
    ck_assert(json_number_value(json_object_get(group, "recall@10")) == 0.25);
    json_decref(j);
    dg_text_free(&t);
}
END_TEST

UNIT_MAIN("report", lengths_are_sorted_and_doubles_dropped, wrong_lengths_and_metrics_are_named,
          json_reads_back_to_the_same_bits, measures_are_found_by_name,
          intervals_and_slices_stand_beside_the_measures)
