/* unit_main.h - main of a serial Check program.
 *   UNIT_MAIN("csv", quoted_fields_keep_separators, ragged_rows_are_rejected) */
#ifndef TESTS_UNIT_MAIN_H
#define TESTS_UNIT_MAIN_H
#include <check.h>
#include <stdlib.h>

/* Run a case, made by hand where a test is run in a loop. The limit is for what hangs: on a machine
 * that is busy otherwise, or halted for a while, what works may take long. */
static inline int unit_run(const char *name, TCase *tc)
{
    Suite *s = suite_create(name);
    tcase_set_timeout(tc, 200);
    suite_add_tcase(s, tc);
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    const int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

static inline int unit_main(const char *name, const TTest *const *tests, size_t n)
{
    TCase *tc = tcase_create(name);
    for (size_t k = 0; k < n; k++) tcase_add_test(tc, tests[k]);
    return unit_run(name, tc);
}

#define UNIT_MAIN(name, ...)                                                                       \
    int main(void)                                                                                 \
    {                                                                                              \
        const TTest *const tests[] = {__VA_ARGS__};                                                \
        return unit_main(name, tests, sizeof tests / sizeof *tests);                               \
    }
#endif
