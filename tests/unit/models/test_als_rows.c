/* A row's solution against the system its law publishes, solved densely in double. */
#include "models/als/rows.h"

#include "base/memory.h"
#include "base/rng.h"
#include "dense/blas.h"
#include "dense/half.h"
#include "dense/panel.h"
#include "ref_als.h"
#include "unit_main.h"

#include <math.h>
#include <string.h>

enum { N_LAWS = REF_PAPER_HKV + 1 };

static const char *const law_name[N_LAWS] = {
    [REF_RATINGS] = "ratings", [REF_IALS] = "ials",          [REF_IALS_LOG] = "ials log",
    [REF_HKV] = "hkv",         [REF_IMPLICIT] = "implicit",  [REF_SPARK] = "spark",
    [REF_ONEDAL] = "onedal",   [REF_PAPER_HKV] = "hkv paper"};

static dg_err err;

/* The options a user would write for the law, settled. */
static dg_als_options options_of(ref_law law, bool biases)
{
    static const dg_als_compat compat[N_LAWS] = {[REF_IMPLICIT] = DG_ALS_IMPLICIT,
                                                 [REF_SPARK] = DG_ALS_SPARK,
                                                 [REF_ONEDAL] = DG_ALS_ONEDAL,
                                                 [REF_PAPER_HKV] = DG_ALS_COMPAT_HKV};
    dg_als_options o = {.reg = 0.05,
                        .reg_user = -1,
                        .reg_item = 0.08,
                        .law.reg_exponent = 0.5,
                        .law.unobserved_weight = 0.3,
                        .law.alpha = 0.4,
                        .law.epsilon = 0.5,
                        .cg_tolerance = 1e-9,
                        .law.loss = law == REF_HKV ? DG_ALS_HKV : DG_ALS_IALS,
                        .law.confidence = law == REF_IALS       ? DG_ALS_NONE
                                          : law == REF_IALS_LOG ? DG_ALS_LOG
                                                                : DG_ALS_LINEAR,
                        .law.compat = compat[law],
                        .biases = biases};
    if (law == REF_RATINGS)
        ck_assert(dg_als__settle_ratings(&o, &err) == DG_OK);
    else
        ck_assert(dg_als__settle_ials(&o, &err) == DG_OK);
    return o;
}

/* One problem twice: for the reference, and for the code under test. */
typedef struct problem {
    ref_als ref;
    dg_als_options o;
    float *features[2]; /* of users, of items, as floats */
    float *base[2];     /* unseen weight * Gram of them */
    float *diagonal;    /* the same of the items in their eigenbasis; NULL for the exact route */
    float *average;     /* mean square of the items' columns */
    int32_t *index;     /* room for one row */
    float *value;
} problem;

static double *room(int64_t n) { return dg_alloc((size_t)n, sizeof(double)); }

static float *draw_features(int64_t n, int d, uint64_t row, double *as_double)
{
    float *at = dg_alloc((size_t)(n * d), sizeof *at);
    dg_rng r = dg_rng_at(41, DG_RNG_TEST, row);
    for (int64_t k = 0; k < n * d; k++) {
        at[k] = (float)(dg_rng_normal(&r) / sqrt(d));
        as_double[k] = (double)at[k];
    }
    return at;
}

static float *base_of(const float *features, int64_t n, int d, double weight)
{
    float *base = dg_alloc((size_t)(d * d), sizeof *base);
    for (int i = 0; i < d; i++)
        for (int j = 0; j < d; j++) {
            double sum = 0;
            for (int64_t r = 0; r < n; r++)
                sum += (double)features[r * d + i] * (double)features[r * d + j];
            base[i * d + j] = (float)(weight * sum);
        }
    return base;
}

