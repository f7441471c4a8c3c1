/* Which way a row is solved. */
#include "models/als/routes.h"
#include "models/als/rows.h"
#include "unit_main.h"

enum { CAPACITY = 1024 };

static dg_als_route route(int solver, int64_t n, int d)
{
    const dg_als_options o = {.solver = solver, .n_factors = d};
    return dg_als__route(&o, n, d, CAPACITY);
}

START_TEST(a_solver_that_is_named_is_taken_where_it_can_serve)
{
    ck_assert(route(DG_ALS_CG, 1, 256) == DG_ALS_BY_CG);
    ck_assert(route(DG_ALS_CG, 100000, 256) == DG_ALS_BY_CG);
    ck_assert(route(DG_ALS_DUAL, 256, 256) == DG_ALS_BY_DUAL);
    ck_assert(route(DG_ALS_DUAL, 257, 256) == DG_ALS_BY_CHOLESKY); /* n^2 d beats n d^2 no more */
    ck_assert(route(DG_ALS_DUAL, CAPACITY + 1, 8192) == DG_ALS_BY_CHOLESKY); /* no panel holds it */
}
END_TEST

/* With growing length: the dual, then CG; where d is small and the row endless, its matrix. */
START_TEST(auto_goes_from_the_dual_to_cg_and_never_back)
{
    for (int d = 33; d <= 1024; d += 31) {
        int last = DG_ALS_BY_DUAL;
        for (int64_t n = 1; n <= CAPACITY; n++) {
            const int now = route(DG_ALS_AUTO, n, d);
            if (now == DG_ALS_BY_DUAL) ck_assert_int_eq(last, DG_ALS_BY_DUAL);
            last = now;
        }
        ck_assert_int_eq(route(DG_ALS_AUTO, 1, d), DG_ALS_BY_DUAL);
        ck_assert_int_ne(last, DG_ALS_BY_DUAL);
    }
    ck_assert(route(DG_ALS_AUTO, CAPACITY, 256) == DG_ALS_BY_CG);
    ck_assert(route(DG_ALS_AUTO, 100000, 33) == DG_ALS_BY_CHOLESKY);
    ck_assert(route(DG_ALS_AUTO, 100000, 256) == DG_ALS_BY_CG);
}
END_TEST

START_TEST(few_factors_need_no_eigenbasis)
{
    for (int d = 1; d < 100; d++) {
        const dg_als_options o = {.solver = DG_ALS_AUTO, .n_factors = d};
        ck_assert_int_eq(dg_als_wants_basis(&o), d > 32);
    }
    ck_assert(!dg_als_wants_basis(&(dg_als_options){.solver = DG_ALS_CHOLESKY, .n_factors = 512}));
    ck_assert(dg_als_wants_basis(&(dg_als_options){.solver = DG_ALS_DUAL, .n_factors = 4}));
}
END_TEST

UNIT_MAIN("als routes", a_solver_that_is_named_is_taken_where_it_can_serve,
          auto_goes_from_the_dual_to_cg_and_never_back, few_factors_need_no_eigenbasis)
