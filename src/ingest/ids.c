#include "ingest/ids.h"

#include "base/memory.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Up to eight bytes as one number: two loads that may overlap. */
static uint64_t pack(const char *bytes, size_t n)
{
    uint32_t low = 0, high = 0;
    if (n >= 4) {
        memcpy(&low, bytes, 4);
        memcpy(&high, bytes + n - 4, 4);
        return low | (uint64_t)high << 8 * (n - 4);
    }
    for (size_t k = n; k-- > 0;) low = low << 8 | (unsigned char)bytes[k];
    return low;
}

dg_id_key dg_ids_key(const char *bytes, size_t n)
{
    return (dg_id_key){n <= sizeof(uint64_t) ? pack(bytes, n) : dg_id_hash(bytes, n), (uint32_t)n};
}

/* Both halves of a product: every byte of the word decides about every bit of the place. */
static size_t first_place(const dg_ids *d, dg_id_key key)
{
    const __uint128_t product = (__uint128_t)(key.word ^ key.n) * 0x9e3779b97f4a7c15u;
    return (size_t)((uint64_t)product ^ (uint64_t)(product >> 64)) & (d->n_slots - 1);
}

static bool is_it(const dg_ids *d, const dg_id_slot *slot, dg_id_key key, const char *bytes)
{
    if (slot->word != key.word || slot->n != key.n) return false;
    if (key.n <= sizeof key.word) return true;
    size_t n;
    return memcmp(dg_strings_at(&d->text, slot->next - 1, &n), bytes, key.n) == 0;
}

/* Where the id is, or the empty slot where it belongs. */
static dg_id_slot *find_slot(const dg_ids *d, dg_id_key key, const char *bytes)
{
    size_t at = first_place(d, key);
    while (d->slot[at].next != 0 && !is_it(d, &d->slot[at], key, bytes))
        at = (at + 1) & (d->n_slots - 1);
    return &d->slot[at];
}

static dg_status grow_slots(dg_ids *d, dg_err *err)
{
    const size_t before = d->n_slots;
    dg_id_slot *const old = d->slot;
    dg_id_slot *slot = dg_alloc(before == 0 ? 64 : 2 * before, sizeof *slot);
    if (slot == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory after %lld ids", (long long)d->text.n);
    d->slot = slot;
    d->last = NULL;
    d->n_slots = before == 0 ? 64 : 2 * before;
    for (size_t k = 0; k < before; k++) {
        if (old[k].next == 0) continue;
        size_t at = first_place(d, (dg_id_key){old[k].word, old[k].n});
        while (slot[at].next != 0) at = (at + 1) & (d->n_slots - 1);
        slot[at] = old[k];
    }
    dg_free(old);
    return DG_OK;
}

static dg_status add(dg_ids *d, const char *bytes, size_t n, dg_err *err)
{
    const size_t known = (size_t)d->text.n;
    if (known >= INT32_MAX - 1)
        return DG_FAIL(err, DG_ERR_DATA, "more than %zu different ids on one rank", known);
    uint64_t *grown = dg_grow(d->hash, known, known + 1, &d->hash_capacity, sizeof *grown);
    if (grown == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory after %zu ids", known);
    d->hash = grown;
    d->hash[known] = dg_id_hash(bytes, n);
    return dg_strings_add(&d->text, bytes, n, err);
}

void dg_ids_fetch(const dg_ids *d, dg_id_key key)
{
    if (d->n_slots > 0) __builtin_prefetch(&d->slot[first_place(d, key)]);
}

dg_status dg_ids_code_of(dg_ids *d, dg_id_key key, const char *bytes, int32_t *code, dg_err *err)
{
    dg_status st = DG_OK;
    if (d->last != NULL && is_it(d, d->last, key, bytes)) {
        *code = d->last->next - 1;
        return DG_OK;
    }
    if (2 * (size_t)d->text.n >= d->n_slots) st = grow_slots(d, err);
    if (st != DG_OK) return st;
    dg_id_slot *slot = find_slot(d, key, bytes);
    if (slot->next == 0) {
        char short_id[sizeof key.word]; /* little-endian, as all files are */
        memcpy(short_id, &key.word, sizeof short_id);
        st = add(d, key.n <= sizeof short_id ? short_id : bytes, key.n, err);
        if (st != DG_OK) return st;
        *slot = (dg_id_slot){key.word, (int32_t)d->text.n, key.n};
    }
    d->last = slot;
    *code = slot->next - 1;
    return DG_OK;
}

dg_status dg_ids_code(dg_ids *d, const char *bytes, size_t n, int32_t *code, dg_err *err)
{
    if (n > UINT32_MAX) return DG_FAIL(err, DG_ERR_DATA, "an id of %zu bytes", n);
    return dg_ids_code_of(d, dg_ids_key(bytes, n), bytes, code, err);
}

dg_status dg_ids_hide(dg_ids *d, const dg_key *key, int32_t *code, dg_err *err)
{
    dg_ids hidden = {0};
    dg_status st = DG_OK;
    for (int64_t k = 0; k < d->text.n && st == DG_OK; k++) {
        size_t n;
        char pseudonym[DG_PSEUDONYM_SIZE];
        const char *id = dg_strings_at(&d->text, k, &n);
        dg_key_pseudonym(key, id, n, pseudonym);
        st = dg_ids_code(&hidden, pseudonym, DG_PSEUDONYM_SIZE - 1, &code[k], err);
    }
    if (st != DG_OK) {
        dg_ids_free(&hidden);
        return st;
    }
    if (d->text.n > 0) explicit_bzero(d->text.bytes, (size_t)d->text.offset[d->text.n]);
    if (d->n_slots > 0) explicit_bzero(d->slot, d->n_slots * sizeof *d->slot);
    dg_ids_free(d);
    *d = hidden;
    return DG_OK;
}

int32_t dg_ids_find(const dg_ids *d, const char *bytes, size_t n)
{
    if (d->n_slots == 0 || n > UINT32_MAX) return -1;
    return find_slot(d, dg_ids_key(bytes, n), bytes)->next - 1;
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