/* Nothing is observed yet. */
static problem start(ref_law law, bool biases, int d, int64_t n_users, int64_t n_items)
{
    problem p = {.o = options_of(law, biases)};
    double *value = room(n_users * n_items);
    for (int64_t k = 0; k < n_users * n_items; k++) value[k] = NAN;
    p.ref = (ref_als){.law = law,
                      .biases = biases,
                      .alpha0 = 0.3,
                      .alpha = 0.4,
                      .epsilon = 0.5,
                      .reg_user = 0.05,
                      .reg_item = 0.08,
                      .nu = 0.5,
                      .mean = law == REF_RATINGS ? 1.75 : 0,
                      .d = d,
                      .n_users = n_users,
                      .n_items = n_items,
                      .value = value,
                      .users = room(n_users * d),
                      .items = room(n_items * d)};
    p.features[0] = draw_features(n_users, d, 1, p.ref.users);
    p.features[1] = draw_features(n_items, d, 2, p.ref.items);
    if (law != REF_RATINGS) {
        p.base[0] = base_of(p.features[0], n_users, d, p.o.law.unobserved_weight);
        p.base[1] = base_of(p.features[1], n_items, d, p.o.law.unobserved_weight);
    }
    p.index = dg_alloc((size_t)(n_users + n_items), sizeof *p.index);
    p.value = dg_alloc((size_t)(n_users + n_items), sizeof *p.value);
    return p;
}

static void finish(problem *p)
{
    dg_free((double *)(uintptr_t)p->ref.value);
    dg_free(p->ref.users);
    dg_free(p->ref.items);
    for (int k = 0; k < 2; k++) {
        dg_free(p->features[k]);
        dg_free(p->base[k]);
    }
    dg_free(p->diagonal);
    dg_free(p->average);
    dg_free(p->index);
    dg_free(p->value);
}

static void observe(problem *p, int64_t user, int64_t item, double value)
{
    double *at = (double *)(uintptr_t)p->ref.value;
    at[user * p->ref.n_items + item] = (double)(float)value;
}

/* From 0.1 (below 1 / alpha, where implicit weighs less than an unseen pair) to 5; one in six is a
 * dislike. */
static double draw_value(dg_rng *r)
{
    const double size = dg_rng_below(r, 3) == 0 ? 0.1 + dg_rng_uniform(r) : 1 + dg_rng_below(r, 5);
    return dg_rng_below(r, 6) == 0 ? -size : size;
}

static dg_row row_of(problem *p, bool of_users, int64_t at)
{
    const ref_als *r = &p->ref;
    const int64_t n_other = of_users ? r->n_items : r->n_users;
    int64_t n = 0;
    for (int64_t o = 0; o < n_other; o++) {
        const double v = of_users ? r->value[at * r->n_items + o] : r->value[o * r->n_items + at];
        if (isnan(v)) continue;
        p->index[n] = (int32_t)o;
        p->value[n++] = (float)v;
    }
    return (dg_row){p->index, p->value, n, 0};
}

/* The features in half precision times 64, rows padded to whole vectors. */
static uint16_t *halves_of(const dg_matrix *features)
{
    const size_t width = (size_t)dg_panel_width(features->n_cols);
    uint16_t *half = dg_alloc((size_t)features->n_rows * width, sizeof *half);
    for (int64_t r = 0; r < features->n_rows; r++)
        for (int k = 0; k < features->n_cols; k++)
            half[(size_t)r * width + (size_t)k] =
                dg_half_of_float(64 * dg_matrix_row(features, r)[k]);
    return half;
}

/* x is where CG starts, if CG it is. */
static bool solve(problem *p, bool of_users, int64_t at, float *x, dg_als_row_loss *loss)
{
    const int other = of_users ? 1 : 0;
    dg_matrix features = {.at = p->features[other],
                          .n_rows = of_users ? p->ref.n_items : p->ref.n_users,
                          .n_cols = p->ref.d};
    uint16_t *half = p->o.gather == DG_ALS_F16 ? halves_of(&features) : NULL;
    const dg_als_side side = {.options = &p->o,
                              .half = half,
                              .unscale = 1 / 64.0f,
                              .observes = true,
                              .features = &features,
                              .base = p->diagonal == NULL ? p->base[other] : NULL,
                              .diagonal = p->diagonal,
                              .average = p->average,
                              .reg = of_users ? p->o.reg_user : p->o.reg_item,
                              .mean = p->ref.mean,
                              .biases = p->ref.biases};
    dg_als_workspace *w = NULL;
    ck_assert(dg_als_workspace_create(p->ref.d, &w, &err) == DG_OK);
    const bool good = dg_als_solve_row(&side, row_of(p, of_users, at), w, x, loss);
    dg_als_workspace_destroy(&w);
    dg_free(half);
    return good;
}

