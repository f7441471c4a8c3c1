#include "ingest/ids.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

/* Where the id is, or the empty slot where it belongs. */
static size_t find_slot(const dg_ids *d, uint64_t hash, const char *bytes, size_t n)
{
    size_t at = (size_t)hash & (d->n_slots - 1);
    for (; d->slot[at] != 0; at = (at + 1) & (d->n_slots - 1)) {
        const int32_t code = d->slot[at] - 1;
        size_t known;
        const char *text = dg_strings_at(&d->text, code, &known);
        if (d->hash[code] == hash && known == n && memcmp(text, bytes, n) == 0) return at;
    }
    return at;
}

static dg_status grow_slots(dg_ids *d, dg_err *err)
{
    const size_t wanted = d->n_slots == 0 ? 64 : 2 * d->n_slots;
    int32_t *slot = dg_alloc(wanted, sizeof *slot);
    if (slot == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory after %lld ids", (long long)d->text.n);
    for (int64_t code = 0; code < d->text.n; code++) {
        size_t at = (size_t)d->hash[code] & (wanted - 1);
        while (slot[at] != 0) at = (at + 1) & (wanted - 1);
        slot[at] = (int32_t)code + 1;
    }
    dg_free(d->slot);
    d->slot = slot;
    d->n_slots = wanted;
    return DG_OK;
}

static dg_status add(dg_ids *d, uint64_t hash, const char *bytes, size_t n, dg_err *err)
{
    const size_t known = (size_t)d->text.n;
    if (known >= INT32_MAX - 1)
        return DG_FAIL(err, DG_ERR_DATA, "more than %zu different ids on one rank", known);
    uint64_t *grown = dg_grow(d->hash, known, known + 1, &d->hash_capacity, sizeof *grown);
    if (grown == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory after %zu ids", known);
    d->hash = grown;
    d->hash[known] = hash;
    return dg_strings_add(&d->text, bytes, n, err);
}

dg_status dg_ids_code(dg_ids *d, const char *bytes, size_t n, int32_t *code, dg_err *err)
{
    dg_status st = DG_OK;
    if (2 * (size_t)d->text.n >= d->n_slots) st = grow_slots(d, err);
    if (st != DG_OK) return st;

    const uint64_t hash = dg_id_hash(bytes, n);
    const size_t at = find_slot(d, hash, bytes, n);
    if (d->slot[at] == 0) {
        if ((st = add(d, hash, bytes, n, err)) != DG_OK) return st;
        d->slot[at] = (int32_t)d->text.n;
    }
    *code = d->slot[at] - 1;
    return DG_OK;
}

int32_t dg_ids_find(const dg_ids *d, const char *bytes, size_t n)
{
    return d->n_slots == 0 ? -1 : d->slot[find_slot(d, dg_id_hash(bytes, n), bytes, n)] - 1;
}

int dg_ids_compare(const dg_ids *d, int32_t a, int32_t b)
{
    if (d->hash[a] != d->hash[b]) return d->hash[a] < d->hash[b] ? -1 : 1;
    size_t na, nb;
    const char *left = dg_strings_at(&d->text, a, &na);
    const char *right = dg_strings_at(&d->text, b, &nb);
    const int order = memcmp(left, right, na < nb ? na : nb);
    return order != 0 ? order : (na > nb) - (na < nb);
}

static int compare_codes(const void *a, const void *b, void *ids)
{
    return dg_ids_compare(ids, *(const int32_t *)a, *(const int32_t *)b);
}

dg_status dg_ids_sorted(const dg_ids *d, int32_t **out, dg_err *err)
{
    const size_t n = (size_t)d->text.n;
    int32_t *code = *out = dg_alloc(n, sizeof *code);
    if (code == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory sorting %zu ids", n);
    for (size_t k = 0; k < n; k++) code[k] = (int32_t)k;
    qsort_r(code, n, sizeof *code, compare_codes, (void *)(uintptr_t)d);
    return DG_OK;
}

void dg_ids_free(dg_ids *d)
{
    dg_strings_free(&d->text);
    dg_free(d->hash);
    dg_free(d->slot);
    *d = (dg_ids){0};
}
