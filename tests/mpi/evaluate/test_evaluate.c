#include "evaluate/evaluate.h"

#include "base/memory.h"
#include "mpi_main.h"
#include "ref_ranking.h"
#include "shop.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static dg_err err;

static const dg_evaluate_options everything = {
    .part = DG_PART_TEST,
    .n_k = 4,
    .k = {1, 3, 10, 40},
    .metrics = ((1u << DG_METRIC_OF_LIST) - 1) | 1u << DG_METRIC_COVERAGE | 1u << DG_METRIC_RMSE,
    .exclude_seen = true};

static int64_t add_row(dg_row row, int32_t *out, int64_t n)
{
    for (int64_t k = 0; k < row.n; k++) out[n++] = row.index[k];
    return n;
}

/* The whole ranking of one user by dense scores and a full sort. */
static int ref_list(const shop *s, const dg_evaluate_options *o, toy *t, int64_t user, dg_hit *list)
{
    static float score[MANY_ITEMS];
    int32_t seen[200];
    int64_t n_seen = 0;
    if (o->exclude_seen) {
        n_seen = add_row(dg_csr_row(&s->d.train, user), seen, n_seen);
        n_seen = add_row(dg_csr_row(&s->d.fold_in, user), seen, n_seen);
        if (o->part == DG_PART_TEST) n_seen = add_row(dg_csr_row(&s->d.valid, user), seen, n_seen);
    }
    toy_load(t, &user, 1, &err);
    toy_score(t, 0, s->n_items, score);
    return ref_rank(score, s->n_items, seen, n_seen, list);
}

/* Add what one user with targets means for a measure. */
static double of_user(const dg_measure *m, toy *t, dg_row target, int64_t user, const dg_hit *list,
                      int n_list)
{
    double sum = 0;
    if (m->metric < DG_METRIC_OF_LIST)
        return is_cold(user) ? 0
                             : ref_metric(m->metric, m->k, list, n_list, target.index, target.n);
    for (int64_t i = 0; m->k == 0 && i < target.n; i++) {
        const double p = (double)toy_score_one(t, 0, target.index[i]);
        const double miss = (p < 1 ? 1 : p > 5 ? 5 : p) - (double)target.value[i];
        sum += m->metric == DG_METRIC_RMSE ? miss * miss : fabs(miss);
    }
    return sum;
}

/* Does every measure have the value of its definition? s holds the whole data. */
static bool equals_reference(const dg_metrics *m, const shop *s, const dg_evaluate_options *o)
{
    static dg_hit list[MANY_ITEMS];
    static int best[MANY_ITEMS]; /* place at which an item was ever listed, from 1; 0 never */
    static double sum[sizeof m->at / sizeof *m->at];
    toy t = {.s = s, .bad_item = -1};
    double users = 0, pairs = 0;
    bool right = true;
    memset(best, 0, sizeof best);
    memset(sum, 0, sizeof sum);
    for (int64_t u = 0; u < N_USERS; u++) {
        const dg_row target = dg_csr_row(o->part == DG_PART_TEST ? &s->d.test : &s->d.valid, u);
        if (target.n == 0) continue;
        const int n_list = ref_list(s, o, &t, u, list);
        for (int i = 0; i < m->n; i++) sum[i] += of_user(&m->at[i], &t, target, u, list, n_list);
        pairs += (double)target.n;
        users += !is_cold(u);
        for (int r = 1; !is_cold(u) && r <= n_list; r++)
            if (best[list[r - 1].index] == 0 || r < best[list[r - 1].index])
                best[list[r - 1].index] = r;
    }
    for (int i = 0; i < m->n; i++) {
        const dg_measure *x = &m->at[i];
        double expect = x->k > 0 ? sum[i] / users : sum[i] / pairs, shown = 0;
        if (x->metric == DG_METRIC_RMSE) expect = sqrt(expect);
        for (int32_t k = 0; k < s->n_items; k++) shown += best[k] > 0 && best[k] <= x->k;
        if (x->metric == DG_METRIC_COVERAGE) expect = shown / s->n_items;
        char name[48];
        if (fabs(x->value - expect) < 1e-12) continue;
        fprintf(stderr, "%s is %.17g, not %.17g\n", dg_measure_name(x, name, sizeof name), x->value,
                expect);
        right = false;
    }
    return right;
}

