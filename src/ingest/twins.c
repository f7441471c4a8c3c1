#include "ingest/twins.h"

#include "base/digest.h"
#include "base/memory.h"
#include "comm/exchange.h"
#include "table/dialect.h"

#include <stdlib.h>
#include <string.h>

/* One of those that may share a key, with what of it is held out and what trains. */
typedef struct dg_claim {
    uint64_t key;
    int32_t targets, trains;
    int64_t at; /* of the sender's claims */
} dg_claim;

typedef struct dg_claims {
    dg_claim *at;
    size_t n, capacity;
} dg_claims;

static bool claim(dg_claims *to, uint64_t key, int targets, int trains)
{
    dg_claim *room = dg_grow(to->at, to->n, to->n + 1, &to->capacity, sizeof *room);
    if (room == NULL) return false;
    to->at = room;
    room[to->n] = (dg_claim){key, targets, trains, (int64_t)to->n};
    to->n++;
    return true;
}

/* ---- who shares a key ---- */

static int by_key(const void *a, const void *b)
{
    const dg_claim *x = *(const dg_claim *const *)a, *y = *(const dg_claim *const *)b;
    return (x->key > y->key) - (x->key < y->key);
}

typedef struct dg_shared {
    int64_t claims;  /* that share their key with another */
    int64_t targets; /* of those, where another one trains */
} dg_shared;

