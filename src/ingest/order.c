#include "ingest/order.h"

#include "base/memory.h"
#include "ingest/picks.h"

#include <string.h>

/* A pair and its place in one number, so that sorting moves eight bytes an event. */
typedef struct layout {
    int place, item, user; /* bits of each, place lowest; whole digits of items */
} layout;

enum { DIGIT = 8, RADIX = 1 << DIGIT, DIGITS_MAX = 32 / DIGIT };

static int bits_of(uint64_t most) { return most == 0 ? 0 : 64 - __builtin_clzll(most); }

/* Room that is never worth keeping the old content of. */
static dg_status reserve(dg_order *p, size_t rows, size_t n, dg_err *err)
{
    if (p->start == NULL || p->n_rows < rows + 2) {
        dg_free(p->start);
        p->n_rows = rows + rows / 4 + 2;
        p->start = dg_alloc(p->n_rows, sizeof *p->start);
    }
    if (p->at == NULL || p->n_events < n) {
        dg_free(p->at);
        dg_free(p->key[0]);
        dg_free(p->key[1]);
        p->n_events = n + n / 4;
        p->at = dg_alloc(p->n_events, sizeof *p->at);
        p->key[0] = dg_alloc(p->n_events, sizeof *p->key[0]);
        p->key[1] = dg_alloc(p->n_events, sizeof *p->key[1]);
    }
    if (p->start != NULL && p->at != NULL && p->key[0] != NULL && p->key[1] != NULL) return DG_OK;
    return DG_FAIL(err, DG_ERR_NOMEM, "out of memory sorting %zu ratings", n);
}

/* Events of each row, and behind start[r + 1] where those of row r begin: as events are put there
 * it moves on to where those of row r + 1 do. */
static layout survey(dg_order *p, const dg_event *event, int64_t n, dg_range rows)
{
    const int64_t n_rows = rows.end - rows.begin;
    uint32_t items = 0;
    p->longest = 0;
    memset(p->start, 0, (size_t)(n_rows + 2) * sizeof *p->start);
    for (int64_t k = 0; k < n; k++) {
        p->start[event[k].user - rows.begin + 2]++;
        items |= (uint32_t)event[k].item;
    }
    for (int64_t r = 0; r < n_rows; r++) {
        if (p->start[r + 2] > p->longest) p->longest = p->start[r + 2];
        p->start[r + 2] += p->start[r + 1];
    }
    const int item = (bits_of(items) + DIGIT - 1) / DIGIT * DIGIT;
    return (layout){bits_of((uint64_t)(n - 1)), item, bits_of((uint64_t)(n_rows - 1))};
}

/* One digit of the item at a time from the lowest: places are in order already. */
static const uint64_t *sort_items(dg_order *p, int64_t n, const layout *l,
                                  uint32_t count[DIGITS_MAX][RADIX])
{
    uint64_t *from = p->key[0], *to = p->key[1];
    for (int d = 0; d * DIGIT < l->item; d++) {
        const int shift = l->place + d * DIGIT;
        const int mask = RADIX - 1;
        uint32_t next[RADIX], sum = 0;
        for (int v = 0; v < RADIX; v++) {
            next[v] = sum;
            sum += count[d][v];
        }
        for (int64_t k = 0; k < n; k++) to[next[from[k] >> shift & mask]++] = from[k];
        uint64_t *const swap = from;
        from = to;
        to = swap;
    }
    return from;
}

static void sort_packed(dg_order *p, const dg_event *event, int64_t n, int64_t first,
                        const layout *l)
{
    uint32_t count[DIGITS_MAX][RADIX];
    memset(count, 0, sizeof count);
    for (int64_t k = 0; k < n; k++) {
        const uint32_t item = (uint32_t)event[k].item;
        const uint64_t row = (uint64_t)(event[k].user - first);
        p->key[0][k] = (row << l->item | item) << l->place | (uint64_t)k;
        for (int d = 0; d * DIGIT < l->item; d++) count[d][item >> d * DIGIT & (RADIX - 1)]++;
    }
    const uint64_t *key = sort_items(p, n, l, count);
    const uint64_t mask = (1ULL << l->place) - 1;
    for (int64_t k = 0; k < n; k++)
        p->at[p->start[(key[k] >> l->place >> l->item) + 1]++] = (uint32_t)(key[k] & mask);
}

/* Where a pair and its place are more than 64 bits. */
static dg_status sort_wide(dg_order *p, const dg_event *event, int64_t n, int64_t first,
                           dg_err *err)
{
    dg_pick *pick = dg_alloc(2 * (size_t)n, sizeof *pick);
    if (pick == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory sorting %lld ratings", (long long)n);
    for (int64_t k = 0; k < n; k++) pick[k] = (dg_pick){(uint32_t)event[k].item, (uint32_t)k, 0};
    dg_picks_sort(pick, pick + n, n);
    for (int64_t k = 0; k < n; k++)
        p->at[p->start[event[pick[k].minor].user - first + 1]++] = pick[k].minor;
    dg_free(pick);
    return DG_OK;
}

dg_status dg_order_sort(dg_order *p, const dg_event *event, int64_t n, dg_range rows, dg_err *err)
{
    dg_status st = DG_OK;
    if (n > UINT32_MAX)
        return DG_FAIL(err, DG_ERR_NOMEM, "%lld ratings in one round", (long long)n);
    st = reserve(p, (size_t)(rows.end - rows.begin), (size_t)n, err);
    if (st != DG_OK) return st;
    const layout l = survey(p, event, n, rows);
    if (n == 0) return DG_OK;
    if (l.place + l.item + l.user > 64) return sort_wide(p, event, n, rows.begin, err);
    sort_packed(p, event, n, rows.begin, &l);
    return DG_OK;
}

void dg_order_free(dg_order *p)
{
    dg_free(p->start);
    dg_free(p->at);
    dg_free(p->key[0]);
    dg_free(p->key[1]);
    *p = (dg_order){0};
}
