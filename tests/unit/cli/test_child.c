#include "cli/child.h"

#include "unit_main.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static dg_child run(const char *script, double seconds)
{
    char *const argv[] = {"sh", "-c", (char *)(size_t)script, NULL};
    dg_child child;
    dg_err err;
    ck_assert_int_eq(dg_child_run(argv, seconds, &child, &err), DG_OK);
    return child;
}

START_TEST(what_a_child_says_and_how_it_ends_is_kept)
{
    dg_child child = run("echo out; echo err >&2; exit 3", 30);
    ck_assert_str_eq(child.said.at, "out\nerr\n");
    ck_assert_int_eq(child.exit_code, 3);
    ck_assert(!child.timed_out);
    dg_text_free(&child.said);
}
END_TEST

START_TEST(a_signal_counts_as_128_and_its_number)
{
    dg_child child = run("kill -9 $$", 30);
    ck_assert_int_eq(child.exit_code, 128 + SIGKILL);
    ck_assert_str_eq(child.said.at, "");
    dg_text_free(&child.said);
}
END_TEST

/* Neither gone nor a zombie nobody has waited for. */
static bool is_alive(pid_t pid)
{
    char path[64], state = 'X';
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "r");
    if (f == NULL) return false;
    const int n = fscanf(f, "%*d %*s %c", &state);
    fclose(f);
    return n == 1 && state != 'X' && state != 'Z';
}

START_TEST(a_child_that_hangs_is_stopped_with_its_own_children)
{
    dg_child child = {0};
    for (double limit = 0.5; atoi(child.said.at != NULL ? child.said.at : "") == 0; limit *= 2) {
        dg_text_free(&child.said); /* a busy machine may need longer to start it */
        child = run("sleep 1000 & echo $!; wait", limit);
    }
    ck_assert(child.timed_out);
    const pid_t grandchild = (pid_t)atoi(child.said.at);
    ck_assert_int_gt(grandchild, 1);
    while (is_alive(grandchild)) usleep(1000); /* the signal is on its way */
    dg_text_free(&child.said);
}
END_TEST

START_TEST(output_without_end_is_cut)
{
    dg_child child = {0};
    for (double limit = 0.5; child.said.n < 1 << 16; limit *= 2) {
        dg_text_free(&child.said);
        child = run("yes", limit);
    }
    ck_assert(child.timed_out);
    ck_assert_uint_lt(child.said.n, (1 << 16) + 4096);
    dg_text_free(&child.said);
}
END_TEST

START_TEST(a_program_that_is_not_there_is_an_error)
{
    char *const argv[] = {"no-such-program-anywhere", NULL};
    dg_child child;
    dg_err err;
    ck_assert_int_eq(dg_child_run(argv, 1, &child, &err), DG_ERR_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(err.text, "no-such-program-anywhere: cannot start"));
}
END_TEST

START_TEST(the_reason_is_our_own_sentence_or_else_the_first_one)
{
    dg_child ours = run("echo ----; echo banner; echo daogou train: no data; echo more", 30);
    ck_assert_str_eq(dg_child_reason(&ours), "daogou train: no data");
    dg_text_free(&ours.said);
    dg_child theirs = run("echo; echo ---; echo '  not found'; echo more", 30);
    ck_assert_str_eq(dg_child_reason(&theirs), "not found");
    dg_text_free(&theirs.said);
    dg_child silent = run("true", 30);
    ck_assert_str_eq(dg_child_reason(&silent), "");
    dg_text_free(&silent.said);
}
END_TEST

UNIT_MAIN("child", what_a_child_says_and_how_it_ends_is_kept, a_signal_counts_as_128_and_its_number,
          a_child_that_hangs_is_stopped_with_its_own_children, output_without_end_is_cut,
          a_program_that_is_not_there_is_an_error,
          the_reason_is_our_own_sentence_or_else_the_first_one)