/* Largest difference as a share of the largest expected element. */
static double difference(const float *x, const double *want, int d)
{
    double most = 0, size = 0;
    for (int k = 0; k < d; k++) {
        most = fmax(most, fabs((double)x[k] - want[k]));
        size = fmax(size, fabs(want[k]));
    }
    return size == 0 ? most : most / size;
}

/* Roundings of 6e-8 in a system whose condition is about 100 here. */
static const double float_accuracy = 1e-5;

static void check_length(ref_law law, bool biases, int d, int64_t n_items, int64_t length)
{
    problem p = start(law, biases, d, 1, n_items);
    dg_rng r = dg_rng_at(42, DG_RNG_TEST, (uint64_t)length);
    for (int64_t k = 0; k < length; k++) observe(&p, 0, k * n_items / length, draw_value(&r));
    float *x = dg_alloc((size_t)d, sizeof *x);
    double *want = room(d);
    for (int k = 0; k < d; k++) x[k] = NAN;
    ck_assert(ref_als_row(&p.ref, true, 0, want));
    ck_assert_msg(solve(&p, true, 0, x, NULL), "%s d %d length %d", law_name[law], d, (int)length);
    ck_assert_msg(difference(x, want, d) < float_accuracy, "%s d %d length %d: off by %g",
                  law_name[law], d, (int)length, difference(x, want, d));
    dg_free(x);
    dg_free(want);
    finish(&p);
    ck_assert_uint_eq(dg_alloc_live(), 0);
}

/* Around d, where the system changes its rank, and over a thousand entries. */
static void check_lengths(ref_law law, bool biases, int d)
{
    const int64_t lengths[] = {0, 1, d - 1, d, d + 1, 10 * d, 1023, 1024, 1025, 3000};
    for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++)
        check_length(law, biases, d, lengths[k] < 400 ? 400 : 3100, lengths[k]);
}

START_TEST(rows_of_every_length_solve_their_laws_system)
{
    check_lengths((ref_law)_i, false, 7);
    check_lengths((ref_law)_i, false, 17);
}
END_TEST

START_TEST(rows_with_biases_solve_their_system)
{
    check_lengths(REF_RATINGS, true, 7);
    check_lengths(REF_RATINGS, true, 17);
}
END_TEST

START_TEST(any_number_of_factors_will_do)
{
    const int sizes[] = {1, 2, 64, 100};
    for (int k = 0; k < 4; k++) {
        check_length(REF_IALS, false, sizes[k], 400, 1);
        check_length(REF_IALS_LOG, false, sizes[k], 400, 300);
        check_length(REF_RATINGS, true, sizes[k] + 1, 400, 300);
    }
    check_length(REF_HKV, false, 513, 100, 60);
}
END_TEST

/* ---- the loss, and that a solution is its lowest point ---- */

enum { USERS = 50, ITEMS = 40, FACTORS = 6 };

static problem draw_shop(ref_law law)
{
    problem p = start(law, law == REF_RATINGS, FACTORS, USERS, ITEMS);
    dg_rng r = dg_rng_at(43, DG_RNG_TEST, 0);
    for (int64_t u = 0; u < USERS; u++)
        for (int64_t i = 0; i < ITEMS; i++)
            if (dg_rng_below(&r, 4) == 0) observe(&p, u, i, draw_value(&r));
    return p;
}

