#include "job/signals.h"

#include "unit_main.h"

#include <signal.h>

START_TEST(each_signal_asks_to_stop_and_nothing_else)
{
    dg_signals_catch();
    ck_assert(!dg_stop_requested());
    raise(_i == 0 ? SIGTERM : _i == 1 ? SIGINT : SIGUSR1);
    ck_assert(dg_stop_requested());
}
END_TEST

START_TEST(a_second_interrupt_is_not_caught)
{
    dg_signals_catch();
    raise(SIGTERM);
    raise(SIGTERM);
    raise(SIGINT);
    struct sigaction now;
    sigaction(SIGINT, NULL, &now);
    ck_assert(now.sa_handler == SIG_DFL);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("signals");
    TCase *tc = tcase_create("signals");
    tcase_add_loop_test(tc, each_signal_asks_to_stop_and_nothing_else, 0, 3);
    tcase_add_test(tc, a_second_interrupt_is_not_caught);
    suite_add_tcase(s, tc);
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    const int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
