/* real_data.h - real data sets for tests: in the folder DAOGOU_DATA, else in the one beside the
 * sources. Where a file is missing its test says so and checks nothing; where the whole folder is
 * missing the program counts as skipped.
 *   REAL_DATA_MAIN("table data", movielens_is_read) */
#ifndef TESTS_REAL_DATA_H
#define TESTS_REAL_DATA_H
#include "unit_main.h"

#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

enum { TEST_SKIPPED = 77 }; /* SKIP_RETURN_CODE of Testing.cmake */

static inline const char *real_data_folder(void)
{
    const char *folder = getenv("DAOGOU_DATA");
    return folder != NULL ? folder : DG_TEST_DATA;
}

/* The path of a data file, by its name in the folder; false when it is not there. */
static inline bool real_data(const char *name, char *path, size_t n)
{
    snprintf(path, n, "%s/%s", real_data_folder(), name);
    const bool found = access(path, R_OK) == 0;
    if (!found) printf("skipped: there is no %s\n", path);
    return found;
}

#define REAL_DATA_MAIN(name, ...)                                                                  \
    int main(void)                                                                                 \
    {                                                                                              \
        const TTest *const tests[] = {__VA_ARGS__};                                                \
        char path[1000];                                                                           \
        if (!real_data(".", path, sizeof path)) return TEST_SKIPPED;                               \
        return unit_main(name, tests, sizeof tests / sizeof *tests);                               \
    }
#endif