static void assert_as_reference(int32_t n_items, bool rates, dg_evaluate_options o)
{
    dg_comm one;
    dg_comm_init(&one, MPI_COMM_SELF);
    shop part = make_shop(&world, n_items), whole = make_shop(&one, n_items);
    toy t, u;
    const dg_scorer mine = toy_scorer(&t, &part, rates), all = toy_scorer(&u, &whole, rates);
    dg_metrics many = {0}, single = {0};
    ck_assert_all(dg_evaluate(&world, &part.d, &mine, &o, &many, &err) == DG_OK);
    ck_assert_all(dg_evaluate(&one, &whole.d, &all, &o, &single, &err) == DG_OK);
    ck_assert_all(many.n == (rates ? 2 : 0) + 9 * o.n_k);
    ck_assert_all(memcmp(&many, &single, sizeof many) == 0); /* the bits of one rank */
    ck_assert_all(equals_reference(&single, &whole, &o));
    free_shop(&part);
    free_shop(&whole);
    dg_comm_free(&one);
    ck_assert_all(dg_alloc_live() == 0);
}

START_TEST(test_part_equals_the_reference) { assert_as_reference(90, true, everything); }
END_TEST

START_TEST(valid_part_equals_the_reference)
{
    dg_evaluate_options o = everything;
    o.part = DG_PART_VALID;
    assert_as_reference(90, false, o);
}
END_TEST

START_TEST(seen_items_may_stay_in_the_ranking)
{
    dg_evaluate_options o = everything;
    o.exclude_seen = false;
    assert_as_reference(90, false, o);
}
END_TEST

START_TEST(many_blocks_of_items_equal_the_reference)
{
    dg_evaluate_options o = everything;
    o.n_k = 1;
    o.k[0] = 5;
    assert_as_reference(MANY_ITEMS, false, o);
}
END_TEST

START_TEST(lists_longer_than_the_shop_are_fine)
{
    dg_evaluate_options o = everything;
    o.n_k = 2;
    o.k[0] = 20;
    o.k[1] = 1000;
    assert_as_reference(30, true, o);
}
END_TEST

START_TEST(users_are_counted_apart)
{
    shop s = make_shop(&world, 90);
    toy t;
    const dg_scorer scorer = toy_scorer(&t, &s, false);
    dg_metrics m;
    int64_t expect[3] = {0};
    for (int64_t u = s.d.test.begin; u < s.d.test.end; u++) {
        const int64_t n = dg_csr_row(&s.d.test, u).n;
        const bool cold = dg_csr_row(&s.d.train, u).n + dg_csr_row(&s.d.fold_in, u).n == 0;
        expect[0] += n > 0 && !cold;
        expect[1] += n > 0 && cold;
        expect[2] += n;
    }
    dg_sum_int64(&world, expect, 3);
    ck_assert_all(expect[0] > 100 && expect[1] > 10); /* the shop has both kinds */
    ck_assert_all(dg_evaluate(&world, &s.d, &scorer, &everything, &m, &err) == DG_OK);
    ck_assert_all(m.users == expect[0] && m.cold_users == expect[1] && m.targets == expect[2]);
    free_shop(&s);
}
END_TEST

START_TEST(only_what_is_asked_for_or_goes_without_saying)
{
    shop s = make_shop(&world, 90);
    toy t;
    dg_scorer scorer = toy_scorer(&t, &s, true);
    dg_metrics m;
    dg_evaluate_options o = everything;
    o.metrics = 1u << DG_METRIC_MRR;
    ck_assert_all(dg_evaluate(&world, &s.d, &scorer, &o, &m, &err) == DG_OK);
    ck_assert_all(m.n == 2 + 4 && m.at[0].metric == DG_METRIC_RMSE && m.at[1].k == 0);
    ck_assert_all(m.at[2].metric == DG_METRIC_MRR && m.at[2].k == 1 && m.at[5].k == 40);
    o.metrics = 1u << DG_METRIC_RMSE | 1u << DG_METRIC_HR;
    scorer.rates = false;
    ck_assert_all(dg_evaluate(&world, &s.d, &scorer, &o, &m, &err) == DG_OK);
    ck_assert_all(m.n == 4 && m.at[0].metric == DG_METRIC_HR);
    o.metrics = 0;
    scorer.rates = true;
    scorer.score = NULL; /* nothing is ranked for ratings alone */
    ck_assert_all(dg_evaluate(&world, &s.d, &scorer, &o, &m, &err) == DG_OK);
    ck_assert_all(m.n == 2);
    free_shop(&s);
}
END_TEST

START_TEST(one_score_that_is_not_finite_fails_all)
{
    const float bad_value[] = {NAN, INFINITY};
    for (int bad = 0; bad < world.size; bad++) {
        for (int v = 0; v < 2; v++) {
            shop s = make_shop(&world, 90);
            toy t;
            const dg_scorer scorer = toy_scorer(&t, &s, false);
            dg_metrics m = {.users = -1};
            dg_evaluate_options o = everything;
            o.exclude_seen = false;
            t.bad_item = world.rank == bad ? 88 : -1;
            t.bad_score = bad_value[v];
            ck_assert_all(dg_evaluate(&world, &s.d, &scorer, &o, &m, &err) == DG_ERR_NUMERIC);
            ck_assert_all(err.rank == bad && m.users == -1);
            ck_assert_all(strncmp(err.text, "user row ", 9) == 0 &&
                          strstr(err.text, ": the score of item 88 is ") != NULL);
            free_shop(&s);
        }
    }
}
END_TEST

