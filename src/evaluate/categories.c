#include "evaluate/categories.h"

#include "base/json.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

dg_status dg_categories_create(const dg_dataset *d, const dg_evaluate_options *o, int64_t n_items,
                               dg_categories *out, dg_err *err)
{
    const size_t n_k = (size_t)o->n_k;
    *out = (dg_categories){.by = dg_attribute_columns_find(&d->item_attributes, o->by_attribute,
                                                           strlen(o->by_attribute))};
    if (out->by == NULL || out->by->number != NULL)
        return DG_FAIL(err, DG_ERR_CONFIG,
                       "evaluate.by_attribute: goods have no texts called \"%.100s\"",
                       o->by_attribute);
    out->n = (int32_t)out->by->values.n;
    out->targets = dg_alloc((size_t)out->n, sizeof *out->targets);
    out->hits = dg_alloc((size_t)out->n * n_k, sizeof *out->hits);
    out->of_item = dg_alloc((1 + n_k) * (size_t)n_items, sizeof *out->of_item);
    if (out->targets != NULL && out->hits != NULL && out->of_item != NULL) return DG_OK;
    return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for categories of items");
}

void dg_categories_add(dg_categories *x, const dg_evaluate_options *o, int64_t n_items,
                       const dg_hit *list, int n_list, dg_row target)
{
    int rank = 0;
    for (int64_t t = 0; t < target.n; t++) x->of_item[target.index[t]]++;
    for (int j = 0; j < o->n_k; j++)
        for (; rank < o->k[j] && rank < n_list; rank++)
            if (dg_row_has(target, list[rank].index))
                x->of_item[(1 + j) * n_items + list[rank].index]++;
}

void dg_categories_measure(const dg_comm *c, const dg_dataset *d, const dg_evaluate_options *o,
                           int64_t n_items, dg_categories *x)
{
    const dg_range own = dg_shards_rows(&d->items, c->rank, c->size);
    const int64_t all = (1 + o->n_k) * n_items, part = 1 << 24;
    for (int64_t at = 0; at < all; at += part)
        dg_sum_int64(c, x->of_item + at, (int)(all - at < part ? all - at : part));
    for (int64_t i = own.begin; i < own.end; i++)
        for (int64_t e = x->by->ptr[i - own.begin]; e < x->by->ptr[i - own.begin + 1]; e++) {
            const int32_t code = x->by->code[e];
            int64_t hits = 0;
            x->targets[code] += x->of_item[i];
            for (int j = 0; j < o->n_k; j++) {
                hits += x->of_item[(1 + j) * n_items + i];
                x->hits[code * o->n_k + j] += hits;
            }
        }
    for (int64_t at = 0; at < x->n; at += part)
        dg_sum_int64(c, x->targets + at, (int)(x->n - at < part ? x->n - at : part));
    const int64_t n_hits = (int64_t)x->n * o->n_k;
    for (int64_t at = 0; at < n_hits; at += part)
        dg_sum_int64(c, x->hits + at, (int)(n_hits - at < part ? n_hits - at : part));
    dg_free(x->of_item);
    x->of_item = NULL;
}

typedef struct placed {
    int64_t targets;
    int32_t code;
} placed;

static int by_targets(const void *a, const void *b)
{
    const placed *x = a, *y = b;
    if (x->targets != y->targets) return x->targets > y->targets ? -1 : 1;
    return (x->code > y->code) - (x->code < y->code);
}

dg_status dg_categories_json(const dg_categories *x, const dg_evaluate_options *o, int most,
                             dg_text *out, dg_err *err)
{
    placed *order = dg_alloc((size_t)x->n, sizeof *order);
    if (order == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for categories of items");
    for (int32_t k = 0; k < x->n; k++) order[k] = (placed){x->targets[k], k};
    qsort(order, (size_t)x->n, sizeof *order, by_targets);
    dg_text_add(out, "[");
    for (int32_t k = 0; k < x->n && k < most && order[k].targets > 0; k++) {
        size_t n;
        const char *name = dg_strings_at(&x->by->values, order[k].code, &n);
        dg_text_add(out, "%s{\"value\":", k > 0 ? "," : "");
        dg_json_string(out, name, n);
        dg_text_add(out, ",\"targets\":%lld", (long long)order[k].targets);
        for (int j = 0; j < o->n_k; j++)
            dg_text_add(out, ",\"recall@%d\":%.9g", o->k[j],
                        (double)x->hits[order[k].code * o->n_k + j] / (double)order[k].targets);
        dg_text_add(out, "}");
    }
    dg_text_add(out, "]");
    dg_free(order);
    return out->failed ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for categories of items")
                       : DG_OK;
}

void dg_categories_free(dg_categories *x)
{
    dg_free(x->targets);
    dg_free(x->hits);
    dg_free(x->of_item);
    *x = (dg_categories){0};
}