static void check_gradient(problem *p, bool of_users, int64_t at)
{
    float x[FACTORS];
    double *row = (of_users ? p->ref.users : p->ref.items) + at * FACTORS;
    double kept[FACTORS], steepest = 0;
    memcpy(kept, row, sizeof kept);
    memset(row, 0, sizeof kept);
    for (int k = 0; k < FACTORS; k++)
        steepest = fmax(steepest, fabs(ref_als_gradient(&p->ref, of_users, at, k)));
    ck_assert(solve(p, of_users, at, x, NULL));
    for (int k = 0; k < FACTORS; k++) row[k] = (double)x[k];
    for (int k = 0; k < FACTORS; k++) {
        const double slope = ref_als_gradient(&p->ref, of_users, at, k);
        ck_assert_msg(fabs(slope) <= 1e-5 * steepest, "%s: slope %g of %g", law_name[p->ref.law],
                      slope, steepest);
    }
    memcpy(row, kept, sizeof kept);
}

START_TEST(the_gradient_of_the_whole_loss_is_zero_at_a_solved_row)
{
    problem p = draw_shop((ref_law)_i);
    for (int64_t u = 0; u < USERS; u += 3) check_gradient(&p, true, u);
    for (int64_t i = 0; i < ITEMS; i += 3) check_gradient(&p, false, i);
    finish(&p);
}
END_TEST

static bool near(double got, double want) { return fabs(got - want) <= 2e-6 * fabs(want) + 1e-6; }

static void check_row_loss(ref_law law, int64_t length)
{
    problem p = start(law, law == REF_RATINGS, FACTORS, 1, 3100);
    dg_rng r = dg_rng_at(44, DG_RNG_TEST, (uint64_t)length);
    for (int64_t k = 0; k < length; k++) observe(&p, 0, k * 3100 / length, draw_value(&r));
    float x[FACTORS];
    dg_als_row_loss loss;
    memset(p.ref.users, 0, FACTORS * sizeof *p.ref.users);
    const double of_items = ref_als_loss(&p.ref).regularization;
    ck_assert(solve(&p, true, 0, x, &loss));
    for (int k = 0; k < FACTORS; k++) p.ref.users[k] = (double)x[k];
    const ref_loss want = ref_als_loss(&p.ref);
    ck_assert_msg(near(loss.observed, want.observed), "%s length %d: %g, expected %g",
                  law_name[law], (int)length, loss.observed, want.observed);
    ck_assert(near(loss.regularization, want.regularization - of_items));
    finish(&p);
}

/* Short rows reuse the panel they were solved from, long ones gather again. */
START_TEST(a_rows_loss_is_summed_over_its_own_entries)
{
    check_row_loss((ref_law)_i, 9);
    check_row_loss((ref_law)_i, 1024);
    check_row_loss((ref_law)_i, 1300);
}
END_TEST

/* ---- conjugate gradients ---- */

/* Turn the items into the eigenbasis of their Gram matrix, as a sweep does before solving users. */
static void enter_basis(problem *p)
{
    const int d = p->ref.d;
    const int64_t n = p->ref.n_items;
    p->diagonal = dg_alloc((size_t)d, sizeof *p->diagonal);
    p->average = dg_alloc((size_t)d, sizeof *p->average);
    if (p->ref.biases) return; /* ratings share nothing but lambda: any basis will do */
    double *gram = room(d * d), *value = room(d), *turned = room(d);
    for (int64_t i = 0; i < n; i++)
        for (int j = 0; j < d; j++)
            for (int k = 0; k < d; k++)
                gram[j * d + k] += p->ref.items[i * d + j] * p->ref.items[i * d + k];
    ck_assert(dg_eigen(d, gram, value, &err) == DG_OK);
    for (int64_t i = 0; i < n; i++) {
        double *row = p->ref.items + i * d;
        for (int k = 0; k < d; k++) {
            turned[k] = 0;
            for (int j = 0; j < d; j++) turned[k] += gram[k * d + j] * row[j];
        }
        for (int k = 0; k < d; k++) {
            p->features[1][i * d + k] = (float)turned[k];
            row[k] = (double)p->features[1][i * d + k];
        }
    }
    for (int k = 0; k < d; k++) {
        p->diagonal[k] =
            (float)(p->ref.law == REF_RATINGS ? 0 : p->o.law.unobserved_weight * value[k]);
        p->average[k] = (float)(value[k] / (double)n);
    }
    dg_free(gram);
    dg_free(value);
    dg_free(turned);
}

