#include "ranking/popularity.h"

#include "base/memory.h"
#include "sparse/csr.h"

#include <math.h>
#include <stdlib.h>

const char *dg_popularity_group_name(dg_popularity_group g)
{
    static const char *const name[DG_ITEM_GROUPS] = {"head", "middle", "tail", "cold"};
    return name[g];
}

dg_status dg_popularity_create(int64_t n_items, dg_popularity *out, dg_err *err)
{
    const size_t n = (size_t)n_items;
    *out = (dg_popularity){.n_items = n_items};
    out->count = dg_alloc(n, sizeof *out->count);
    out->order = dg_alloc(n, sizeof *out->order);
    out->place = dg_alloc(n, sizeof *out->place);
    out->group = dg_alloc(n, sizeof *out->group);
    out->novelty = dg_alloc(n, sizeof *out->novelty);
    if (out->count != NULL && out->order != NULL && out->place != NULL && out->group != NULL &&
        out->novelty != NULL)
        return DG_OK;
    return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for the popularity of items");
}

void dg_popularity_free(dg_popularity *p)
{
    dg_free(p->count);
    dg_free(p->order);
    dg_free(p->place);
    dg_free(p->group);
    dg_free(p->novelty);
    *p = (dg_popularity){0};
}

typedef struct counted {
    int64_t count;
    int32_t item;
} counted;

static int by_count(const void *a, const void *b)
{
    const counted *x = a, *y = b;
    if (x->count != y->count) return x->count > y->count ? -1 : 1;
    return (x->item > y->item) - (x->item < y->item);
}

static dg_popularity_group group_of(int64_t count, int64_t before, int64_t total)
{
    if (count == 0) return DG_ITEM_COLD;
    return 5 * before < total       ? DG_ITEM_HEAD
           : 5 * before < 4 * total ? DG_ITEM_MIDDLE
                                    : DG_ITEM_TAIL;
}

static void place_items(dg_popularity *p)
{
    int64_t before = 0;
    for (int64_t k = 0; k < p->n_items; k++) {
        const int32_t i = p->order[k];
        p->place[i] = (int32_t)k;
        p->group[i] = (uint8_t)group_of(p->count[i], before, p->n_ratings);
        p->items[p->group[i]]++;
        before += p->count[i];
    }
}

dg_status dg_popularity_sort(dg_popularity *p, dg_err *err)
{
    counted *all = dg_alloc((size_t)p->n_items, sizeof *all);
    if (all == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for the popularity of items");
    const double users = fmax((double)p->n_users, 1);
    p->n_ratings = 0;
    for (int64_t i = 0; i < p->n_items; i++) {
        all[i] = (counted){p->count[i], (int32_t)i};
        p->n_ratings += p->count[i];
        p->novelty[i] = log2(users / fmax((double)p->count[i], 1));
    }
    qsort(all, (size_t)p->n_items, sizeof *all, by_count);
    for (int64_t k = 0; k < p->n_items; k++) p->order[k] = all[k].item;
    dg_free(all);
    place_items(p);
    return DG_OK;
}

void dg_list_popularity_add(const dg_popularity *p, int32_t item, dg_list_popularity *sum)
{
    sum->n++;
    sum->tail += p->group[item] >= DG_ITEM_TAIL;
    sum->arp += (double)p->count[item];
    sum->novelty += p->novelty[item];
}

dg_list_popularity dg_list_popularity_mean(dg_list_popularity sum)
{
    if (sum.n == 0) return sum;
    const double n = (double)sum.n;
    return (dg_list_popularity){sum.n, sum.tail, sum.arp / n, (double)sum.tail / n,
                                sum.novelty / n};
}

void dg_popularity_ends(const dg_popularity *p, const int32_t *skip, int64_t n_skip, const int *k,
                        int n_k, int64_t *out)
{
    const dg_row known = {.index = skip, .n = n_skip};
    int64_t at = 0, found = 0;
    for (int j = 0; j < n_k; j++) {
        for (; at < p->n_items && found < k[j]; at++) found += !dg_row_has(known, p->order[at]);
        out[j] = at;
    }
}

static int by_size(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

double dg_gini(int64_t *e, int64_t n)
{
    double weighted = 0, sum = 0;
    qsort(e, (size_t)n, sizeof *e, by_size);
    for (int64_t k = 0; k < n; k++) {
        weighted += (double)(2 * (k + 1) - n - 1) * (double)e[k];
        sum += (double)e[k];
    }
    return sum > 0 ? weighted / ((double)n * sum) : 0;
}

double dg_entropy(const int64_t *e, int64_t n)
{
    double sum = 0, h = 0;
    for (int64_t k = 0; k < n; k++) sum += (double)e[k];
    for (int64_t k = 0; k < n; k++)
        if (e[k] > 0) h -= (double)e[k] / sum * log((double)e[k] / sum);
    return h;
}

double dg_relative_spread(const double *x, int n)
{
    double mean = 0, square = 0;
    for (int k = 0; k < n; k++) mean += x[k] / n;
    for (int k = 0; k < n; k++) square += (x[k] - mean) * (x[k] - mean) / n;
    return mean > 0 ? sqrt(square) / mean : 0;
}
