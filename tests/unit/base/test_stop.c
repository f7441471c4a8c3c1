#include "base/stop.h"

#include "base/clock.h"
#include "unit_main.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const int number[] = {SIGUSR1, SIGTERM, SIGINT};

START_TEST(each_signal_asks_to_stop_and_nothing_else)
{
    dg_stop_catch(false);
    ck_assert(dg_stop_asked() == DG_STOP_NO);
    raise(number[_i]);
    ck_assert(dg_stop_asked() == DG_STOP_USR1 + _i);
}
END_TEST

START_TEST(work_is_left_only_where_that_is_allowed)
{
    dg_stop_catch(false);
    dg_stop_allow(true);
    ck_assert(!dg_stop_now());
    raise(SIGTERM);
    ck_assert(dg_stop_now());
    dg_stop_allow(false);
    ck_assert(!dg_stop_now());
    ck_assert(dg_stop_asked() == DG_STOP_TERM);
}
END_TEST

START_TEST(the_clock_asks_too_and_a_signal_is_told_rather)
{
    dg_stop_catch(false);
    dg_stop_at(dg_now() + 1000);
    ck_assert(dg_stop_asked() == DG_STOP_NO);
    dg_stop_at(dg_now());
    ck_assert(dg_stop_asked() == DG_STOP_CLOCK);
    raise(SIGUSR1);
    ck_assert(dg_stop_asked() == DG_STOP_USR1);
    ck_assert_str_eq(dg_stop_name(DG_STOP_USR1), "SIGUSR1");
}
END_TEST

/* How a process ends that gets the signal twice, `pause` seconds apart. */
static int after_two(int signal, double pause)
{
    const pid_t child = fork();
    if (child == 0) {
        dg_stop_catch(false);
        raise(signal);
        for (const double until = dg_now() + pause; dg_now() < until;)
            nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
        raise(signal);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

START_TEST(a_second_one_ends_the_process_at_once)
{
    ck_assert_int_eq(after_two(number[_i], 1.2), 75);
}
END_TEST

START_TEST(the_same_one_handed_on_by_two_is_one)
{
    ck_assert_int_eq(after_two(SIGTERM, 0), 0);
    ck_assert_int_eq(after_two(SIGUSR1, 0), 0);
    ck_assert_int_eq(after_two(SIGINT, 0), 75); /* typed twice */
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("stop");
    tcase_add_loop_test(tc, each_signal_asks_to_stop_and_nothing_else, 0, 3);
    tcase_add_test(tc, work_is_left_only_where_that_is_allowed);
    tcase_add_test(tc, the_clock_asks_too_and_a_signal_is_told_rather);
    tcase_add_loop_test(tc, a_second_one_ends_the_process_at_once, 0, 3);
    tcase_add_test(tc, the_same_one_handed_on_by_two_is_one);
    return unit_run("stop", tc);
}
