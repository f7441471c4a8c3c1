#include "select/goods.h"

#include "base/memory.h"
#include "select/bits.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { CUTS = 64 };

typedef struct dg_prepared { /* one attribute */
    int32_t *row;            /* (n,) goods: by value, then by row; or by number, then by row */
    int64_t n;
    int64_t *start;    /* (n_values+1,) texts: first good of each value */
    int32_t *dense;    /* (n_values,) texts: which bitset has the goods of a value; -1 for none */
    uint64_t *bits;    /* (n_bitsets, words) dense values, or cuts: cut c has the first c * step */
    int64_t step;      /* numbers: goods between two cuts */
    uint64_t *missing; /* (words,) */
} dg_prepared;

struct dg_goods {
    dg_goods_source from;
    size_t words;
    pthread_mutex_t lock; /* of preparing */
    _Atomic(dg_prepared *) prepared[DG_ATTRIBUTES_MAX];
};

dg_status dg_goods_create(const dg_goods_source *from, dg_goods **out, dg_err *err)
{
    dg_goods *g = *out = dg_alloc(1, sizeof *g);
    if (g == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for the goods");
    g->from = *from;
    g->words = dg_bits_words(from->n_items);
    pthread_mutex_init(&g->lock, NULL);
    return DG_OK;
}

dg_status dg_goods_of(const dg_artifact *a, dg_goods **out, dg_err *err)
{
    return dg_goods_create(&(dg_goods_source){a->n_items, a->n_users, &a->item_attributes,
                                              &a->user_attributes, &a->item_id},
                           out, err);
}

static void free_prepared(dg_prepared *p)
{
    if (p == NULL) return;
    dg_free(p->row);
    dg_free(p->start);
    dg_free(p->dense);
    dg_free(p->bits);
    dg_free(p->missing);
    dg_free(p);
}

void dg_goods_destroy(dg_goods **g)
{
    if (*g == NULL) return;
    for (int k = 0; k < DG_ATTRIBUTES_MAX; k++) free_prepared((*g)->prepared[k]);
    pthread_mutex_destroy(&(*g)->lock);
    dg_free(*g);
    *g = NULL;
}

const dg_goods_source *dg_goods_from(const dg_goods *g) { return &g->from; }

/* Goods by value: a counting sort, so that goods of a value stand by row. */
static dg_status sort_by_value(const dg_goods *g, const dg_attribute *a, dg_prepared *p,
                               dg_err *err)
{
    p->n = a->ptr[g->from.n_items];
    p->row = dg_alloc((size_t)p->n, sizeof *p->row);
    p->start = dg_alloc((size_t)a->n_values + 2, sizeof *p->start);
    if (p->row == NULL || p->start == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for an attribute");
    int64_t *next = p->start + 1; /* ends as the starts, one further */
    for (int64_t k = 0; k < p->n; k++) next[a->code[k] + 1]++;
    for (int32_t v = 0; v < a->n_values; v++) next[v + 1] += next[v];
    for (int64_t r = 0; r < g->from.n_items; r++) {
        if (a->ptr[r] == a->ptr[r + 1]) dg_bits_set(p->missing, r);
        for (int64_t k = a->ptr[r]; k < a->ptr[r + 1]; k++) p->row[next[a->code[k]]++] = (int32_t)r;
    }
    return DG_OK;
}

/* A bitset where it is not larger than the list of the goods: n / 8 bytes against 4 each. */
static dg_status make_dense(const dg_goods *g, const dg_attribute *a, dg_prepared *p, dg_err *err)
{
    int32_t n = 0;
    p->dense = dg_alloc((size_t)a->n_values, sizeof *p->dense);
    if (p->dense == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for an attribute");
    for (int32_t v = 0; v < a->n_values; v++)
        p->dense[v] = p->start[v + 1] - p->start[v] > (int64_t)g->words * 2 ? n++ : -1;
    p->bits = dg_alloc((size_t)n * g->words, sizeof *p->bits);
    if (p->bits == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for an attribute");
    for (int32_t v = 0; v < a->n_values; v++)
        for (int64_t k = p->start[v]; k < p->start[v + 1] && p->dense[v] >= 0; k++)
            dg_bits_set(p->bits + (size_t)p->dense[v] * g->words, p->row[k]);
    return DG_OK;
}

static int by_number(const void *a, const void *b, void *numbers)
{
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    const double *number = numbers;
    if (number[x] != number[y]) return number[x] < number[y] ? -1 : 1;
    return (x > y) - (x < y);
}

static dg_status sort_by_number(const dg_goods *g, const dg_attribute *a, dg_prepared *p,
                                dg_err *err)
{
    p->row = dg_alloc((size_t)g->from.n_items, sizeof *p->row);
    p->bits = dg_alloc((CUTS + 1) * g->words, sizeof *p->bits);
    if (p->row == NULL || p->bits == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for an attribute");
    for (int64_t r = 0; r < g->from.n_items; r++) {
        if (isnan(a->number[r]))
            dg_bits_set(p->missing, r);
        else
            p->row[p->n++] = (int32_t)r;
    }
    qsort_r(p->row, (size_t)p->n, sizeof *p->row, by_number, (void *)a->number);
    p->step = p->n / CUTS + 1;
    for (int64_t c = 1; c <= CUTS; c++) {
        uint64_t *cut = p->bits + (size_t)c * g->words;
        memcpy(cut, cut - g->words, g->words * sizeof *cut);
        for (int64_t k = (c - 1) * p->step; k < c * p->step && k < p->n; k++)
            dg_bits_set(cut, p->row[k]);
    }
    return DG_OK;
}

static dg_status prepare(const dg_goods *g, const dg_attribute *a, dg_prepared **out, dg_err *err)
{
    dg_prepared *p = *out = dg_alloc(1, sizeof *p);
    if (p == NULL || (p->missing = dg_alloc(g->words, sizeof *p->missing)) == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for an attribute");
    if (a->type == DG_ATTRIBUTE_NUMBER) return sort_by_number(g, a, p, err);
    const dg_status st = sort_by_value(g, a, p, err);
    return st == DG_OK ? make_dense(g, a, p, err) : st;
}

dg_status dg_goods_prepare(dg_goods *g, int32_t attribute, dg_err *err)
{
    dg_prepared *made = NULL;
    dg_status st = DG_OK;
    if (atomic_load_explicit(&g->prepared[attribute], memory_order_acquire) != NULL) return DG_OK;
    pthread_mutex_lock(&g->lock);
    if (g->prepared[attribute] == NULL) {
        st = prepare(g, &g->from.items->at[attribute], &made, err);
        if (st == DG_OK)
            atomic_store_explicit(&g->prepared[attribute], made, memory_order_release);
        else
            free_prepared(made);
    }
    pthread_mutex_unlock(&g->lock);
    return st;
}

static const dg_prepared *prepared(const dg_goods *g, int32_t attribute)
{
    return atomic_load_explicit(&((dg_goods *)g)->prepared[attribute], memory_order_acquire);
}

void dg_goods_with(const dg_goods *g, int32_t attribute, const int32_t *code, int64_t n,
                   uint64_t *out)
{
    const dg_prepared *p = prepared(g, attribute);
    dg_bits_none(out, g->from.n_items);
    for (int64_t k = 0; k < n; k++) {
        const int32_t dense = p->dense[code[k]];
        if (dense >= 0)
            dg_bits_or(out, p->bits + (size_t)dense * g->words, g->from.n_items);
        else
            for (int64_t i = p->start[code[k]]; i < p->start[code[k] + 1]; i++)
                dg_bits_set(out, p->row[i]);
    }
}

/* How many goods stand before a bound: those below it, and those at it where `with` is set. */
static int64_t rank_of(const dg_prepared *p, const double *number, double bound, bool with)
{
    int64_t low = 0, high = p->n;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        const double here = number[p->row[middle]];
        if (here < bound || (with && here == bound))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void dg_goods_between(const dg_goods *g, int32_t attribute, dg_interval in, uint64_t *out)
{
    const dg_prepared *p = prepared(g, attribute);
    const double *number = g->from.items->at[attribute].number;
    dg_bits_none(out, g->from.n_items);
    if (isnan(in.low) || isnan(in.high)) return;
    const int64_t begin = rank_of(p, number, in.low, in.above_low);
    const int64_t end = rank_of(p, number, in.high, !in.below_high);
    if (begin >= end) return;
    const int64_t first = (begin + p->step - 1) / p->step, last = end / p->step;
    if (first >= last) { /* no whole piece lies between them */
        for (int64_t k = begin; k < end; k++) dg_bits_set(out, p->row[k]);
        return;
    }
    const uint64_t *low = p->bits + (size_t)first * g->words;
    const uint64_t *high = p->bits + (size_t)last * g->words;
    for (size_t w = 0; w < g->words; w++) out[w] = high[w] & ~low[w];
    for (int64_t k = begin; k < first * p->step; k++) dg_bits_set(out, p->row[k]);
    for (int64_t k = last * p->step; k < end; k++) dg_bits_set(out, p->row[k]);
}

void dg_goods_missing(const dg_goods *g, int32_t attribute, uint64_t *out)
{
    memcpy(out, prepared(g, attribute)->missing, g->words * sizeof *out);
}