START_TEST(a_value_that_is_not_finite_fails_all)
{
    shop s = make_shop(&world, 90);
    toy t;
    const dg_scorer scorer = toy_scorer(&t, &s, true);
    dg_metrics m;
    dg_evaluate_options o = everything;
    o.metrics = 0;
    t.bad_item = world.rank == 0 ? dg_csr_row(&s.d.test, 1).index[0] : -1;
    t.bad_score = NAN;
    ck_assert_all(dg_evaluate(&world, &s.d, &scorer, &o, &m, &err) == DG_ERR_NUMERIC);
    ck_assert_all(err.rank == 0 && strncmp(err.text, "user row 1: the value of item ", 30) == 0);
    free_shop(&s);
}
END_TEST

START_TEST(nothing_to_judge_is_a_clear_error)
{
    shop s = make_shop(&world, 90);
    toy t;
    const dg_scorer scorer = toy_scorer(&t, &s, false);
    dg_metrics m;
    dg_csr none;
    ck_assert_all(dg_csr_create(s.d.test.begin, s.d.test.end, 0, &none, &err) == DG_OK);
    const dg_csr test = s.d.test, train = s.d.train, fold_in = s.d.fold_in;
    s.d.test = none;
    ck_assert_all(dg_evaluate(&world, &s.d, &scorer, &everything, &m, &err) == DG_ERR_DATA);
    ck_assert_all(strcmp(err.text, "the test part of the dataset is empty") == 0);
    s.d.test = test;
    s.d.train = s.d.fold_in = none;
    ck_assert_all(dg_evaluate(&world, &s.d, &scorer, &everything, &m, &err) == DG_ERR_DATA);
    ck_assert_all(strstr(err.text, "has a history to recommend from") != NULL);
    const dg_scorer rater = toy_scorer(&t, &s, true); /* biases are an answer to cold users */
    ck_assert_all(dg_evaluate(&world, &s.d, &rater, &everything, &m, &err) == DG_OK);
    ck_assert_all(m.users == 0 && m.n == 2);
    s.d.train = train;
    s.d.fold_in = fold_in;
    dg_csr_free(&none);
    free_shop(&s);
}
END_TEST

START_TEST(options_that_differ_are_told)
{
    shop s = make_shop(&world, 90);
    toy t;
    const dg_scorer scorer = toy_scorer(&t, &s, false);
    dg_metrics m;
    dg_evaluate_options o = everything;
    o.k[3] += world.rank;
    const dg_status st = dg_evaluate(&world, &s.d, &scorer, &o, &m, &err);
    ck_assert_all(st == (world.size > 1 ? DG_ERR_DIFFER : DG_OK));
    free_shop(&s);
}
END_TEST

START_TEST(each_failing_allocation_fails_all_and_leaves_nothing)
{
    shop s = make_shop(&world, 90);
    toy t;
    const dg_scorer scorer = toy_scorer(&t, &s, false);
    const size_t before = dg_alloc_live();
    const int bad = world.size - 1;
    dg_status st = DG_ERR_NOMEM;
    int nth = 0;
    while (st == DG_ERR_NOMEM && nth < 100) {
        char spec[32];
        dg_metrics m;
        snprintf(spec, sizeof spec, "alloc:%d:%d", bad, ++nth);
        setenv("DAOGOU_FAULT", spec, 1);
        dg_fault_reload();
        st = dg_evaluate(&world, &s.d, &scorer, &everything, &m, &err);
        unsetenv("DAOGOU_FAULT");
        dg_fault_reload();
        ck_assert_all(st == DG_OK || (st == DG_ERR_NOMEM && err.rank == bad));
        ck_assert_all(dg_alloc_live() == before);
    }
    ck_assert_all(st == DG_OK && nth > 7);
    free_shop(&s);
}
END_TEST

MPI_MAIN("evaluate", test_part_equals_the_reference, valid_part_equals_the_reference,
         seen_items_may_stay_in_the_ranking, many_blocks_of_items_equal_the_reference,
         lists_longer_than_the_shop_are_fine, users_are_counted_apart,
         only_what_is_asked_for_or_goes_without_saying, one_score_that_is_not_finite_fails_all,
         a_value_that_is_not_finite_fails_all, nothing_to_judge_is_a_clear_error,
         options_that_differ_are_told, each_failing_allocation_fails_all_and_leaves_nothing)
