/* One person's taste: solved anew by a slow reference after every event, and explained. */
#include "artifact_file.h"
#include "base/memory.h"
#include "base/rng.h"
#include "ref_als.h"
#include "scratch.h"
#include "serve/live/person.h"
#include "unit_main.h"

#include <math.h>
#include <string.h>

enum { USERS = 6, ITEMS = 40, FACTORS = 5 };

static dg_artifact *a;
static dg_err err;

static const dg_als_law ratings = {.loss = DG_ALS_RATINGS, .reg_exponent = 1},
                        plain = {.unobserved_weight = 0.1, .reg_exponent = 1},
                        linear = {.unobserved_weight = 0.3,
                                  .confidence = DG_ALS_LINEAR,
                                  .alpha = 0.4},
                        hkv = {.loss = DG_ALS_HKV,
                               .confidence = DG_ALS_LINEAR,
                               .unobserved_weight = 0.3,
                               .alpha = 1,
                               .reg_exponent = 1};

static void open_made(made_artifact *m)
{
    const char *path = scratch(getpid(), "artifact.h5");
    write_artifact(m, path);
    free_artifact(&m);
    ck_assert_msg(dg_artifact_open(path, &a, &err) == DG_OK, "%s", err.text);
}

static void close_all(void)
{
    dg_artifact_close(&a);
    scratch_remove();
    ck_assert_uint_eq(dg_alloc_live(), 0);
}

/* ---- the reference: a dense row of values, solved as ref_als.c has it ---- */

typedef struct dense {
    double value[ITEMS]; /* NAN: never met */
} dense;

static dense dense_of(int64_t user)
{
    dense d;
    for (int i = 0; i < ITEMS; i++) d.value[i] = NAN;
    for (int64_t k = user < 0 ? 0 : a->profile.ptr[user];
         k < (user < 0 ? 0 : a->profile.ptr[user + 1]); k++)
        d.value[a->profile.index[k]] = (double)a->profile.value[k];
    return d;
}

/* Scores of all items for such a row. */
static void reference(const dense *of, double score[ITEMS])
{
    const int d = a->fold.d;
    const dg_als_law *law = &a->fold.law;
    double items[ITEMS * (FACTORS + 1)], x[FACTORS + 1], *unused = x;
    for (int i = 0; i < ITEMS; i++) {
        const float *row = (const float *)a->item_factor.at + i * a->n_cols;
        for (int c = 0; c < d; c++) items[i * d + c] = (double)row[c]; /* the bias comes last */
    }
    const ref_als r = {.law = law->loss == DG_ALS_RATINGS        ? REF_RATINGS
                              : law->loss == DG_ALS_HKV          ? REF_HKV
                              : law->confidence == DG_ALS_LINEAR ? REF_IALS_LOG
                                                                 : REF_IALS,
                       .biases = a->fold.biases,
                       .alpha0 = law->unobserved_weight,
                       .alpha = law->alpha,
                       .epsilon = 1,
                       .reg_user = a->fold.reg,
                       .reg_item = a->fold.reg,
                       .nu = law->reg_exponent,
                       .mean = a->offset,
                       .d = d,
                       .n_users = 1,
                       .n_items = ITEMS,
                       .value = of->value,
                       .users = unused,
                       .items = items};
    ck_assert(ref_als_row(&r, true, 0, x));
    for (int i = 0; i < ITEMS; i++) {
        score[i] = a->offset;
        for (int c = 0; c < a->similar_cols; c++) score[i] += x[c] * items[i * d + c];
        if (a->fold.biases) score[i] += x[d - 1] + items[i * d + d - 1];
    }
}

static void taste_of(dg_person *p, dg_taste *taste)
{
    ck_assert_msg(dg_person_taste(p, taste, &err) == DG_OK, "%s", err.text);
}

static double score_of(const dg_taste *taste, int32_t item)
{
    const float *row = (const float *)a->item_factor.at + (int64_t)item * a->n_cols;
    double score = a->offset;
    for (int32_t c = 0; c < a->n_cols; c++) score += (double)taste->factor[c] * (double)row[c];
    return score;
}

static void scores_are(dg_person *p, const dense *of)
{
    double want[ITEMS];
    dg_taste taste;
    taste_of(p, &taste);
    reference(of, want);
    for (int32_t i = 0; i < ITEMS; i++)
        ck_assert_double_lt(fabs(score_of(&taste, i) - want[i]), 1e-5);
}

static dg_person *person_of(int64_t user)
{
    dg_person *p;
    ck_assert_msg(dg_person_create(a, user, &p, &err) == DG_OK, "%s", err.text);
    return p;
}

static void meet(dg_person *p, int32_t item, float value)
{
    ck_assert_msg(dg_person_meet(p, item, value, &err) == DG_OK, "%s", err.text);
}