static double loss_at(problem *p, const double *x)
{
    memcpy(p->ref.users, x, (size_t)p->ref.d * sizeof *x);
    return ref_total(ref_als_loss(&p->ref));
}

static double loss_with(problem *p, const float *x)
{
    for (int k = 0; k < p->ref.d; k++) p->ref.users[k] = (double)x[k];
    return ref_total(ref_als_loss(&p->ref));
}

/* Again and again from where it stopped: every time lower, until it is there. */
static void check_descent(problem *p)
{
    const int d = p->ref.d;
    float *x = dg_alloc((size_t)d, sizeof *x);
    double *want = room(d), before = loss_with(p, x);
    const double at_zero = before;
    ck_assert(ref_als_row(&p->ref, true, 0, want));
    for (int round = 0; round < 20; round++) {
        ck_assert(solve(p, true, 0, x, NULL));
        const double now = loss_with(p, x);
        ck_assert_msg(now <= before + 1e-6 * at_zero, "%s: %g after %g", law_name[p->ref.law], now,
                      before);
        before = now;
    }
    ck_assert_msg(difference(x, want, d) < 1e-4, "%s d %d: off by %g", law_name[p->ref.law], d,
                  difference(x, want, d));
    dg_free(x);
    dg_free(want);
}

START_TEST(cg_descends_to_the_exact_solution)
{
    const int64_t lengths[] = {1, 30, 300};
    for (int k = 0; k < 3; k++) {
        problem p = start((ref_law)_i, false, 20, 1, 310);
        dg_rng r = dg_rng_at(46, DG_RNG_TEST, (uint64_t)k);
        for (int64_t i = 0; i < lengths[k]; i++)
            observe(&p, 0, i * 310 / lengths[k], draw_value(&r));
        enter_basis(&p);
        check_descent(&p);
        finish(&p);
    }
}
END_TEST

/* The dual takes rows of up to d entries; what it cannot take, dislikes of no weight among them,
 * goes another way to the same solution. */
START_TEST(the_dual_solves_short_rows_exactly)
{
    const int64_t lengths[] = {0, 1, 2, 15, 16, 17, 39, 40, 41, 300};
    for (int k = 0; k < 10; k++)
        for (int biases = 0; biases <= (_i == REF_RATINGS); biases++) {
            float x[40] = {0};
            double want[40];
            problem p = start((ref_law)_i, biases, 40, 1, 310);
            dg_rng r = dg_rng_at(48, DG_RNG_TEST, (uint64_t)k);
            for (int64_t i = 0; i < lengths[k]; i++)
                observe(&p, 0, i * 310 / lengths[k], draw_value(&r));
            p.o.solver = DG_ALS_DUAL;
            enter_basis(&p);
            ck_assert(ref_als_row(&p.ref, true, 0, want));
            ck_assert(solve(&p, true, 0, x, NULL));
            ck_assert_msg(difference(x, want, 40) < float_accuracy, "%s, %d entries: off by %g",
                          law_name[_i], (int)lengths[k], difference(x, want, 40));
            finish(&p);
        }
}
END_TEST

/* Halves keep 11 bits: a solution from them is that near, and its loss nearer: at a minimum what is
 * off enters as its square. */
