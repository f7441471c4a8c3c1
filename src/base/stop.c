#include "base/stop.h"

#include "base/clock.h"
#include "base/status.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

enum { N_SIGNALS = 3 };

static const int number[N_SIGNALS] = {SIGUSR1, SIGTERM, SIGINT};

static volatile sig_atomic_t asked; /* DG_STOP_… */
static volatile double first[N_SIGNALS];
static volatile double deadline;
static bool leave, speaks;

/* The only work a handler may do: dg_now, write and _exit are safe in one. */
static void note(int signal)
{
    static const char said[] = "daogou: stopped at once by a second signal; the last checkpoint "
                               "counts\n";
    const double now = dg_now();
    int k = 0;
    while (number[k] != signal) k++;
    if (first[k] > 0 && (signal == SIGINT || now - first[k] > 1)) {
        if (speaks && write(STDERR_FILENO, said, sizeof said - 1) < 0) _exit(1);
        _exit(dg_status_exit(DG_ERR_AGAIN));
    }
    if (first[k] <= 0) first[k] = now;
    if (asked < DG_STOP_USR1 + k) asked = DG_STOP_USR1 + k;
}

void dg_stop_catch(bool may_speak)
{
    struct sigaction action = {.sa_handler = note, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    for (int k = 0; k < N_SIGNALS; k++) sigaddset(&action.sa_mask, number[k]);
    speaks = may_speak;
    for (int k = 0; k < N_SIGNALS; k++) sigaction(number[k], &action, NULL);
    signal(SIGXFSZ, SIG_IGN); /* a file over the limit is an error of the write */
}

void dg_stop_at(double when) { deadline = when; }

int64_t dg_stop_asked(void)
{
    if (asked != DG_STOP_NO) return asked;
    return deadline > 0 && dg_now() >= deadline ? DG_STOP_CLOCK : DG_STOP_NO;
}

const char *dg_stop_name(int64_t why)
{
    static const char *const names[] = {"nobody", "the end of the job's time", "SIGUSR1", "SIGTERM",
                                        "SIGINT"};
    return names[why];
}

void dg_stop_allow(bool allowed) { leave = allowed; }

bool dg_stop_now(void) { return leave && dg_stop_asked() != DG_STOP_NO; }
