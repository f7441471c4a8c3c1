#include "serve/guard/rates.h"

#include "base/memory.h"

#include <stdatomic.h>

enum { SETS = 512, WAYS = 8 };

typedef struct slot {
    _Atomic uint64_t key;  /* 0: free */
    _Atomic uint64_t full; /* nanoseconds of dg_now at which the bucket is full again */
} slot;

struct dg_rates {
    uint64_t step, depth; /* nanoseconds a request costs, and that a full bucket holds */
    slot slot[SETS][WAYS];
};

dg_status dg_rates_create(double per_second, double burst, dg_rates **out, dg_err *err)
{
    *out = dg_alloc(1, sizeof **out);
    if (*out == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for rates");
    (*out)->step = (uint64_t)(1e9 / per_second);
    (*out)->depth = (uint64_t)(burst * 1e9 / per_second);
    return DG_OK;
}

void dg_rates_destroy(dg_rates **r)
{
    dg_free(*r);
    *r = NULL;
}

/* The slot of a key; two threads that bring the same new key may make two, which forgives it one
 * burst. */
static slot *find(dg_rates *r, uint64_t key)
{
    slot *set = r->slot[key % SETS], *fullest = set;
    for (int k = 0; k < WAYS; k++) {
        if (atomic_load(&set[k].key) == key) return &set[k];
        if (atomic_load(&set[k].full) < atomic_load(&fullest->full)) fullest = &set[k];
    }
    atomic_store(&fullest->key, key);
    atomic_store(&fullest->full, 0);
    return fullest;
}

bool dg_rates_admit(dg_rates *r, uint64_t key, double now, double *wait)
{
    const uint64_t t = (uint64_t)(now * 1e9);
    slot *s = find(r, key != 0 ? key : 1);
    uint64_t full = atomic_load(&s->full);
    for (;;) {
        const uint64_t after = (full > t ? full : t) + r->step;
        if (after > t + r->depth) {
            *wait = 1e-9 * (double)(after - t - r->depth);
            return false;
        }
        if (atomic_compare_exchange_weak(&s->full, &full, after)) return true;
    }
}
