#include "generate/portions.h"

#include "base/rng.h"
#include "generate/sheet.h"
#include "mpi_main.h"

#include <math.h>
#include <string.h>

enum { ROWS = 1000 }; /* not a multiple of the unit */

static dg_err err;
static int64_t dealt[ROWS];

static double heavy_tail(const void *from, int64_t row)
{
    (void)from;
    dg_rng r = dg_rng_at(3, DG_RNG_TEST, (uint64_t)row);
    return pow(1 - dg_rng_uniform(&r), -0.5);
}

static double all_alike(const void *from, int64_t row)
{
    (void)from;
    (void)row;
    return 0.37;
}

static dg_portions asked(int64_t least, int64_t most,
                         double (*weight)(const void *from, int64_t row))
{
    return (dg_portions){.n_rows = ROWS, .least = least, .most = most, .weight = weight};
}

/* All portions, their sum checked against the units' totals. */
static bool deal_all(const dg_portions *p)
{
    bool units_agree = true;
    for (int64_t unit = 0; unit < p->n_units; unit++) {
        int64_t sum = 0;
        const int n = dg_portions_unit(p, unit, dealt + unit * DG_SHEET_UNIT);
        for (int k = 0; k < n; k++) sum += dealt[unit * DG_SHEET_UNIT + k];
        units_agree = units_agree && sum == p->rows[unit];
    }
    return units_agree;
}

static bool adds_up(int64_t total, int64_t least, int64_t most)
{
    int64_t sum = 0;
    bool within = true;
    for (int k = 0; k < ROWS; k++) {
        within = within && dealt[k] >= least && dealt[k] <= most;
        sum += dealt[k];
    }
    return within && sum == total;
}

START_TEST(portions_add_up_exactly_within_their_bounds)
{
    static const int64_t totals[] = {5000, 5001, 5999, 17389, 100000, 199999, 200000};
    double (*const weights[])(const void *, int64_t) = {heavy_tail, all_alike};
    for (size_t k = 0; k < sizeof totals / sizeof *totals; k++)
        for (int w = 0; w < 2; w++) {
            dg_portions p = asked(5, 200, weights[w]);
            ck_assert_all(dg_portions_find(&world, totals[k], &p, &err) == DG_OK);
            ck_assert_all(deal_all(&p));
            ck_assert_all(adds_up(totals[k], 5, 200));
            dg_portions_free(&p);
        }
}
END_TEST

START_TEST(a_heavier_row_never_gets_less_but_for_the_last_step)
{
    dg_portions p = asked(5, 200, heavy_tail);
    ck_assert_all(dg_portions_find(&world, 30000, &p, &err) == DG_OK);
    bool ordered = deal_all(&p);
    for (int a = 0; a < ROWS; a++)
        for (int b = 0; b < ROWS; b++)
            if (heavy_tail(NULL, a) > heavy_tail(NULL, b)) ordered &= dealt[a] + 1 >= dealt[b];
    ck_assert_all(ordered);
    dg_portions_free(&p);
}
END_TEST

START_TEST(any_number_of_ranks_deals_the_same)
{
    dg_comm alone;
    dg_portions p = asked(5, 200, heavy_tail), q = p;
    static int64_t together[ROWS];
    dg_comm_init(&alone, MPI_COMM_SELF);
    ck_assert_all(dg_portions_find(&world, 12345, &p, &err) == DG_OK);
    ck_assert_all(dg_portions_find(&alone, 12345, &q, &err) == DG_OK);
    ck_assert_all(deal_all(&p));
    memcpy(together, dealt, sizeof dealt);
    ck_assert_all(deal_all(&q));
    ck_assert_all(memcmp(together, dealt, sizeof dealt) == 0);
    dg_portions_free(&p);
    dg_portions_free(&q);
    dg_comm_free(&alone);
}
END_TEST

START_TEST(a_total_out_of_reach_is_refused_on_all_ranks)
{
    dg_portions p = asked(5, 200, heavy_tail);
    ck_assert_all(dg_portions_find(&world, 4999, &p, &err) == DG_ERR_RANGE);
    ck_assert_all(p.rows == NULL);
    ck_assert_all(dg_portions_find(&world, 200001, &p, &err) == DG_ERR_RANGE);
}
END_TEST

MPI_MAIN("portions", portions_add_up_exactly_within_their_bounds,
         a_heavier_row_never_gets_less_but_for_the_last_step, any_number_of_ranks_deals_the_same,
         a_total_out_of_reach_is_refused_on_all_ranks)
