/* The loss a sweep tells against a dense sum over all pairs, and that no sweep raises it. */
#include "model_run.h"
#include "mpi_main.h"
#include "ref_als.h"
#include "scratch.h"

#include "base/memory.h"
#include "base/rng.h"
#include "models/als/als.h"

#include <math.h>
#include <string.h>

enum { USERS = 50, ITEMS = 40 };

static dg_err err;

/* Dense enough for every row to have something; one in nine is a dislike. */
static float busy(int64_t user, int64_t item)
{
    dg_rng r = dg_rng_at(61, DG_RNG_TEST, (uint64_t)(user * 1000 + item));
    if (dg_rng_below(&r, 4) != 0) return NAN;
    const float size = (float)(1 + dg_rng_below(&r, 5));
    return dg_rng_below(&r, 9) == 0 ? -size : size;
}

static float rated(int64_t user, int64_t item) { return fabsf(busy(user, item)); }

static const struct {
    const char *name;
    const dg_model_class *class;
    const char *options;
    ref_als ref; /* law and numbers, those of the options */
} kinds[] = {
    {"ials",
     &dg_ials_class,
     "factors=6 alpha0=0.3 lambda=0.05 reg_item=0.02 nu=0.5",
     {.law = REF_IALS, .alpha0 = 0.3, .reg_user = 0.05, .reg_item = 0.02, .nu = 0.5}},
    {"ials log",
     &dg_ials_class,
     "factors=6 alpha0=0.3 lambda=0.01 nu=1 confidence=log alpha=2 epsilon=0.5",
     {.law = REF_IALS_LOG,
      .alpha0 = 0.3,
      .reg_user = 0.01,
      .reg_item = 0.01,
      .nu = 1,
      .alpha = 2,
      .epsilon = 0.5}},
    {"hkv",
     &dg_ials_class,
     "factors=6 alpha0=0.3 lambda=0.01 nu=1 loss=hkv confidence=linear",
     {.law = REF_HKV, .alpha0 = 0.3, .reg_user = 0.01, .reg_item = 0.01, .nu = 1, .alpha = 1}},
    {"implicit",
     &dg_ials_class,
     "factors=6 compat=implicit lambda=0.5 alpha=0.4",
     {.law = REF_IMPLICIT, .reg_user = 0.5, .reg_item = 0.5, .alpha = 0.4}},
    {"spark",
     &dg_ials_class,
     "factors=6 compat=spark lambda=0.1 alpha=0.4",
     {.law = REF_SPARK, .reg_user = 0.1, .reg_item = 0.1, .alpha = 0.4}},
    {"onedal",
     &dg_ials_class,
     "factors=6 compat=onedal lambda=0.1 alpha=0.01",
     {.law = REF_ONEDAL, .reg_user = 0.1, .reg_item = 0.1, .alpha = 0.01}},
    {"hkv paper",
     &dg_ials_class,
     "factors=6 compat=hkv lambda=0.5 alpha=0.4",
     {.law = REF_PAPER_HKV, .reg_user = 0.5, .reg_item = 0.5, .alpha = 0.4}},
    {"ratings",
     &dg_als_class,
     "factors=6 lambda=0.05 biases=false",
     {.law = REF_RATINGS, .reg_user = 0.05, .reg_item = 0.05, .nu = 1}},
    {"ratings with biases",
     &dg_als_class,
     "factors=5 reg_user=0.05 reg_item=0.1 nu=0.5",
     {.law = REF_RATINGS, .reg_user = 0.05, .reg_item = 0.1, .nu = 0.5, .biases = true}},
};

enum { KINDS = sizeof kinds / sizeof *kinds };

static bool is_rating(int kind) { return kinds[kind].class == &dg_als_class; }

static double *widened(const float *x, int64_t n)
{
    double *out = dg_alloc((size_t)n, sizeof *out);
    for (int64_t k = 0; k < n; k++) out[k] = (double)x[k];
    return out;
}

static double *pairs(int kind)
{
    double *out = dg_alloc(USERS * ITEMS, sizeof *out);
    for (int64_t u = 0; u < USERS; u++)
        for (int64_t i = 0; i < ITEMS; i++)
            out[u * ITEMS + i] = (double)(is_rating(kind) ? rated(u, i) : busy(u, i));
    return out;
}

/* The state of a model, as a file shows it, made into a reference problem. */
static ref_als look_into(int kind, const dg_model *m)
{
    long tag = getpid();
    run_factors f;
    MPI_Bcast(&tag, 1, MPI_LONG, 0, world.comm);
    const char *path = scratch(tag, "model.h5");
    ck_assert_all(run_save(&world, kinds[kind].class, m, path, NULL, &err) == DG_OK);
    ck_assert_all(run_factors_read(&world, path, "mean", &f, &err) == DG_OK);
    ref_als r = kinds[kind].ref;
    r.mean = f.start;
    r.d = f.n_cols;
    r.n_users = USERS;
    r.n_items = ITEMS;
    r.value = pairs(kind);
    r.users = widened(f.users, USERS * f.n_cols);
    r.items = widened(f.items, ITEMS * f.n_cols);
    run_factors_free(&f);
    return r;
}