START_TEST(halves_solve_nearly_the_same_system)
{
    for (int solver = DG_ALS_CHOLESKY; solver <= DG_ALS_CG; solver++) {
        float x[40] = {0};
        double want[40];
        problem p = start((ref_law)_i, false, 40, 1, 310);
        dg_rng r = dg_rng_at(49, DG_RNG_TEST, 0);
        for (int64_t i = 0; i < 35; i++) observe(&p, 0, i * 8, draw_value(&r));
        p.o.solver = solver;
        p.o.gather = DG_ALS_F16;
        enter_basis(&p);
        ck_assert(ref_als_row(&p.ref, true, 0, want));
        ck_assert(solve(&p, true, 0, x, NULL));
        ck_assert_msg(difference(x, want, 40) < 0.01, "%s: off by %g", law_name[_i],
                      difference(x, want, 40));
        const double least = loss_at(&p, want), loss = loss_with(&p, x);
        ck_assert_msg(loss < least + 1e-5 * fabs(least), "%s: %g, least %g", law_name[_i], loss,
                      least);
        finish(&p);
    }
}
END_TEST

/* More entries than a panel holds (4096 at most): every step gathers again. */
START_TEST(cg_passes_over_long_rows_in_panels)
{
    problem p = start(REF_SPARK, false, 5, 1, 4200);
    p.o.solver = DG_ALS_CG; /* auto would assemble the matrix of so long a row */
    dg_rng r = dg_rng_at(47, DG_RNG_TEST, 0);
    for (int64_t i = 0; i < 4150; i++) observe(&p, 0, i, draw_value(&r));
    enter_basis(&p);
    check_descent(&p);
    finish(&p);
}
END_TEST

/* Values far below 1 / alpha make implicit's weights negative, and what they take from the diagonal
 * on average may be more than there is: a preconditioner must stay positive all the same. */
START_TEST(cg_survives_weights_below_zero)
{
    enum { HEAVY = 10, ALL = 200, WIDE = 8 };
    problem p = start(REF_IMPLICIT, false, WIDE, 1, ALL);
    for (int k = 0; k < HEAVY * WIDE; k++) {
        p.features[1][k] *= 5;
        p.ref.items[k] *= 5;
    }
    for (int64_t i = HEAVY; i < ALL; i++) observe(&p, 0, i, 0.01);
    enter_basis(&p);
    for (int k = 0; k < WIDE; k++) p.average[k] = 25.0F / WIDE; /* all others like the heavy ones */
    check_descent(&p);
    finish(&p);
}
END_TEST

START_TEST(cg_refuses_what_is_not_finite)
{
    const float bad[] = {NAN, INFINITY, -INFINITY, 1e30f};
    float x[FACTORS];
    for (int k = 0; k < 4; k++) {
        problem p = draw_shop(REF_IALS);
        observe(&p, 0, 7, 3);
        enter_basis(&p);
        p.features[1][7 * FACTORS + 2] = bad[k];
        memset(x, 0, sizeof x);
        ck_assert(!solve(&p, true, 0, x, NULL));
        finish(&p);
    }
}
END_TEST

/* ---- bits ---- */

/* The same row again, anywhere in memory: kernels that peel up to an aligned address would show. */
START_TEST(the_same_row_gives_the_same_bits_wherever_it_is_written)
{
    for (int d = 1; d < 40; d += 3) {
        problem p = start(REF_IALS_LOG, false, d, 1, 60);
        dg_rng r = dg_rng_at(45, DG_RNG_TEST, 0);
        for (int64_t i = 0; i < 60; i += 2) observe(&p, 0, i, draw_value(&r));
        float *x = dg_alloc((size_t)d + 16, sizeof *x), first[40];
        for (int shift = 0; shift < 16; shift++) {
            ck_assert(solve(&p, true, 0, x + shift, NULL));
            if (shift == 0) memcpy(first, x, (size_t)d * sizeof *x);
            ck_assert(memcmp(first, x + shift, (size_t)d * sizeof *x) == 0);
        }
        dg_free(x);
        finish(&p);
    }
}
END_TEST

START_TEST(asking_for_the_loss_changes_no_bit)
{
    problem p = draw_shop(REF_RATINGS);
    float x[FACTORS], y[FACTORS];
    dg_als_row_loss loss;
    for (int64_t u = 0; u < USERS; u++) {
        ck_assert(solve(&p, true, u, x, NULL) && solve(&p, true, u, y, &loss));
        ck_assert(memcmp(x, y, sizeof x) == 0);
    }
    finish(&p);
}
END_TEST

