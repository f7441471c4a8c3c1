/* What a sweep says it did: rows and flops as the formulas have them, on any ranks and threads. */
#include "model_run.h"
#include "models/als/als.h"
#include "mpi_main.h"

#include "base/memory.h"
#include "base/rng.h"
#include "base/spent.h"

#include <math.h>
#include <omp.h>
#include <string.h>

static dg_err err;

enum { USERS = 150, ITEMS = 60, D = 48 };

static float busy(int64_t user, int64_t item)
{
    dg_rng r = dg_rng_at(53, DG_RNG_TEST, (uint64_t)(user * 10000 + item));
    return dg_rng_below(&r, 3) == 0 ? 1 : NAN;
}

/* Pairs, and rows with any, of the whole shop. */
static void reckon(int64_t *pairs, int64_t *users, int64_t *items)
{
    bool has_user[USERS] = {false}, has_item[ITEMS] = {false};
    *pairs = *users = *items = 0;
    for (int u = 0; u < USERS; u++)
        for (int i = 0; i < ITEMS; i++)
            if (!isnan(busy(u, i))) {
                *pairs += 1;
                has_user[u] = has_item[i] = true;
            }
    for (int u = 0; u < USERS; u++) *users += has_user[u];
    for (int i = 0; i < ITEMS; i++) *items += has_item[i];
}

/* Counts of one sweep, over all ranks; the nanoseconds left out. */
static bool spend(const char *text, int threads, dg_spent out[DG_N_PHASES])
{
    static const made_shop shop = {.n_users = USERS, .n_items = ITEMS, .train = busy};
    const int before = omp_get_max_threads();
    dg_dataset d;
    dg_model *m = NULL;
    dg_loss loss;
    void *options = run_options(&dg_ials_class, text);
    omp_set_num_threads(threads);
    made_dataset(&world, &shop, &d);
    dg_status st = dg_ials_class.create(&world, &d, options, 7, &m, &err);
    dg_spent_start();
    if (st == DG_OK) st = dg_ials_class.sweep(m, &loss, &err);
    dg_spent_stop();
    dg_spent_read(out);
    for (int k = 0; k < DG_N_PHASES; k++) out[k].nanoseconds = 0;
    dg_sum_int64(&world, (int64_t *)out, DG_N_PHASES * (int)(sizeof *out / sizeof(int64_t)));
    dg_ials_class.destroy(&m);
    dg_dataset_free(&d);
    dg_free(options);
    omp_set_num_threads(before);
    return st == DG_OK;
}

START_TEST(the_exact_route_counts_its_formula)
{
    const int64_t d = D;
    int64_t pairs, users, items;
    dg_spent got[DG_N_PHASES];
    reckon(&pairs, &users, &items);
    ck_assert_all(spend("factors=48 solver=cholesky", 1, got));
    ck_assert_all(got[DG_PHASE_GATHER].rows == 2 * pairs);
    ck_assert_all(got[DG_PHASE_GATHER].bytes == 2 * pairs * d * 4);
    ck_assert_all(got[DG_PHASE_GRAM].rows == 2 * pairs);
    ck_assert_all(got[DG_PHASE_GRAM].flops == 2 * pairs * d * (d + 1));
    ck_assert_all(got[DG_PHASE_FACTOR].rows == users + items);
    ck_assert_all(got[DG_PHASE_FACTOR].flops == (users + items) * (d * d * d / 3 + 2 * d * d));
    ck_assert_all(got[DG_PHASE_CG].rows == 0 && got[DG_PHASE_CG].flops == 0);
    ck_assert_all(got[DG_PHASE_LOSS].flops == 2 * pairs * d); /* after the second half alone */
}
END_TEST

START_TEST(cg_counts_whole_passes_over_its_entries)
{
    int64_t pairs, users, items;
    dg_spent got[DG_N_PHASES];
    reckon(&pairs, &users, &items);
    ck_assert_all(spend("factors=48 solver=cg", 1, got));
    ck_assert_all(got[DG_PHASE_CG].rows == users + items);
    ck_assert_all(got[DG_PHASE_CG].flops % (4 * D) == 0);
    ck_assert_all(got[DG_PHASE_CG].flops >= 2 * pairs * 4 * D); /* at least the first residual */
    ck_assert_all(got[DG_PHASE_GATHER].rows == 2 * pairs);      /* once, not once a step */
    ck_assert_all(got[DG_PHASE_ROTATE].rows == 2 * (USERS + ITEMS));
}
END_TEST

START_TEST(two_threads_count_what_one_does)
{
    dg_spent one[DG_N_PHASES], two[DG_N_PHASES];
    ck_assert_all(spend("factors=48", 1, one));
    ck_assert_all(spend("factors=48", 2, two));
    ck_assert_all(memcmp(one, two, sizeof one) == 0);
}
END_TEST

MPI_MAIN("als_spent", the_exact_route_counts_its_formula, cg_counts_whole_passes_over_its_entries,
         two_threads_count_what_one_does)