static void free_reference(ref_als *r)
{
    dg_free((double *)(uintptr_t)r->value);
    dg_free(r->users);
    dg_free(r->items);
}

typedef struct run {
    dg_dataset data; /* the model borrows it: a run does not move */
    dg_model *model;
    void *options;
} run;

static const char *const solvers[] = {"cholesky", "cg", "ialspp block_size=4"};

enum { CHOLESKY, CG, BLOCKS, SOLVERS };

static void begin(int kind, int solver, run *r)
{
    char options[160];
    snprintf(options, sizeof options, "%s solver=%s", kinds[kind].options, solvers[solver]);
    const made_shop shop = {
        .n_users = USERS, .n_items = ITEMS, .train = is_rating(kind) ? rated : busy};
    *r = (run){.options = run_options(kinds[kind].class, options)};
    made_dataset(&world, &shop, &r->data);
    ck_assert_all(kinds[kind].class->create(&world, &r->data, r->options, 3, &r->model, &err) ==
                  DG_OK);
}

static void end(int kind, run *r)
{
    kinds[kind].class->destroy(&r->model);
    dg_dataset_free(&r->data);
    dg_free(r->options);
    MPI_Barrier(world.comm);
    if (world.rank == 0) scratch_remove();
    MPI_Barrier(world.comm);
    ck_assert_all(dg_alloc_live() == 0);
}

/* Scores are floats: their error of 1e-6 or so, times the sum's own size. */
static bool near(double got, double want, double whole) { return fabs(got - want) <= 3e-6 * whole; }

static void check_told(int kind, int solver)
{
    dg_loss told[2];
    run r;
    begin(kind, solver, &r);
    ck_assert_all(run_sweeps(kinds[kind].class, r.model, 2, told, &err) == DG_OK);
    ref_als ref = look_into(kind, r.model);
    const ref_loss want = ref_als_loss(&ref);
    const double whole = ref_total(want);
    ck_assert_all(near(told[1].observed, want.observed, whole));
    ck_assert_all(near(told[1].unobserved, want.unobserved, whole));
    ck_assert_all(near(told[1].regularization, want.regularization, whole));
    free_reference(&ref);
    end(kind, &r);
}

START_TEST(the_loss_told_is_the_sum_over_all_pairs)
{
    for (int kind = 0; kind < KINDS; kind++)
        for (int solver = 0; solver < SOLVERS; solver++) check_told(kind, solver);
}
END_TEST

/* The items are solved last, against the users as they now are. */
START_TEST(after_a_sweep_no_item_can_do_better)
{
    for (int kind = 0; kind < KINDS; kind++) {
        double steepest = 0, slope = 0;
        run r;
        begin(kind, CHOLESKY, &r);
        ck_assert_all(run_sweeps(kinds[kind].class, r.model, 2, NULL, &err) == DG_OK);
        ref_als ref = look_into(kind, r.model);
        for (int64_t i = 0; i < ITEMS; i += 5)
            for (int k = 0; k < ref.d; k++) {
                double *x = ref.items + i * ref.d + k;
                const double kept = *x;
                slope = fmax(slope, fabs(ref_als_gradient(&ref, false, i, k)));
                *x = kept + 1; /* a unit away the loss rises as steeply as it curves */
                steepest = fmax(steepest, fabs(ref_als_gradient(&ref, false, i, k)));
                *x = kept;
            }
        ck_assert_all(slope <= 1e-5 * steepest);
        free_reference(&ref);
        end(kind, &r);
    }
}
END_TEST

static double total(dg_loss l) { return l.observed + l.unobserved + l.regularization; }

/* The loss after each of 12 sweeps; returns the last one. */
static double descend(int kind, int solver)
{
    dg_loss told[12];
    run r;
    begin(kind, solver, &r);
    ck_assert_all(run_sweeps(kinds[kind].class, r.model, 12, told, &err) == DG_OK);
    for (int k = 1; k < 12; k++) ck_assert_all(total(told[k]) <= total(told[k - 1]) * (1 + 1e-6));
    ck_assert_all(total(told[11]) < 0.999 * total(told[0]));
    end(kind, &r);
    return total(told[11]);
}

/* Both halves of a sweep lower the one loss, whichever way a row is solved; floats may lose 1e-6 of
 * it near the end. A few steps a row are enough to end as low as exact solves do. */
START_TEST(no_sweep_raises_the_loss)
{
    for (int kind = 0; kind < KINDS; kind++) {
        const double exact = descend(kind, CHOLESKY), steps = descend(kind, CG);
        ck_assert_msg(steps < 1.01 * exact, "%s: %g by cg, %g exactly", kinds[kind].name, steps,
                      exact);
        descend(kind, BLOCKS); /* another way down, which may end in another valley */
    }
}
END_TEST

MPI_MAIN("als loss", the_loss_told_is_the_sum_over_all_pairs, after_a_sweep_no_item_can_do_better,
         no_sweep_raises_the_loss)
