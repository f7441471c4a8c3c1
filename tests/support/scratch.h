/* scratch.h - a folder for a test's files, the same on every rank, removed at the end. */
#ifndef TESTS_SCRATCH_H
#define TESTS_SCRATCH_H
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char scratch_folder[256];

/* A path inside the folder; the folder is made on first use. Not collective: give `tag` (a number
 * all ranks know, e.g. rank 0's process id) so that ranks share it. */
static inline const char *scratch(long tag, const char *name)
{
    static char path[8][512];
    static int turn;
    const char *base = getenv("TMPDIR");
    turn = (turn + 1) % 8;
    snprintf(scratch_folder, sizeof scratch_folder, "%s/daogou-test-%ld",
             base != NULL ? base : "/tmp", tag);
    char command[600];
    snprintf(command, sizeof command, "mkdir -p '%s'", scratch_folder);
    if (access(scratch_folder, F_OK) != 0 && system(command) != 0) abort();
    snprintf(path[turn], sizeof path[turn], "%s/%s", scratch_folder, name);
    return path[turn];
}

static inline void scratch_remove(void)
{
    char command[600];
    snprintf(command, sizeof command, "rm -rf '%s'", scratch_folder);
    if (scratch_folder[0] != '\0' && system(command) != 0) abort();
}
#endif
