#include "ranking/metrics.h"

#include "base/rng.h"
#include "ref_ranking.h"
#include "unit_main.h"

#include <math.h>
#include <string.h>

static dg_err err;

static dg_row targets(const int32_t *index, int64_t n) { return (dg_row){.index = index, .n = n}; }

static void list_of(const int32_t *item, int n, dg_hit *out)
{
    for (int i = 0; i < n; i++) out[i] = (dg_hit){(float)(n - i), item[i]};
}

static void assert_metric(const double *out, int n_k, int j, dg_metric m, double expect)
{
    const double got = out[m * n_k + j];
    ck_assert_msg(fabs(got - expect) < 1e-12, "%s: %.15g, not %.15g", dg_metric_name(m), got,
                  expect);
}

/* List 5 2 9 7 1, targets {2, 7, 8}: hits at ranks 2 and 4; k = 1, 3, 5.
 * Worked by hand; d(r) = 1 / log2(r + 1): d(1) = 1, d(2) = .630929753571457,
 * d(3) = .5, d(4) = .430676558073393. Binary gains and an ideal cut at k are also what
 * scikit-learn's ndcg_score(…, k=k) does. */
START_TEST(two_of_three_targets_found)
{
    const int32_t item[] = {5, 2, 9, 7, 1}, target[] = {2, 7, 8};
    const int k[] = {1, 3, 5};
    double out[DG_METRIC_OF_LIST * 3];
    dg_hit list[5];
    list_of(item, 5, list);
    dg_metrics_of_list(list, 5, targets(target, 3), k, 3, out);

    for (dg_metric m = 0; m < DG_METRIC_OF_LIST; m++) assert_metric(out, 3, 0, m, 0);

    assert_metric(out, 3, 1, DG_METRIC_RECALL, 1.0 / 3);
    assert_metric(out, 3, 1, DG_METRIC_RECALL_TRUNC, 1.0 / 3);
    assert_metric(out, 3, 1, DG_METRIC_PRECISION, 1.0 / 3);
    assert_metric(out, 3, 1, DG_METRIC_F1, 1.0 / 3);
    /* d(2) / (1 + d(2) + .5) = .630929753571457 / 2.130929753571457 */
    assert_metric(out, 3, 1, DG_METRIC_NDCG, 0.296081910965865);
    assert_metric(out, 3, 1, DG_METRIC_MAP, 1.0 / 2 / 3); /* (1/2) / min(3, 3) */
    assert_metric(out, 3, 1, DG_METRIC_MRR, 1.0 / 2);
    assert_metric(out, 3, 1, DG_METRIC_HR, 1);

    assert_metric(out, 3, 2, DG_METRIC_RECALL, 2.0 / 3);
    assert_metric(out, 3, 2, DG_METRIC_RECALL_TRUNC, 2.0 / 3);
    assert_metric(out, 3, 2, DG_METRIC_PRECISION, 2.0 / 5);
    assert_metric(out, 3, 2, DG_METRIC_F1, 1.0 / 2); /* 2 * (.4 * 2/3) / (.4 + 2/3) = 4/8 */
    /* (d(2) + d(4)) / (1 + d(2) + .5) = 1.06160631164485 / 2.130929753571457 */
    assert_metric(out, 3, 2, DG_METRIC_NDCG, 0.498189257466413);
    assert_metric(out, 3, 2, DG_METRIC_MAP, (1.0 / 2 + 2.0 / 4) / 3);
    assert_metric(out, 3, 2, DG_METRIC_MRR, 1.0 / 2);
    assert_metric(out, 3, 2, DG_METRIC_HR, 1);
}
END_TEST

