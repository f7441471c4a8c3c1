#include "made_dataset.h"

#include <math.h>
#include <stdlib.h>

enum { SHARDS = 64, FULL_SHARD = 21 };

static void cut(dg_shards *s, int64_t n, bool crowded)
{
    dg_err err;
    if (dg_shards_create(SHARDS, s, &err) != DG_OK) abort();
    for (int k = 0; k <= SHARDS; k++)
        s->begin[k] = crowded ? (k > FULL_SHARD ? n : 0) : n * k / SHARDS;
}

/* Rows of users, or of items by swapping the pair. */
static float at(float (*value)(int64_t, int64_t), bool by_user, int64_t row, int64_t column)
{
    if (value == NULL) return NAN;
    return by_user ? value(row, column) : value(column, row);
}

static void fill(float (*value)(int64_t, int64_t), bool by_user, dg_range rows, int64_t n_columns,
                 dg_csr *out)
{
    dg_err err;
    int64_t n = 0;
    for (int64_t r = rows.begin; r < rows.end; r++)
        for (int64_t k = 0; k < n_columns; k++) n += !isnan(at(value, by_user, r, k));
    if (dg_csr_create(rows.begin, rows.end, n, out, &err) != DG_OK) abort();
    n = 0;
    for (int64_t r = rows.begin; r < rows.end; r++) {
        for (int64_t k = 0; k < n_columns; k++) {
            const float v = at(value, by_user, r, k);
            if (isnan(v)) continue;
            out->index[n] = (int32_t)k;
            out->value[n++] = v;
        }
        out->ptr[r - rows.begin + 1] = n;
    }
}

void made_dataset(const dg_comm *c, const made_shop *shop, dg_dataset *out)
{
    *out = (dg_dataset){.value_min = 1, .value_max = 5};
    cut(&out->users, shop->n_users, shop->crowded);
    cut(&out->items, shop->n_items, shop->crowded);
    const dg_range users = dg_shards_rows(&out->users, c->rank, c->size);
    const dg_range items = dg_shards_rows(&out->items, c->rank, c->size);
    fill(shop->train, true, users, shop->n_items, &out->train);
    fill(shop->train, false, items, shop->n_users, &out->train_by_item);
    fill(shop->fold_in, true, users, shop->n_items, &out->fold_in);
    fill(NULL, true, users, 0, &out->valid);
    fill(NULL, true, users, 0, &out->test);
    out->n_train = dg_csr_count(&out->train);
    out->n_fold_in = dg_csr_count(&out->fold_in);
    dg_sum_int64(c, &out->n_train, 1);
    dg_sum_int64(c, &out->n_fold_in, 1);
}
