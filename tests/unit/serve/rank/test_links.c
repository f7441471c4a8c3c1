/* Scores, neighbours and reasons of models of weights, of matrices made in memory. */
#include "base/fault.h"
#include "base/memory.h"
#include "base/rng.h"
#include "serve/rank/links.h"
#include "unit_main.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { USERS = 23, ITEMS = 31 };

static dg_err err;

/* Dense matrices, NAN where nothing is; the artifact's arrays are taken from them. */
static float profile[USERS * ITEMS], lists[ITEMS * ITEMS], users[USERS * USERS];
static float user_base[USERS], item_base[ITEMS];

static void fill(float *at, int rows, int columns, bool square, uint64_t seed)
{
    dg_rng rng = dg_rng_at(seed, DG_RNG_TEST, 0);
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++) {
            const bool there = dg_rng_below(&rng, 3) == 0 && !(square && r == c);
            const float value = (float)((int)dg_rng_below(&rng, 23) - 5) / 8;
            at[r * columns + c] = there && value != 0 ? value : NAN;
        }
}

static dg_links links_of(const float *at, int rows, int columns, bool turned)
{
    int64_t *ptr = dg_alloc((size_t)rows + 1, sizeof *ptr);
    int32_t *index = dg_alloc((size_t)(rows * columns), sizeof *index);
    float *value = dg_alloc((size_t)(rows * columns), sizeof *value);
    for (int r = 0; r < rows; r++) {
        ptr[r + 1] = ptr[r];
        for (int c = 0; c < columns; c++) {
            const float x = turned ? at[c * rows + r] : at[r * columns + c];
            if (isnan(x)) continue;
            index[ptr[r + 1]] = c;
            value[ptr[r + 1]++] = x;
        }
    }
    return (dg_links){ptr, index, value};
}

static void free_links(dg_links *l)
{
    dg_free((void *)(uintptr_t)l->ptr);
    dg_free((void *)(uintptr_t)l->index);
    dg_free((void *)(uintptr_t)l->value);
}

static dg_artifact make(bool of_users, dg_tally_rule rule, bool based)
{
    dg_artifact a = {.n_users = USERS, .n_items = ITEMS, .rule = rule, .offset = 0.25};
    fill(profile, USERS, ITEMS, false, 1);
    fill(lists, ITEMS, ITEMS, true, 2);
    fill(users, USERS, USERS, true, 3);
    for (int u = 0; u < USERS; u++) user_base[u] = (float)u / 4;
    for (int i = 0; i < ITEMS; i++) item_base[i] = (float)(i % 5) / 8;
    for (int i = 0; i < ITEMS; i++) profile[i] = NAN; /* user 0 has nothing */
    a.profile = links_of(profile, USERS, ITEMS, false);
    if (of_users) {
        a.user_weights = links_of(users, USERS, USERS, false);
    } else {
        a.item_weights = links_of(lists, ITEMS, ITEMS, true);
        a.similar_items = links_of(lists, ITEMS, ITEMS, false);
    }
    if (based) a.user_base = user_base, a.item_base = item_base;
    return a;
}

static void done(dg_artifact *a)
{
    dg_links *const all[] = {&a->profile, &a->item_weights, &a->user_weights, &a->similar_items};
    for (size_t k = 0; k < 4; k++) free_links(all[k]);
}

typedef struct match {
    double weight, value;
    int row;
} match;

static int best_first(const void *a, const void *b)
{
    const match *x = a, *y = b;
    if (x->weight != y->weight) return x->weight > y->weight ? -1 : 1;
    return x->row - y->row;
}