/* ---- rows that cannot be solved, and rows that barely can ---- */

START_TEST(what_is_not_finite_is_refused)
{
    float x[FACTORS];
    problem p = draw_shop(REF_RATINGS);
    p.value[0] = 0;
    p.features[1][7 * FACTORS + 2] = NAN;
    observe(&p, 0, 7, 3);
    ck_assert(!solve(&p, true, 0, x, NULL));
    p.features[1][7 * FACTORS + 2] = INFINITY;
    ck_assert(!solve(&p, true, 0, x, NULL));
    p.features[1][7 * FACTORS + 2] = 1e30f; /* its square is not finite */
    ck_assert(!solve(&p, true, 0, x, NULL));
    p.features[1][7 * FACTORS + 2] = 1;
    ck_assert(solve(&p, true, 0, x, NULL));
    p.o.reg_user = 1e300;
    ck_assert(!solve(&p, true, 0, x, NULL));
    finish(&p);
}
END_TEST

/* oneDAL takes alpha r as it is: a strong dislike outweighs all unseen pairs. */
START_TEST(an_indefinite_system_is_refused)
{
    float x[FACTORS];
    problem p = start(REF_ONEDAL, false, FACTORS, 1, ITEMS);
    observe(&p, 0, 3, -1e6);
    ck_assert(!solve(&p, true, 0, x, NULL));
    finish(&p);
}
END_TEST

/* Without lambda, fewer goods than factors leave directions nothing decides: a nudged diagonal
 * picks a small solution among those that fit. */
START_TEST(a_singular_system_gets_a_small_solution)
{
    enum { WIDE = 12, FEW = 5 };
    float x[WIDE];
    problem p = start(REF_IALS, false, WIDE, 1, FEW);
    p.o.reg_user = 0;
    for (int64_t i = 0; i < FEW; i++) observe(&p, 0, i, 1);
    ck_assert(solve(&p, true, 0, x, NULL));
    for (int64_t i = 0; i < FEW; i++) {
        double score = 0;
        for (int k = 0; k < WIDE; k++) score += (double)x[k] * (double)p.features[1][i * WIDE + k];
        /* (0.3 + 1) score = 1 where nothing else holds the row; the nudge is 1e-5 of the matrix. */
        ck_assert(fabs(score - 1 / 1.3) < 1e-3);
    }
    finish(&p);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("als rows");
    tcase_add_loop_test(tc, rows_of_every_length_solve_their_laws_system, 0, N_LAWS);
    tcase_add_test(tc, rows_with_biases_solve_their_system);
    tcase_add_test(tc, any_number_of_factors_will_do);
    tcase_add_loop_test(tc, the_gradient_of_the_whole_loss_is_zero_at_a_solved_row, 0, N_LAWS);
    tcase_add_loop_test(tc, a_rows_loss_is_summed_over_its_own_entries, 0, N_LAWS);
    tcase_add_loop_test(tc, cg_descends_to_the_exact_solution, 0, N_LAWS);
    tcase_add_loop_test(tc, the_dual_solves_short_rows_exactly, 0, N_LAWS);
    tcase_add_loop_test(tc, halves_solve_nearly_the_same_system, 0, N_LAWS);
    tcase_add_test(tc, cg_passes_over_long_rows_in_panels);
    tcase_add_test(tc, cg_survives_weights_below_zero);
    tcase_add_test(tc, cg_refuses_what_is_not_finite);
    tcase_add_test(tc, the_same_row_gives_the_same_bits_wherever_it_is_written);
    tcase_add_test(tc, asking_for_the_loss_changes_no_bit);
    tcase_add_test(tc, what_is_not_finite_is_refused);
    tcase_add_test(tc, an_indefinite_system_is_refused);
    tcase_add_test(tc, a_singular_system_gets_a_small_solution);
    return unit_run("als rows", tc);
}