static void check_events(const dg_als_law *law, int64_t user)
{
    open_made(make_fold_artifact(USERS, ITEMS, FACTORS, law, 0.05, 11));
    dg_rng rng = dg_rng_at(12, DG_RNG_TEST, (uint64_t)user);
    dg_person *p = person_of(user);
    dense d = dense_of(user);
    if (user >= 0) scores_are(p, &d);
    for (int k = 0; k < 60; k++) { /* some pairs again, with other values */
        const int32_t item = (int32_t)dg_rng_below(&rng, ITEMS);
        const float value = (float)(1 + dg_rng_below(&rng, 5));
        meet(p, item, value);
        d.value[item] = (double)value;
        scores_are(p, &d);
    }
    ck_assert_uint_gt(dg_person_bytes(p), 0);
    dg_person_destroy(&p);
    dg_person_destroy(&p);
    close_all();
}

START_TEST(events_of_ratings_are_folded_in) { check_events(&ratings, 3); }
END_TEST
START_TEST(events_of_behaviour_are_folded_in) { check_events(&plain, 3); }
END_TEST
START_TEST(events_of_hkv_are_folded_in) { check_events(&hkv, 3); }
END_TEST
START_TEST(new_users_are_folded_in) { check_events(&plain, -1); }
END_TEST

START_TEST(somebody_without_events_has_no_taste)
{
    dg_taste taste;
    open_made(make_fold_artifact(USERS, ITEMS, FACTORS, &plain, 0.05, 11));
    dg_person *p = person_of(-1);
    taste_of(p, &taste);
    ck_assert(taste.factor == NULL && taste.n == 0 && taste.user == -1);
    ck_assert_int_eq(dg_person_unseen(p).n_skip, 0);
    dg_person_destroy(&p);
    close_all();
}
END_TEST

START_TEST(somebody_without_events_has_a_score_and_no_reasons)
{
    static const dg_als_law *const laws[] = {&ratings, &plain};
    for (int k = 0; k < 2; k++) {
        dg_reasons why;
        double unsure;
        open_made(make_fold_artifact(USERS, ITEMS, FACTORS, laws[k], 0.05, 11));
        dg_person *p = person_of(-1);
        ck_assert_int_eq(dg_person_explain(p, 8, &why, &unsure, &err), DG_OK);
        ck_assert(why.n == 0 && why.score == why.base && isnan(unsure));
        dg_free(why.at);
        dg_person_destroy(&p);
        close_all();
    }
}
END_TEST

START_TEST(what_was_seen_grows_by_the_event)
{
    open_made(make_fold_artifact(USERS, ITEMS, FACTORS, &plain, 0.05, 11));
    dg_person *p = person_of(3);
    const int64_t before = dg_person_unseen(p).n_skip;
    int32_t fresh = 0;
    dg_allowed unseen = dg_person_unseen(p);
    while (!dg_allowed_has(&unseen, fresh)) fresh++;
    for (int twice = 0; twice < 2; twice++) meet(p, fresh, 1);
    unseen = dg_person_unseen(p);
    ck_assert_int_eq(unseen.n_skip, before + 1);
    ck_assert(!dg_allowed_has(&unseen, fresh));
    for (int64_t k = 1; k < unseen.n_skip; k++) ck_assert(unseen.skip[k] > unseen.skip[k - 1]);
    dg_person_destroy(&p);
    close_all();
}
END_TEST

static void check_merging(const char *how, float first, float second, float third)
{
    static const float value[] = {3, 5, 2};
    const float want[] = {first, second, third};
    made_artifact *m = make_fold_artifact(USERS, ITEMS, FACTORS, &linear, 0.05, 11);
    m->duplicates = how;
    open_made(m);
    dg_person *p = person_of(-1);
    for (int k = 0; k < 3; k++) {
        dg_reasons why;
        double unsure;
        meet(p, 7, value[k]);
        ck_assert_int_eq(dg_person_explain(p, 8, &why, &unsure, &err), DG_OK);
        ck_assert(why.n == 1 && why.at[0].row == 7 && why.at[0].value == want[k]);
        dg_free(why.at);
    }
    dg_person_destroy(&p);
    close_all();
}

START_TEST(events_of_one_pair_are_merged_as_the_data_was)
{
    check_merging("sum", 3, 8, 10);
    check_merging("max", 3, 5, 5);
    check_merging("last", 3, 5, 2);
    check_merging("first", 3, 3, 3);
    check_merging("count", 1, 2, 3);
    check_merging(NULL, 3, 5, 2);
}
END_TEST

