#include "base/fault.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
    atomic_int state; /* 0 not read, 1 nothing armed, 2 armed */
    atomic_long visits;
    char site[48];
    int rank;
    long nth;
    int my_rank;
} fault;

void dg_fault_rank(int rank) { fault.my_rank = rank; }

void dg_fault_reload(void)
{
    const char *spec = getenv("DAOGOU_FAULT");
    atomic_store(&fault.visits, 0);
    fault.nth = 1;
    fault.rank = 0;
    const int fields =
        spec == NULL ? 0 : sscanf(spec, "%47[^:]:%d:%ld", fault.site, &fault.rank, &fault.nth);
    atomic_store(&fault.state, fields >= 1 ? 2 : 1);
}

bool dg_fault(const char *site)
{
    if (atomic_load_explicit(&fault.state, memory_order_relaxed) == 1) return false;
    if (atomic_load(&fault.state) == 0) dg_fault_reload();
    if (atomic_load(&fault.state) != 2 || fault.rank != fault.my_rank) return false;
    if (strcmp(site, fault.site) != 0) return false;
    if (atomic_fetch_add(&fault.visits, 1) + 1 != fault.nth) return false;
    const char *how = strrchr(site, '.');
    if (how != NULL && strcmp(how, ".kill") == 0) kill(getpid(), SIGKILL);
    while (how != NULL && strcmp(how, ".hang") == 0) pause();
    return true;
}
