#include "evaluate/evaluate.h"

#include "base/memory.h"
#include "base/rng.h"
#include "mpi_main.h"
#include "ref_ranking.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { N_USERS = 300, COLS = 5, MANY_ITEMS = 4500 }; /* more than two blocks of a ranker */

static dg_err err;

/* A shop small enough to think about; what a user has is a function of the user's row alone. */
typedef struct shop {
    dg_dataset d;
    int32_t n_items;
    float *item_row; /* (n_items, COLS) small whole numbers: scores tie often, and are exact */
} shop;

typedef enum where { NOTHING, TRAIN, VALID, TEST, TRAIN_AND_TEST } where;

/* Every 7th user is held out (history in fold_in), every 11th is cold, every 5th has no target. */
static bool is_held_out(int64_t user) { return user % 7 == 3; }
static bool is_cold(int64_t user) { return user % 11 == 4; }

static where where_is(int64_t user, int32_t item, int32_t n_items)
{
    dg_rng r = dg_rng_at((uint64_t)n_items, DG_RNG_TEST, (uint64_t)(user * n_items + item));
    const uint32_t x = dg_rng_below(&r, (uint32_t)n_items);
    const where p = x < 8    ? TRAIN
                    : x < 11 ? VALID
                    : x < 16 ? TEST
                    : x < 17 ? TRAIN_AND_TEST
                             : NOTHING;
    if (is_cold(user)) return p == TEST || p == VALID ? p : NOTHING;
    if (user % 5 == 0) return p == TRAIN ? TRAIN : NOTHING;
    return p;
}

static void add(dg_csr *m, int32_t item, float value)
{
    int64_t *n = &m->ptr[m->end - m->begin]; /* the open row is counted at the end */
    m->index[*n] = item;
    m->value[(*n)++] = value;
}

static void fill_rows(shop *s, int64_t user)
{
    dg_dataset *d = &s->d;
    for (int32_t i = 0; i < s->n_items; i++) {
        const where p = where_is(user, i, s->n_items);
        const float value = (float)(1 + (user + i) % 5);
        if (p == TRAIN || p == TRAIN_AND_TEST)
            add(is_held_out(user) ? &d->fold_in : &d->train, i, value);
        if (p == VALID) add(&d->valid, i, value);
        if (p == TEST || p == TRAIN_AND_TEST) add(&d->test, i, value);
    }
    dg_csr *const all[] = {&d->train, &d->fold_in, &d->valid, &d->test};
    for (int k = 0; k < 4; k++)
        if (user + 1 < all[k]->end)
            all[k]->ptr[user + 1 - all[k]->begin] = all[k]->ptr[all[k]->end - all[k]->begin];
}

static shop make_shop(const dg_comm *c, int32_t n_items)
{
    shop s = {.n_items = n_items};
    int64_t work[N_USERS];
    for (int u = 0; u < N_USERS; u++) work[u] = 1 + u % 9;
    bool ok = dg_shards_create(64, &s.d.users, &err) == DG_OK;
    if (ok) dg_shards_cut(&s.d.users, work, N_USERS);
    const dg_range own = dg_shards_rows(&s.d.users, c->rank, c->size);
    dg_csr *const all[] = {&s.d.train, &s.d.fold_in, &s.d.valid, &s.d.test};
    for (int k = 0; ok && k < 4; k++)
        ok = dg_csr_create(own.begin, own.end, (own.end - own.begin) * 40, all[k], &err) == DG_OK;
    for (int64_t u = own.begin; ok && u < own.end; u++) fill_rows(&s, u);
    s.item_row = dg_alloc((size_t)n_items * COLS, sizeof *s.item_row);
    dg_rng r = dg_rng_at(2, DG_RNG_TEST, (uint64_t)n_items);
    for (int32_t k = 0; k < n_items * COLS; k++) s.item_row[k] = (float)dg_rng_below(&r, 5) - 2;
    ck_assert_all(ok);
    return s;
}

static void free_shop(shop *s)
{
    dg_free(s->item_row);
    dg_shards_destroy(&s->d.users);
    dg_csr_free(&s->d.train);
    dg_csr_free(&s->d.fold_in);
    dg_csr_free(&s->d.valid);
    dg_csr_free(&s->d.test);
}

/* A model: a user is the sum of the items of the history, held-out users of their fold-in rows. */
typedef struct toy {
    const shop *s;
    int64_t bad_item; /* one that scores bad_score, or -1 */
    float bad_score;
    float user_row[DG_SCORER_TILE][COLS];
    int n;
} toy;

static dg_status toy_load(void *self, const int64_t *user, int n, dg_err *e)
{
    toy *t = self;
    (void)e;
    memset(t->user_row, 0, sizeof t->user_row);
    t->n = n;
    for (int i = 0; i < n; i++) {
        dg_row row = dg_csr_row(&t->s->d.train, user[i]);
        if (row.n == 0) row = dg_csr_row(&t->s->d.fold_in, user[i]);
        for (int64_t k = 0; k < row.n; k++)
            for (int c = 0; c < COLS; c++)
                t->user_row[i][c] += t->s->item_row[row.index[k] * COLS + c];
    }
    return DG_OK;
}

static float toy_score_one(void *self, int i, int64_t item)
{
    const toy *t = self;
    float sum = item == t->bad_item ? t->bad_score : 3;
    for (int c = 0; c < COLS; c++) sum += t->user_row[i][c] * t->s->item_row[item * COLS + c];
    return sum;
}

static void toy_score(void *self, int64_t begin, int64_t end, float *out)
{
    toy *t = self;
    for (int i = 0; i < t->n; i++)
        for (int64_t item = begin; item < end; item++) *out++ = toy_score_one(t, i, item);
}

static dg_scorer toy_scorer(toy *t, const shop *s, bool rates)
{
    t->s = s;
    t->bad_item = -1;
    return (dg_scorer){.self = t,
                       .n_items = s->n_items,
                       .rates = rates,
                       .clip_min = 1,
                       .clip_max = 5,
                       .load = toy_load,
                       .score = toy_score,
                       .score_one = toy_score_one};
}

static const dg_evaluate_options everything = {.part = DG_PART_TEST,
                                               .n_k = 4,
                                               .k = {1, 3, 10, 40},
                                               .metrics = (1u << DG_METRIC_COUNT) - 1,
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
