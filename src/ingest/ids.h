/* ids.h - a local dictionary: id text to a dense code, in order of first arrival.
 *
 * Ids are any bytes ("42", "SKU-7", 64-bit numbers as text); each is stored once. The hash of an id
 * decides its bucket, its place in the row order and its random draws, so it never changes. */
#ifndef DG_INGEST_IDS_H
#define DG_INGEST_IDS_H
#include "base/digest.h"
#include "base/keys.h"
#include "base/strings.h"

/* Ids of up to eight bytes are compared here, without a look at their text or their hash. */
typedef struct dg_id_slot {
    uint64_t word; /* the id itself, zeros behind it; dg_id_hash of a longer one */
    int32_t next;  /* code + 1, 0 where the slot is empty */
    uint32_t n;    /* bytes of the id */
} dg_id_slot;

/* Zero-initialise; free with dg_ids_free. Codes are 0 .. text.n-1. */
typedef struct dg_ids {
    dg_strings text;  /* id of each code */
    uint64_t *hash;   /* (text.n,) dg_id_hash of each code */
    dg_id_slot *slot; /* (n_slots,) open addressing */
    size_t n_slots;   /* a power of two, at most half full; 0 before the first id */
    size_t hash_capacity;
    const dg_id_slot *last; /* the one met last: logs often have a user's records in a row */
} dg_ids;

typedef struct dg_id_key { /* what an id is looked up by */
    uint64_t word;         /* as in a slot */
    uint32_t n;
} dg_id_key;

/** The key of an id of less than 2^32 bytes. LOCAL. */
dg_id_key dg_ids_key(const char *bytes, size_t n);

/** Begin to fetch what dg_ids_code_of will look at, so that it need not wait for memory. LOCAL. */
void dg_ids_fetch(const dg_ids *d, dg_id_key key);

/** dg_ids_code of an id whose key is known; `bytes` may be NULL where it has up to eight. LOCAL. */
dg_status dg_ids_code_of(dg_ids *d, dg_id_key key, const char *bytes, int32_t *code, dg_err *err);

/** Code of an id, a new one where it was not known. LOCAL, amortised O(n).
 *  Errors DG_ERR_NOMEM; DG_ERR_DATA beyond 2^31-2 ids on one rank. */
dg_status dg_ids_code(dg_ids *d, const char *bytes, size_t n, int32_t *code, dg_err *err);

/** Put pseudonyms in the place of all ids. LOCAL; the ids are overwritten.
 *  @param[out] code  (d->text.n,) new code of each: an id and its own pseudonym become one
 *  Cost as dg_key_pseudonym for each. Errors DG_ERR_NOMEM; nothing has changed then. */
dg_status dg_ids_hide(dg_ids *d, const dg_key *key, int32_t *code, dg_err *err);

/** Code of an id, -1 where it is not known. LOCAL, O(n). */
int32_t dg_ids_find(const dg_ids *d, const char *bytes, size_t n);

/** Order of two codes by (hash, bytes): <0, 0, >0. This is the order rows are dealt in. LOCAL. */
int dg_ids_compare(const dg_ids *d, int32_t a, int32_t b);

/** Codes 0 .. text.n-1 sorted by dg_ids_compare. LOCAL; caller frees. Errors DG_ERR_NOMEM. */
dg_status dg_ids_sorted(const dg_ids *d, int32_t **out, dg_err *err);

/** LOCAL, twice-safe. */
void dg_ids_free(dg_ids *d);

#endif
