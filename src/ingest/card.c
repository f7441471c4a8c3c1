#include "ingest/card.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

const double dg_card_at[DG_CARD_QUANTILES] = {.1, .25, .5, .75, .9};

enum { EXACT = 1 << 16, STEPS = 256, BINS = EXACT + (63 - 16) * STEPS };

/* Bin of a length: itself up to EXACT, then 256 steps to every power of two. Ascending. */
static int64_t bin_of(int64_t length)
{
    if (length < EXACT) return length;
    const int power = 63 - __builtin_clzll((uint64_t)length);
    return EXACT + (int64_t)(power - 16) * STEPS + (length >> (power - 8)) - STEPS;
}

static void count_rows(const dg_csr *m, int64_t *rows, int64_t *ratings, int64_t *most)
{
    for (int64_t r = 0; r < m->end - m->begin; r++) {
        const int64_t length = m->ptr[r + 1] - m->ptr[r], bin = bin_of(length);
        rows[bin]++;
        ratings[bin] += length;
        if (length > *most) *most = length;
    }
}

/* Lorenz curve bin by bin, from short to long: rows of one bin count as equal. */
static void find_inequality(const int64_t *rows, const int64_t *ratings, dg_spread *s)
{
    const double n = (double)(s->rows - s->empty), total = (double)s->ratings;
    const double top = ceil(n / 100);
    double before = 0, weighed = 0, share = 0;
    for (int64_t b = 1; b < BINS; b++) {
        const double c = (double)rows[b], sum = (double)ratings[b];
        if (rows[b] == 0) continue;
        weighed += sum * (before + (c + 1) / 2);
        before += c;
        const double reach = before - (n - top); /* rows of the longest up to here */
        if (reach > 0) share += sum * fmin(1, reach / c);
    }
    s->gini = n > 0 && total > 0 ? 2 * weighed / (n * total) - (n + 1) / n : 0;
    s->top_share = total > 0 ? share / total : 0;
}

/* The middle of a bin with several lengths is as near as the bin is narrow. */
static int64_t length_of(const int64_t *rows, const int64_t *ratings, int64_t bin)
{
    return bin < EXACT ? bin : ratings[bin] / rows[bin];
}

static void find_quantiles(const int64_t *rows, const int64_t *ratings, dg_spread *s)
{
    const int64_t n = s->rows - s->empty;
    for (int q = 0; q < DG_CARD_QUANTILES && n > 0; q++) {
        int64_t place = (int64_t)(dg_card_at[q] * (double)(n - 1)), b = 1;
        while (place >= rows[b]) place -= rows[b++];
        s->quantile[q] = length_of(rows, ratings, b);
    }
}

static void find_lengths(const int64_t *rows, const int64_t *ratings, dg_spread *s)
{
    for (int64_t b = 1; b < BINS; b++) {
        if (rows[b] == 0) continue;
        const int power = 63 - __builtin_clzll((uint64_t)length_of(rows, ratings, b));
        s->length[power < DG_CARD_LENGTHS ? power : DG_CARD_LENGTHS - 1] += rows[b];
    }
}

static dg_status describe_side(const dg_comm *c, const dg_csr *m, dg_spread *s, dg_err *err)
{
    int64_t *rows = dg_alloc(2 * (size_t)BINS, sizeof *rows);
    dg_status st =
        rows == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for the data card") : DG_OK;
    st = dg_agree(c, st, err);
    if (st == DG_OK) {
        int64_t *ratings = rows + BINS;
        count_rows(m, rows, ratings, &s->most);
        dg_sum_int64(c, rows, 2 * BINS);
        dg_max_int64(c, &s->most, 1);
        s->empty = rows[0];
        for (int64_t b = 0; b < BINS; b++) {
            s->rows += rows[b];
            s->ratings += ratings[b];
        }
        find_inequality(rows, ratings, s);
        find_quantiles(rows, ratings, s);
        find_lengths(rows, ratings, s);
    }
    dg_free(rows);
    return st;
}

static void count_values(const dg_comm *c, const dg_dataset *d, int64_t *count)
{
    const double width = d->value_max - d->value_min;
    const double scale = width > 0 ? DG_CARD_VALUES / width : 0;
    const int64_t n = dg_csr_count(&d->train);
    for (int64_t k = 0; k < n; k++) {
        const double from = (double)d->train.value[k] - d->value_min;
        const int at = (int)(from * scale);
        count[at < DG_CARD_VALUES ? at : DG_CARD_VALUES - 1]++;
    }
    dg_sum_int64(c, count, DG_CARD_VALUES);
}

static void look(const dg_attribute_column *a, int64_t rows, dg_card_attribute *out)
{
    *out = (dg_card_attribute){0, INFINITY, -INFINITY};
    for (int64_t r = 0; r < rows; r++) {
        const bool missing = a->number != NULL ? isnan(a->number[r]) : a->ptr[r] == a->ptr[r + 1];
        out->missing += missing;
        if (missing || a->number == NULL) continue;
        if (a->number[r] < out->least) out->least = a->number[r];
        if (a->number[r] > out->most) out->most = a->number[r];
    }
}

/* Doubles as integers of the same order, so that ranks can take their maximum. */
static int64_t ordered(double x)
{
    int64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits < 0 ? bits ^ INT64_MAX : bits;
}

static double unordered(int64_t bits)
{
    double x;
    bits = bits < 0 ? bits ^ INT64_MAX : bits;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static void describe_attributes(const dg_comm *c, const dg_attribute_columns *a, int64_t rows,
                                dg_card_attribute *out)
{
    for (int32_t k = 0; k < a->n; k++) {
        look(&a->at[k], rows, &out[k]);
        int64_t ends[2] = {ordered(-out[k].least), ordered(out[k].most)};
        dg_sum_int64(c, &out[k].missing, 1);
        dg_max_int64(c, ends, 2);
        out[k].least = -unordered(ends[0]);
        out[k].most = unordered(ends[1]);
    }
}

dg_status dg_card_make(const dg_comm *c, const dg_dataset *d, dg_card *out, dg_err *err)
{
    *out = (dg_card){0};
    dg_status st = describe_side(c, &d->train, &out->users, err);
    if (st == DG_OK) st = describe_side(c, &d->train_by_item, &out->items, err);
    if (st != DG_OK) return st;
    const double cells =
        (double)(out->users.rows - out->users.empty) * (double)(out->items.rows - out->items.empty);
    out->density = cells > 0 ? (double)out->users.ratings / cells : 0;
    count_values(c, d, out->value);
    describe_attributes(c, &d->item_attributes, d->item_id.n, out->item);
    describe_attributes(c, &d->user_attributes, d->user_id.n, out->user);
    return DG_OK;
}