/* Straight from the formula. */
static double reference(const dg_artifact *a, bool of_users, int u, int i)
{
    match m[ITEMS > USERS ? ITEMS : USERS];
    double top = 0, below = 0,
           base = 0.25 + (a->user_base == NULL ? 0 : (double)user_base[u] + (double)item_base[i]);
    int n = 0;
    for (int r = 0; r < (of_users ? USERS : ITEMS); r++) {
        const float w = of_users ? users[u * USERS + r] : lists[i * ITEMS + r];
        const float x = of_users ? profile[r * ITEMS + i] : profile[u * ITEMS + r];
        if (!isnan(w) && !isnan(x)) m[n++] = (match){(double)w, (double)x, r};
    }
    qsort(m, (size_t)n, sizeof *m, best_first);
    if (a->rule.k > 0 && n > a->rule.k) n = (int)a->rule.k;
    for (int k = 0; k < n; k++) {
        top += m[k].weight * m[k].value;
        below += a->rule.norm == DG_TALLY_MEAN ? fabs(m[k].weight) : m[k].weight;
    }
    if (a->rule.norm == DG_TALLY_SUM) below = 1;
    if (n < a->rule.min_k || !(below > 0)) return base + (double)a->rule.fallback;
    return base + top / below;
}

static const dg_tally_rule rules[] = {
    {DG_TALLY_SUM, 0, 1, 0},  {DG_TALLY_SUM, 3, 2, 0},         {DG_TALLY_MEAN, 0, 1, 3.5f},
    {DG_TALLY_MEAN, 2, 1, 0}, {DG_TALLY_SIGNED_MEAN, 0, 2, 1}, {DG_TALLY_SIGNED_MEAN, 4, 1, 0}};

START_TEST(scores_are_the_formula_and_reasons_add_up_to_them)
{
    for (size_t k = 0; k < sizeof rules / sizeof *rules; k++)
        for (int which = 0; which < 4; which++) {
            const bool of_users = which % 2 == 1;
            dg_artifact a = make(of_users, rules[k], which / 2 == 1);
            for (int u = 0; u < USERS; u++) {
                const dg_taste t = dg_taste_of(&a, u, NULL);
                float *score;
                bool linked;
                ck_assert_int_eq(dg_links_scores(&a, &t, &score, &linked, &err), DG_OK);
                ck_assert(linked == (of_users || u > 0));
                for (int i = 0; i < ITEMS; i++) {
                    dg_reasons why;
                    ck_assert_double_eq_tol((double)score[i], reference(&a, of_users, u, i), 1e-4);
                    ck_assert_int_eq(dg_links_explain(&a, &t, i, &why, &err), DG_OK);
                    double sum = why.base;
                    for (int64_t r = 0; r < why.n; r++) {
                        sum += why.at[r].contribution;
                        ck_assert(r == 0 ||
                                  fabs(why.at[r].contribution) <= fabs(why.at[r - 1].contribution));
                    }
                    ck_assert_double_eq_tol(sum, (double)score[i], 1e-4);
                    ck_assert_double_eq_tol(why.score, (double)score[i], 1e-5);
                    ck_assert(why.of_users == of_users);
                    dg_free(why.at);
                }
                dg_free(score);
            }
            done(&a);
        }
}
END_TEST

START_TEST(without_memory_there_is_an_error_and_nothing_is_left)
{
    for (int which = 0; which < 4; which++) {
        dg_artifact a = make(which % 2 == 1, rules[which / 2 == 0 ? 2 : 3], true);
        const size_t alive = dg_alloc_live();
        const dg_taste t = dg_taste_of(&a, 2, NULL);
        for (int nth = 1; nth < 9; nth++) {
            char fault[32];
            float *score;
            bool linked;
            dg_reasons why;
            snprintf(fault, sizeof fault, "alloc:0:%d", nth);
            setenv("DAOGOU_FAULT", fault, 1);
            dg_fault_reload();
            const dg_status st = dg_links_scores(&a, &t, &score, &linked, &err);
            ck_assert(st == DG_ERR_NOMEM || (st == DG_OK && nth > 2));
            if (st == DG_OK) dg_free(score);
            dg_fault_reload();
            if (dg_links_explain(&a, &t, 3, &why, &err) == DG_OK) dg_free(why.at);
            ck_assert_uint_eq(dg_alloc_live(), alive);
        }
        unsetenv("DAOGOU_FAULT");
        dg_fault_reload();
        done(&a);
    }
}
END_TEST

UNIT_MAIN("links", scores_are_the_formula_and_reasons_add_up_to_them,
          without_memory_there_is_an_error_and_nothing_is_left)
