#include "ingest/listing.h"

#include "base/memory.h"
#include "comm/exchange.h"

dg_status dg_listing_add(dg_listing *l, int32_t code, dg_err *err)
{
    if (l->column == NULL) l->column = dg_alloc((size_t)l->n_columns, sizeof *l->column);
    int32_t *grown =
        dg_grow(l->code, (size_t)l->n, (size_t)l->n + 1, &l->capacity, sizeof *l->code);
    if (grown != NULL) l->code = grown;
    if (l->column == NULL || grown == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory after %lld rows of a catalogue",
                       (long long)l->n);
    l->code[l->n++] = code;
    return DG_OK;
}

void dg_listing_free(dg_listing *l)
{
    for (int32_t k = 0; l->column != NULL && k < l->n_columns; k++) dg_strings_free(&l->column[k]);
    dg_free(l->column);
    dg_free(l->code);
    *l = (dg_listing){.n_columns = l->n_columns};
}

typedef struct dg_parcel {    /* listed rows on their way, grouped by owner */
    int64_t *pick;            /* (n,) place in the listing of each, as they are sent */
    int64_t *row;             /* (n,) global row of each */
    int64_t *count, *arrived; /* (size,) rows to and from each rank */
    int64_t *first;           /* (own rows,) first arrival for each + 1, 0 for none */
} dg_parcel;

static void free_parcel(dg_parcel *p)
{
    dg_free(p->pick);
    dg_free(p->row);
    dg_free(p->count);
    dg_free(p->arrived);
    dg_free(p->first);
}

static int owner_of(const dg_comm *c, const dg_shards *shards, int64_t row)
{
    return dg_shards_owner(shards->n, dg_shards_find(shards, row), c->size);
}

/* Group by owner, in file order: one scan per rank, for catalogues are small beside ratings. */
static dg_status pack(const dg_comm *c, const dg_listing *l, const int64_t *row,
                      const dg_shards *shards, dg_parcel *p, dg_err *err)
{
    const dg_range own = dg_shards_rows(shards, c->rank, c->size);
    int64_t n = 0;
    p->pick = dg_alloc((size_t)l->n, sizeof *p->pick);
    p->row = dg_alloc((size_t)l->n, sizeof *p->row);
    p->count = dg_alloc((size_t)c->size, sizeof *p->count);
    p->arrived = dg_alloc((size_t)c->size, sizeof *p->arrived);
    p->first = dg_alloc((size_t)(own.end - own.begin), sizeof *p->first);
    if (p->pick == NULL || p->row == NULL || p->count == NULL || p->arrived == NULL ||
        p->first == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for %lld rows of a catalogue",
                       (long long)l->n);
    for (int r = 0; r < c->size; r++)
        for (int64_t k = 0; k < l->n; k++) {
            if (owner_of(c, shards, row[l->code[k]]) != r) continue;
            p->pick[n] = k;
            p->row[n++] = row[l->code[k]];
            p->count[r]++;
        }
    return DG_OK;
}

static dg_status gather(const dg_parcel *p, int64_t n, const dg_strings *column, dg_strings *out,
                        dg_err *err)
{
    dg_status st = DG_OK;
    for (int64_t k = 0; k < n && st == DG_OK; k++) {
        size_t length;
        const char *text = dg_strings_at(column, p->pick[k], &length);
        st = dg_strings_add(out, text, length, err);
    }
    return st;
}

/* The owner's part: the text of the first arrival for each row. */
static dg_status place(const dg_parcel *p, int64_t rows, const dg_strings *text, dg_strings *out,
                       dg_err *err)
{
    dg_status st = DG_OK;
    for (int64_t r = 0; r < rows && st == DG_OK; r++) {
        size_t n = 0;
        const char *bytes = p->first[r] == 0 ? "" : dg_strings_at(text, p->first[r] - 1, &n);
        st = dg_strings_add(out, bytes, n, err);
    }
    return st;
}

static dg_status deliver_column(const dg_comm *c, const dg_listing *l, dg_parcel *p, int32_t column,
                                int64_t rows, dg_strings *out, dg_err *err)
{
    dg_strings sent = {0}, text = {0};
    dg_status st = l->n == 0 ? DG_OK : gather(p, l->n, &l->column[column], &sent, err);
    st = dg_agree(c, st, err);
    if (st == DG_OK) st = dg_exchange_strings(c, &sent, p->count, &text, p->arrived, err);
    dg_strings_free(&sent);
    if (st == DG_OK) st = dg_agree(c, place(p, rows, &text, out, err), err);
    dg_strings_free(&text);
    return st;
}

static dg_status deliver(const dg_comm *c, const dg_listing *l, dg_parcel *p,
                         const dg_shards *shards, dg_strings *out, dg_err *err)
{
    void *row = NULL;
    int64_t n = 0;
    const dg_range own = dg_shards_rows(shards, c->rank, c->size);
    dg_status st = dg_exchange(c, p->row, sizeof *p->row, p->count, &row, p->arrived, err);
    if (st != DG_OK) return st;
    for (int r = 0; r < c->size; r++) n += p->arrived[r];
    for (int64_t k = n; k-- > 0;) p->first[((int64_t *)row)[k] - own.begin] = k + 1;
    dg_free(row);
    for (int32_t k = 0; k < l->n_columns && st == DG_OK; k++)
        st = deliver_column(c, l, p, k, own.end - own.begin, &out[k], err);
    return st;
}

dg_status dg_listing_deliver(const dg_comm *c, const dg_listing *l, const int64_t *row,
                             const dg_shards *shards, dg_strings *out, dg_err *err)
{
    dg_parcel parcel = {0};
    for (int32_t k = 0; k < l->n_columns; k++) out[k] = (dg_strings){0};
    dg_status st = dg_agree(c, pack(c, l, row, shards, &parcel, err), err);
    if (st == DG_OK) st = deliver(c, l, &parcel, shards, out, err);
    free_parcel(&parcel);
    for (int32_t k = 0; k < l->n_columns && st != DG_OK; k++) dg_strings_free(&out[k]);
    return st;
}
