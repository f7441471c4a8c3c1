/* unit_main.h - main of a serial Check program.
 *   UNIT_MAIN("csv", quoted_fields_keep_separators, ragged_rows_are_rejected) */
#ifndef TESTS_UNIT_MAIN_H
#define TESTS_UNIT_MAIN_H
#include <check.h>
#include <stdlib.h>

static inline int unit_main(const char *name, const TTest *const *tests, size_t n)
{
    Suite *s = suite_create(name);
    TCase *tc = tcase_create(name);
    tcase_set_timeout(tc, 60);
    for (size_t k = 0; k < n; k++) tcase_add_test(tc, tests[k]);
    suite_add_tcase(s, tc);
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    const int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#define UNIT_MAIN(name, ...)                                                                       \
    int main(void)                                                                                 \
    {                                                                                              \
        const TTest *const tests[] = {__VA_ARGS__};                                                \
        return unit_main(name, tests, sizeof tests / sizeof *tests);                               \
    }
#endif