/* More targets than places: the two conventions of recall part. List 4 3, targets {1,2,3,4,5}. */
START_TEST(more_targets_than_places)
{
    const int32_t item[] = {4, 3}, target[] = {1, 2, 3, 4, 5};
    const int k[] = {2};
    double out[DG_METRIC_OF_LIST];
    dg_hit list[2];
    list_of(item, 2, list);
    dg_metrics_of_list(list, 2, targets(target, 5), k, 1, out);
    assert_metric(out, 1, 0, DG_METRIC_RECALL, 2.0 / 5);
    assert_metric(out, 1, 0, DG_METRIC_RECALL_TRUNC, 1);
    assert_metric(out, 1, 0, DG_METRIC_PRECISION, 1);
    assert_metric(out, 1, 0, DG_METRIC_F1, 4.0 / 7); /* 2 * 1 * .4 / 1.4 */
    assert_metric(out, 1, 0, DG_METRIC_NDCG, 1);
    assert_metric(out, 1, 0, DG_METRIC_MAP, 1);
    assert_metric(out, 1, 0, DG_METRIC_MRR, 1);
    assert_metric(out, 1, 0, DG_METRIC_HR, 1);
}
END_TEST

/* A list of one hit and one miss, judged at 10: precision still divides by 10, and the ideal of
 * ndcg still counts both targets: 1 / (1 + d(2)) = 1 / 1.630929753571457. */
START_TEST(a_short_list_is_not_forgiven)
{
    const int32_t item[] = {7, 8}, target[] = {3, 7};
    const int k[] = {10};
    double out[DG_METRIC_OF_LIST];
    dg_hit list[2];
    list_of(item, 2, list);
    dg_metrics_of_list(list, 2, targets(target, 2), k, 1, out);
    assert_metric(out, 1, 0, DG_METRIC_PRECISION, 0.1);
    assert_metric(out, 1, 0, DG_METRIC_NDCG, 0.613147192765458);
    assert_metric(out, 1, 0, DG_METRIC_MAP, 0.5);
    dg_metrics_of_list(NULL, 0, targets(target, 2), k, 1, out);
    for (dg_metric m = 0; m < DG_METRIC_OF_LIST; m++) assert_metric(out, 1, 0, m, 0);
}
END_TEST

START_TEST(random_lists_equal_the_definitions)
{
    dg_rng r = dg_rng_at(3, DG_RNG_TEST, 0);
    for (int round = 0; round < 500; round++) {
        float score[60];
        dg_hit list[60];
        int32_t target[60];
        int64_t n_target = 0;
        const int k[] = {1, 2, 5, 10, 45, 100};
        double out[DG_METRIC_OF_LIST * 6];
        const int n = 1 + (int)dg_rng_below(&r, 60);
        const uint32_t rare = 1 + dg_rng_below(&r, 20);
        for (int32_t i = 0; i < n; i++) {
            score[i] = (float)dg_rng_below(&r, 30);
            if (dg_rng_below(&r, rare) == 0) target[n_target++] = i;
        }
        if (n_target == 0) target[n_target++] = 0;
        ref_rank(score, n, NULL, 0, list);
        const int n_list = (int)dg_rng_below(&r, (uint32_t)n + 1);
        dg_metrics_of_list(list, n_list, targets(target, n_target), k, 6, out);
        for (dg_metric m = 0; m < DG_METRIC_OF_LIST; m++)
            for (int j = 0; j < 6; j++)
                assert_metric(out, 6, j, m, ref_metric(m, k[j], list, n_list, target, n_target));
    }
}
END_TEST

/* scikit-learn 1.2.1, roc_auc_score of labels 1 0 1 0 0 1 0 and scores .9 .9 .35 .8 .1 .6 .35, with
 * ties on both sides: .5833333333333333. Of the 12 pairs, lost are
 * .9: one tied, .35: two lost and one tied, .6: two lost. */
