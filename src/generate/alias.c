#include "generate/alias.h"

#include "base/memory.h"

/* Slots short of their even share stand at the front of `queue`, the others at its back. */
typedef struct pairing {
    double *scaled; /* (n,) weight over the mean weight, less what was given away */
    uint32_t *queue, n_small, n_large;
} pairing;

static void sort_slots(pairing *p, const double *weight, uint32_t n)
{
    double total = 0;
    for (uint32_t k = 0; k < n; k++) total += weight[k];
    for (uint32_t k = 0; k < n; k++) {
        p->scaled[k] = weight[k] * n / total;
        if (p->scaled[k] < 1)
            p->queue[p->n_small++] = k;
        else
            p->queue[n - ++p->n_large] = k;
    }
}

/* Fill each small slot from a large one, which becomes small itself once it is used up. */
static void pair_slots(pairing *p, dg_alias *a)
{
    while (p->n_small > 0 && p->n_large > 0) {
        const uint32_t small = p->queue[--p->n_small], large = p->queue[a->n - p->n_large];
        a->keep[small] = (uint32_t)(p->scaled[small] * 0x1p32);
        a->other[small] = large;
        p->scaled[large] -= 1 - p->scaled[small];
        if (p->scaled[large] >= 1) continue;
        p->n_large--;
        p->queue[p->n_small++] = large;
    }
}

dg_status dg_alias_create(const double *weight, uint32_t n, dg_alias *out, dg_err *err)
{
    pairing p = {.scaled = dg_alloc(n, sizeof(double)), .queue = dg_alloc(n, sizeof(uint32_t))};
    *out = (dg_alias){
        .n = n, .keep = dg_alloc(n, sizeof(uint32_t)), .other = dg_alloc(n, sizeof(uint32_t))};
    dg_status st = DG_OK;
    if (p.scaled == NULL || p.queue == NULL || out->keep == NULL || out->other == NULL) {
        st = DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a distribution over %u values", n);
        dg_alias_free(out);
    } else {
        for (uint32_t k = 0; k < n; k++) {
            out->keep[k] = UINT32_MAX; /* what rounding leaves unpaired is its own */
            out->other[k] = k;
        }
        sort_slots(&p, weight, n);
        pair_slots(&p, out);
    }
    dg_free(p.scaled);
    dg_free(p.queue);
    return st;
}

void dg_alias_free(dg_alias *a)
{
    dg_free(a->keep);
    dg_free(a->other);
    *a = (dg_alias){0};
}
