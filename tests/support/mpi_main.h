/* mpi_main.h - main of a collective Check program, and the one assertion it may use.
 *
 * A plain ck_assert that fails leaves the test on its own rank only and the others hang;
 * ck_assert_all first agrees, so all ranks pass or leave together. */
#ifndef TESTS_MPI_MAIN_H
#define TESTS_MPI_MAIN_H
#include "base/fault.h"
#include "base/log.h"
#include "comm/comm.h"

#include <check.h>
#include <stdlib.h>

static dg_comm world;

#define ck_assert_all(cond)                                                                        \
    do {                                                                                           \
        int mine_ = (cond) ? 1 : 0, all_ = 0;                                                      \
        MPI_Allreduce(&mine_, &all_, 1, MPI_INT, MPI_MIN, world.comm);                             \
        ck_assert_msg(all_, "%s: false on %s rank", #cond, mine_ ? "another" : "this");            \
    } while (0)

static inline int mpi_main(const char *name, const TTest *const *tests, size_t n)
{
    int failed, worst;
    MPI_Init(NULL, NULL);
    dg_comm_init(&world, MPI_COMM_WORLD);
    dg_fault_rank(world.rank);
    dg_log_setup(world.rank, DG_LOG_WARN);
    Suite *s = suite_create(name);
    TCase *tc = tcase_create(name);
    for (size_t k = 0; k < n; k++) tcase_add_test(tc, tests[k]);
    suite_add_tcase(s, tc);
    SRunner *sr = srunner_create(s);
    srunner_set_fork_status(sr, CK_NOFORK);
    srunner_run_all(sr, world.rank == 0 ? CK_NORMAL : CK_SILENT);
    failed = srunner_ntests_failed(sr);
    MPI_Allreduce(&failed, &worst, 1, MPI_INT, MPI_MAX, world.comm);
    srunner_free(sr);
    dg_comm_free(&world);
    MPI_Finalize();
    return worst ? EXIT_FAILURE : EXIT_SUCCESS;
}

#define MPI_MAIN(name, ...)                                                                        \
    int main(void)                                                                                 \
    {                                                                                              \
        const TTest *const tests[] = {__VA_ARGS__};                                                \
        return mpi_main(name, tests, sizeof tests / sizeof *tests);                                \
    }
#endif
