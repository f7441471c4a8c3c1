#include "ingest/titles.h"

#include "base/memory.h"
#include "comm/exchange.h"

typedef struct dg_labels { /* titles on their way, grouped by owner */
    int64_t *row;          /* (text.n,) row of each */
    dg_strings text;
    int64_t *count, *arrived; /* (size,) titles to and from each rank */
} dg_labels;

static void free_labels(dg_labels *l)
{
    dg_free(l->row);
    dg_strings_free(&l->text);
    dg_free(l->count);
    dg_free(l->arrived);
}

static int owner_of(const dg_comm *c, const dg_shards *shards, int64_t row)
{
    return dg_shards_owner(shards->n, dg_shards_find(shards, row), c->size);
}

/* Group by owner, in file order: one scan per rank, for catalogues are small beside ratings. */
static dg_status pack(const dg_comm *c, const dg_strings *title, const int32_t *code,
                      const int64_t *row, const dg_shards *shards, dg_labels *l, dg_err *err)
{
    dg_status st = DG_OK;
    l->row = dg_alloc((size_t)title->n, sizeof *l->row);
    l->count = dg_alloc((size_t)c->size, sizeof *l->count);
    l->arrived = dg_alloc((size_t)c->size, sizeof *l->arrived);
    if (l->row == NULL || l->count == NULL || l->arrived == NULL)
        st = DG_FAIL(err, DG_ERR_NOMEM, "out of memory for %lld titles", (long long)title->n);
    for (int r = 0; r < c->size && st == DG_OK; r++)
        for (int64_t k = 0; k < title->n && st == DG_OK; k++) {
            if (owner_of(c, shards, row[code[k]]) != r) continue;
            size_t n;
            const char *text = dg_strings_at(title, k, &n);
            l->row[l->text.n] = row[code[k]];
            l->count[r]++;
            st = dg_strings_add(&l->text, text, n, err);
        }
    return st;
}

/* The owner's part: the first title that arrived for each row. */
static dg_status place(const int64_t *row, const dg_strings *text, dg_range own, dg_strings *out,
                       dg_err *err)
{
    const int64_t rows = own.end - own.begin;
    dg_status st = DG_OK;
    int64_t *first = dg_alloc((size_t)rows, sizeof *first); /* arrival + 1, 0 for none */
    if (first == NULL)
        st = DG_FAIL(err, DG_ERR_NOMEM, "out of memory for %lld titles", (long long)rows);
    for (int64_t k = text->n; k-- > 0 && st == DG_OK;) first[row[k] - own.begin] = k + 1;
    for (int64_t r = 0; r < rows && st == DG_OK; r++) {
        size_t n = 0;
        const char *bytes = first[r] == 0 ? "" : dg_strings_at(text, first[r] - 1, &n);
        st = dg_strings_add(out, bytes, n, err);
    }
    dg_free(first);
    return st;
}

static dg_status deliver(const dg_comm *c, dg_labels *l, const dg_shards *shards, dg_strings *out,
                         dg_err *err)
{
    void *row = NULL;
    dg_strings text = {0};
    const dg_range own = dg_shards_rows(shards, c->rank, c->size);
    dg_status st = dg_exchange(c, l->row, sizeof *l->row, l->count, &row, l->arrived, err);
    if (st == DG_OK) st = dg_exchange_strings(c, &l->text, l->count, &text, l->arrived, err);
    if (st == DG_OK) st = dg_agree(c, place(row, &text, own, out, err), err);
    dg_free(row);
    dg_strings_free(&text);
    return st;
}

dg_status dg_titles_deliver(const dg_comm *c, const dg_strings *title, const int32_t *code,
                            const int64_t *row, const dg_shards *shards, dg_strings *out,
                            dg_err *err)
{
    dg_labels labels = {0};
    *out = (dg_strings){0};
    dg_status st = dg_agree(c, pack(c, title, code, row, shards, &labels, err), err);
    if (st == DG_OK) st = deliver(c, &labels, shards, out, err);
    free_labels(&labels);
    if (st != DG_OK) dg_strings_free(out);
    return st;
}