/* Replace `trains` of every claim by whether its key is another's too. LOCAL. */
static dg_status match(dg_claim *all, int64_t n, dg_shared *out, dg_err *err)
{
    dg_claim **order = dg_alloc((size_t)n, sizeof *order);
    if (order == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory looking for twins");
    for (int64_t k = 0; k < n; k++) order[k] = &all[k];
    qsort(order, (size_t)n, sizeof *order, by_key);
    for (int64_t k = 0, end; k < n; k = end) {
        int64_t trains = 0;
        for (end = k; end < n && order[end]->key == order[k]->key; end++)
            trains += order[end]->trains;
        for (int64_t m = k; m < end; m++) {
            if (end - k > 1 && trains > order[m]->trains) out->targets += order[m]->targets;
            order[m]->trains = end - k > 1;
        }
        out->claims += end - k > 1 ? end - k : 0;
    }
    dg_free(order);
    return DG_OK;
}

/* A rank judges the keys that fall to it. */
static int judge_of(const dg_comm *c, uint64_t key) { return (int)(key % (uint64_t)c->size); }

static dg_status sort_out(const dg_comm *c, const dg_claims *own, dg_claim *send, int64_t *count,
                          dg_err *err)
{
    int64_t *place = dg_alloc((size_t)c->size + 1, sizeof *place);
    if (place == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory looking for twins");
    for (size_t k = 0; k < own->n; k++) count[judge_of(c, own->at[k].key)]++;
    for (int r = 0; r < c->size; r++) place[r + 1] = place[r] + count[r];
    for (size_t k = 0; k < own->n; k++) send[place[judge_of(c, own->at[k].key)]++] = own->at[k];
    dg_free(place);
    return DG_OK;
}

/* Which of the own claims share their key: shares (own->n,), or NULL on all ranks. COLLECTIVE. */
static dg_status find_shared(const dg_comm *c, const dg_claims *own, bool *shares, dg_shared *out,
                             dg_err *err)
{
    int64_t *count = dg_alloc(3 * (size_t)c->size, sizeof *count);
    dg_claim *send = dg_alloc(own->n, sizeof *send);
    void *judged = NULL, *back = NULL;
    *out = (dg_shared){0};
    dg_status st = count == NULL || send == NULL
                       ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory looking for twins")
                       : sort_out(c, own, send, count, err);
    st = dg_agree(c, st, err);
    if (st == DG_OK) st = dg_exchange(c, send, sizeof *send, count, &judged, count + c->size, err);
    int64_t n = 0;
    for (int r = 0; r < c->size && st == DG_OK; r++) n += count[c->size + r];
    if (st == DG_OK) st = dg_agree(c, match(judged, n, out, err), err);
    if (st == DG_OK && shares != NULL)
        st = dg_exchange(c, judged, sizeof *send, count + c->size, &back, count + 2 * c->size, err);
    for (size_t k = 0; k < own->n && st == DG_OK && shares != NULL; k++) {
        const dg_claim *answer = (const dg_claim *)back + k;
        shares[answer->at] = answer->trains != 0;
    }
    dg_sum_int64(c, &out->claims, 1);
    dg_sum_int64(c, &out->targets, 1);
    dg_free(back);
    dg_free(judged);
    dg_free(send);
    dg_free(count);
    return st;
}

/* ---- ids ---- */

/* Bytes of a blank, or of a mark nobody sees, at the start of s; 0 for none. */
static size_t blank(const char *s, size_t n)
{
    static const char *const marks[] = {"\xc2\xa0", "\xef\xbb\xbf", "\xe2\x80\x8b", "\xe3\x80\x80"};
    if (n > 0 && (s[0] == ' ' || (s[0] >= '\t' && s[0] <= '\r'))) return 1;
    for (size_t k = 0; k < sizeof marks / sizeof *marks; k++) {
        const size_t length = strlen(marks[k]);
        if (n >= length && memcmp(s, marks[k], length) == 0) return length;
    }
    return 0;
}

static size_t blank_at_end(const char *s, size_t n)
{
    for (size_t length = 1; length <= 3 && length <= n; length++)
        if (blank(s + n - length, length) == length) return length;
    return 0;
}

/* Of an id without blanks at its ends, A to Z as a to z. */
static uint64_t key_of_id(const char *id, size_t n)
{
    char plain[DG_ID_MAX];
    size_t cut;
    while ((cut = blank(id, n)) > 0) id += cut, n -= cut;
    while ((cut = blank_at_end(id, n)) > 0) n -= cut;
    if (n > sizeof plain) n = sizeof plain;
    for (size_t k = 0; k < n; k++)
        plain[k] = (char)(id[k] >= 'A' && id[k] <= 'Z' ? id[k] - 'A' + 'a' : id[k]);
    return dg_hash64(plain, n, 0);
}

/* ---- items ---- */

typedef struct dg_item_key {
    int64_t key;
    int32_t item;
} dg_item_key;

static int by_item_key(const void *a, const void *b)
{
    const dg_item_key *x = a, *y = b;
    return (x->key > y->key) - (x->key < y->key);
}

/* original: some item of the same key, the same for all of them; -1 for items without a twin. */
static void pair_items(dg_item_key *sorted, int64_t n, int32_t *original)
{
    qsort(sorted, (size_t)n, sizeof *sorted, by_item_key);
    for (int64_t k = 0, end; k < n; k = end) {
        for (end = k; end < n && sorted[end].key == sorted[k].key; end++) continue;
        for (int64_t m = k; m < end; m++)
            original[sorted[m].item] = end - k > 1 ? sorted[k].item : -1;
    }
}

static bool has_twin_in(const int32_t *original, int32_t item, dg_row train)
{
    for (int64_t k = 0; k < train.n && original[item] >= 0; k++)
        if (original[train.index[k]] == original[item] && train.index[k] != item) return true;
    return false;
}

static int64_t count_item_targets(const dg_dataset *d, const int32_t *original)
{
    int64_t n = 0;
    for (int64_t u = d->train.begin; u < d->train.end; u++) {
        const dg_row train = dg_csr_row(&d->train, u);
        const dg_row part[2] = {dg_csr_row(&d->test, u), dg_csr_row(&d->valid, u)};
        for (int p = 0; p < 2; p++)
            for (int64_t k = 0; k < part[p].n; k++)
                n += has_twin_in(original, part[p].index[k], train);
    }
    return n;
}

/* Keys of all items, everywhere: all others have zeros where the own ones are. COLLECTIVE. */
static void share_keys(const dg_comm *c, const dg_dataset *d, const dg_claims *own, int64_t *key)
{
    const int64_t n = d->items.begin[d->items.n], part = 1 << 24;
    const dg_range mine = dg_shards_rows(&d->items, c->rank, c->size);
    for (size_t k = 0; k < own->n; k++)
        memcpy(&key[mine.begin + (int64_t)k], &own->at[k].key, sizeof *key);
    for (int64_t at = 0; at < n; at += part)
        dg_sum_int64(c, key + at, (int)(n - at < part ? n - at : part));
}

/* COLLECTIVE. */
static dg_status look_at_twin_items(const dg_comm *c, const dg_dataset *d, const dg_claims *own,
                                    dg_twins *out, dg_err *err)
{
    const int64_t n = d->items.begin[d->items.n];
    int64_t *key = dg_alloc((size_t)n, sizeof *key);
    dg_item_key *sorted = dg_alloc((size_t)n, sizeof *sorted);
    int32_t *original = dg_alloc((size_t)n, sizeof *original);
    dg_status st = key == NULL || sorted == NULL || original == NULL
                       ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory looking for twins of items")
                       : DG_OK;
    st = dg_agree(c, st, err);
    if (st == DG_OK) {
        share_keys(c, d, own, key);
        for (int64_t k = 0; k < n; k++) sorted[k] = (dg_item_key){key[k], (int32_t)k};
        pair_items(sorted, n, original);
        out->of_items = count_item_targets(d, original);
        dg_sum_int64(c, &out->of_items, 1);
    }
    dg_free(key);
    dg_free(sorted);
    dg_free(original);
    return st;
}

static dg_status find_items(const dg_comm *c, const dg_dataset *d, dg_twins *out, dg_err *err)
{
    dg_claims own = {0};
    dg_shared shared;
    bool fits = true;
    for (int64_t k = 0; k < d->item_id.n && fits; k++) {
        size_t n;
        const char *id = dg_strings_at(&d->item_id, k, &n);
        fits = claim(&own, key_of_id(id, n), 0, 0);
    }
    dg_status st =
        fits ? DG_OK : DG_FAIL(err, DG_ERR_NOMEM, "out of memory looking for twins of items");
    st = dg_agree(c, st, err);
    if (st == DG_OK) st = find_shared(c, &own, NULL, &shared, err);
    if (st == DG_OK) out->items = shared.claims;
    if (st == DG_OK && shared.claims > 0) st = look_at_twin_items(c, d, &own, out, err);
    dg_free(own.at);
    return st;
}

/* ---- users ---- */

enum { SKETCH = 16 };
enum { TRAIN, FOLD_IN, VALID, TEST, PARTS };

typedef struct dg_sketch {
    uint64_t least[SKETCH]; /* ascending */
    int n;
} dg_sketch;

/* Murmur's finaliser: ratings in an order of chance. */
static uint64_t mix(int32_t item, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint64_t x = ((uint64_t)item + 1) * 0x9e3779b97f4a7c15U ^ (uint64_t)bits << 29;
    x = (x ^ (x >> 33)) * 0xff51afd7ed558ccdU;
    return x ^ (x >> 33);
}

static void take(dg_sketch *s, uint64_t h)
{
    const bool full = s->n == SKETCH;
    if (full && h >= s->least[SKETCH - 1]) return;
    int at = s->n;
    while (at > 0 && s->least[at - 1] > h) at--;
    if (at > 0 && s->least[at - 1] == h) return; /* of two parts */
    const int last = full ? SKETCH - 1 : s->n;
    memmove(&s->least[at + 1], &s->least[at], (size_t)(last - at) * sizeof h);
    s->least[at] = h;
    s->n += !full;
}

static void rows_of(const dg_dataset *d, int64_t user, dg_row row[PARTS])
{
    row[TRAIN] = dg_csr_row(&d->train, user);
    row[FOLD_IN] = dg_csr_row(&d->fold_in, user);
    row[VALID] = dg_csr_row(&d->valid, user);
    row[TEST] = dg_csr_row(&d->test, user);
}

/* False where a history says nothing. */
static bool key_of_history(const dg_dataset *d, int64_t user, uint64_t *key)
{
    dg_row row[PARTS];
    dg_sketch s = {.n = 0};
    int64_t n = 0;
    rows_of(d, user, row);
    for (int p = 0; p < PARTS; p++) n += row[p].n;
    if (n < DG_TWINS_LEAST || 2 * n > d->items.begin[d->items.n]) return false;
    for (int p = 0; p < PARTS; p++)
        for (int64_t k = 0; k < row[p].n; k++) take(&s, mix(row[p].index[k], row[p].value[k]));
    *key = dg_hash64(s.least, (size_t)s.n * sizeof *s.least, 0);
    return s.n >= DG_TWINS_LEAST;
}

static bool key_of_name(const dg_dataset *d, int64_t user, uint64_t *key)
{
    size_t n;
    const char *id = dg_strings_at(&d->user_id, user - d->train.begin, &n);
    *key = key_of_id(id, n);
    return true;
}

/* What a user trains on and what is held out, under the key shared with the twin. What is in both
 * is known to be repeated. */
static bool claim_ratings(const dg_dataset *d, int64_t user, uint64_t key, dg_claims *to)
{
    dg_row row[PARTS];
    bool fits = true;
    rows_of(d, user, row);
    for (int p = 0; p < PARTS; p++)
        for (int64_t k = 0; k < row[p].n && p != FOLD_IN && fits; k++) {
            const uint64_t pair[2] = {key, (uint64_t)row[p].index[k]};
            const bool held = p != TRAIN;
            if (held && dg_row_has(row[TRAIN], row[p].index[k])) continue;
            fits = claim(to, dg_hash64(pair, sizeof pair, 0), held, !held);
        }
    return fits;
}

/* LOCAL. */
static dg_status claim_users(const dg_dataset *d,
                             bool (*key_of)(const dg_dataset *, int64_t, uint64_t *),
                             dg_claims *keys, int64_t **user, dg_err *err)
{
    const int64_t n = d->train.end - d->train.begin;
    bool fits = (*user = dg_alloc((size_t)n, sizeof **user)) != NULL;
    for (int64_t u = d->train.begin; u < d->train.end && fits; u++) {
        uint64_t key;
        if (!key_of(d, u, &key)) continue;
        (*user)[keys->n] = u;
        fits = claim(keys, key, 0, 0);
    }
    return fits ? DG_OK : DG_FAIL(err, DG_ERR_NOMEM, "out of memory looking for twins of users");
}

/* COLLECTIVE. */
static dg_status compare_ratings(const dg_comm *c, const dg_dataset *d, const dg_claims *keys,
                                 const int64_t *user, const bool *shares, int64_t *targets,
                                 dg_err *err)
{
    dg_claims ratings = {0};
    dg_shared shared;
    bool fits = true;
    for (size_t k = 0; k < keys->n && fits; k++)
        if (shares[k]) fits = claim_ratings(d, user[k], keys->at[k].key, &ratings);
    dg_status st =
        fits ? DG_OK : DG_FAIL(err, DG_ERR_NOMEM, "out of memory looking for twins of users");
    st = dg_agree(c, st, err);
    if (st == DG_OK) st = find_shared(c, &ratings, NULL, &shared, err);
    if (st == DG_OK) *targets = shared.targets;
    dg_free(ratings.at);
    return st;
}

/* COLLECTIVE. */
static dg_status find_users(const dg_comm *c, const dg_dataset *d,
                            bool (*key_of)(const dg_dataset *, int64_t, uint64_t *), int64_t *users,
                            int64_t *targets, dg_err *err)
{
    dg_claims keys = {0};
    dg_shared shared = {0};
    int64_t *user = NULL;
    bool *shares = NULL;
    dg_status st = claim_users(d, key_of, &keys, &user, err);
    if (st == DG_OK && (shares = dg_alloc(keys.n, sizeof *shares)) == NULL)
        st = DG_FAIL(err, DG_ERR_NOMEM, "out of memory looking for twins of users");
    st = dg_agree(c, st, err);
    if (st == DG_OK) st = find_shared(c, &keys, shares, &shared, err);
    if (st == DG_OK) *users = shared.claims;
    if (st == DG_OK && shared.claims > 0)
        st = compare_ratings(c, d, &keys, user, shares, targets, err);
    dg_free(shares);
    dg_free(user);
    dg_free(keys.at);
    return st;
}

dg_status dg_twins_find(const dg_comm *c, const dg_dataset *d, dg_twins *out, dg_err *err)
{
    *out = (dg_twins){0};
    dg_status st = find_items(c, d, out, err);
    if (st == DG_OK) st = find_users(c, d, key_of_name, &out->users, &out->of_users, err);
    if (st == DG_OK) st = find_users(c, d, key_of_history, &out->copies, &out->of_copies, err);
    return st;
}