START_TEST(pairs_the_wrong_way_round_make_the_area_under_the_curve)
{
    const float positive[] = {0.35F, 0.6F, 0.9F}, negative[] = {0.9F, 0.8F, 0.1F, 0.35F};
    int64_t lost = 0;
    for (int k = 0; k < 4; k++) lost += dg_metric_lost(positive, 3, negative[k]);
    ck_assert_int_eq(lost, 2 * 4 + 2);
    ck_assert_double_eq_tol(1 - (double)lost / (2 * 3 * 4), 0.5833333333333333, 1e-15);
    ck_assert_int_eq(dg_metric_lost(positive, 0, 1), 0);
}
END_TEST

/* scikit-learn 1.2.1, log_loss of single labels. */
START_TEST(log_loss_of_labels)
{
    ck_assert_double_eq_tol(dg_metric_logloss(1, 0.9), 0.10536051565782628, 1e-15);
    ck_assert_double_eq_tol(dg_metric_logloss(0, 0.9), 2.302585092994046, 1e-14);
    ck_assert_double_eq_tol(dg_metric_logloss(1, 0.35), 1.0498221244986778, 1e-15);
    ck_assert_double_eq_tol(dg_metric_logloss(1, 0), 7 * log(10), 1e-12); /* kept finite */
    ck_assert_double_eq_tol(dg_metric_logloss(0, 1), 7 * log(10), 1e-8);
}
END_TEST

static dg_status parse(const char *name, dg_metric_set *set)
{
    dg_strings names = {0};
    ck_assert(dg_strings_add(&names, "mrr", 3, &err) == DG_OK);
    ck_assert(dg_strings_add(&names, name, strlen(name), &err) == DG_OK);
    const dg_status st = dg_metric_set_parse(&names, set, &err);
    dg_strings_free(&names);
    return st;
}

START_TEST(every_name_parses_to_its_metric)
{
    for (dg_metric m = 0; m < DG_METRIC_COUNT; m++) {
        dg_metric_set set = 0;
        ck_assert(parse(dg_metric_name(m), &set) == DG_OK);
        ck_assert(dg_metric_in(set, m) && dg_metric_in(set, DG_METRIC_MRR));
        ck_assert_int_eq(dg_metric_in(set, DG_METRIC_RECALL_TRUNC),
                         m == DG_METRIC_RECALL || m == DG_METRIC_RECALL_TRUNC);
        ck_assert_int_eq(dg_metric_in(set, DG_METRIC_EVENNESS),
                         m == DG_METRIC_ENTROPY || m == DG_METRIC_EVENNESS);
    }
    dg_metric_set set = 0;
    ck_assert(parse("hit_rate", &set) == DG_OK && dg_metric_in(set, DG_METRIC_HR));
    ck_assert(dg_metric_has_k(DG_METRIC_COVERAGE) && !dg_metric_has_k(DG_METRIC_RMSE));
}
END_TEST

START_TEST(wrong_names_get_the_nearest_one)
{
    dg_metric_set set = 77;
    ck_assert(parse("recal", &set) == DG_ERR_CONFIG);
    ck_assert_str_eq(err.text, "\"recal\" is not a metric");
    ck_assert_str_eq(err.hint, "did you mean \"recall\"?");
    ck_assert(parse("a name as long as it gets, far more than any buffer will ever hold, on and on",
                    &set) == DG_ERR_CONFIG);
    ck_assert_str_eq(err.hint,
                     "metrics are recall recall_trunc precision f1 ndcg map mrr hr arp aplt "
                     "aclt novelty serendipity ils coverage gini entropy evenness poprsp "
                     "popreo auc gauc logloss rmse mae");
    ck_assert(parse("", &set) == DG_ERR_CONFIG);
    ck_assert_uint_eq(set, 77);
}
END_TEST

UNIT_MAIN("metrics", two_of_three_targets_found, more_targets_than_places,
          pairs_the_wrong_way_round_make_the_area_under_the_curve, log_loss_of_labels,
          a_short_list_is_not_forgiven, random_lists_equal_the_definitions,
          every_name_parses_to_its_metric, wrong_names_get_the_nearest_one)