static void check_reasons(const dg_als_law *law)
{
    dg_taste taste;
    double unsure;
    dg_reasons why;
    open_made(make_fold_artifact(USERS, ITEMS, FACTORS, law, 0.05, 11));
    dg_person *p = person_of(3);
    const bool implicit = law->loss != DG_ALS_RATINGS;
    meet(p, 39, implicit ? -2 : 1); /* a dislike */
    taste_of(p, &taste);
    for (int32_t i = 0; i < ITEMS; i++) {
        ck_assert_msg(dg_person_explain(p, i, &why, &unsure, &err) == DG_OK, "%s", err.text);
        double sum = why.base, size = fabs(why.base);
        for (int64_t k = 0; k < why.n; k++) {
            sum += why.at[k].contribution;
            size += fabs(why.at[k].contribution);
            if (k > 0) ck_assert(fabs(why.at[k].contribution) <= fabs(why.at[k - 1].contribution));
            if (implicit && why.at[k].row == 39) ck_assert(why.at[k].contribution == 0);
        }
        ck_assert_double_le(fabs(sum - why.score), 1e-12 * size);
        ck_assert_double_le(fabs(score_of(&taste, i) - why.score), 1e-6 * size);
        ck_assert(unsure > 0);
        dg_free(why.at);
    }
    dg_person_destroy(&p);
    close_all();
}

START_TEST(contributions_sum_to_the_score)
{
    check_reasons(&ratings);
    check_reasons(&plain);
    check_reasons(&linear);
    check_reasons(&hkv);
}
END_TEST

START_TEST(a_similarity_is_what_an_item_adds_when_it_pulls_more)
{
    /* c s_ij is linear in what j pulls with: taken from scores alone, by differences */
    double unsure, before[ITEMS], after[ITEMS];
    dg_reasons why;
    open_made(make_fold_artifact(USERS, ITEMS, FACTORS, &ratings, 0.05, 11));
    dg_person *p = person_of(3);
    dense d = dense_of(3);
    const int32_t j = a->profile.index[a->profile.ptr[3]];
    ck_assert_int_eq(dg_person_explain(p, 20, &why, &unsure, &err), DG_OK);
    reference(&d, before);
    d.value[j] += 1;
    reference(&d, after);
    for (int64_t k = 0; k < why.n; k++)
        if (why.at[k].row == j)
            ck_assert_double_lt(fabs((double)why.at[k].weight - (after[20] - before[20])), 1e-6);
    dg_free(why.at);
    dg_person_destroy(&p);
    close_all();
}
END_TEST

START_TEST(profiles_of_weights_take_events)
{
    dg_taste taste;
    double unsure;
    dg_reasons why;
    made_artifact *m = make_weights_artifact(USERS, ITEMS, "item", 5);
    m->extra[0].name = "binary", m->extra[0].value = 1;
    open_made(m);
    ck_assert(dg_person_learns(a));
    dg_person *p = person_of(-1);
    meet(p, 9, 3);
    meet(p, 4, 2);
    meet(p, 6, -1);
    taste_of(p, &taste);
    ck_assert(taste.n == 3 && taste.item[0] == 4 && taste.item[1] == 6 && taste.item[2] == 9);
    ck_assert(taste.value[0] == 1 && taste.value[1] == -1 && taste.value[2] == 1);
    ck_assert_int_eq(dg_person_explain(p, 0, &why, &unsure, &err), DG_OK);
    ck_assert(unsure == 0);
    dg_free(why.at);
    dg_person_destroy(&p);
    close_all();
    open_made(make_weights_artifact(USERS, ITEMS, "user", 5));
    ck_assert(!dg_person_learns(a));
    p = person_of(2);
    meet(p, 9, 1);
    taste_of(p, &taste);
    ck_assert(taste.user == 2 && taste.n == a->profile.ptr[3] - a->profile.ptr[2]);
    dg_person_destroy(&p);
    close_all();
}
END_TEST

START_TEST(a_model_that_cannot_learn_keeps_its_row)
{
    dg_taste taste;
    float room[16];
    open_made(make_artifact(USERS, ITEMS, 8, 3));
    ck_assert(!dg_person_learns(a));
    dg_person *p = person_of(2);
    meet(p, 9, 1);
    taste_of(p, &taste);
    ck_assert_mem_eq(taste.factor, dg_factors_row(&a->user_factor, 2, room), 8 * sizeof(float));
    dg_person_destroy(&p);
    close_all();
}
END_TEST

UNIT_MAIN("person", events_of_ratings_are_folded_in, events_of_behaviour_are_folded_in,
          events_of_hkv_are_folded_in, new_users_are_folded_in,
          somebody_without_events_has_no_taste, somebody_without_events_has_a_score_and_no_reasons,
          what_was_seen_grows_by_the_event, events_of_one_pair_are_merged_as_the_data_was,
          contributions_sum_to_the_score, a_similarity_is_what_an_item_adds_when_it_pulls_more,
          profiles_of_weights_take_events, a_model_that_cannot_learn_keeps_its_row)
