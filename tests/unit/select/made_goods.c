#include "made_goods.h"

#include "base/digest.h"
#include "base/memory.h"
#include "base/rng.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *room(size_t n, size_t size)
{
    void *at = dg_alloc(n, size);
    if (at == NULL) abort();
    return at;
}

static dg_attribute *add(dg_attributes *to, const char *name, dg_attribute_type type)
{
    dg_attribute *a = &to->at[to->n++];
    *a = (dg_attribute){.name = name, .n_name = strlen(name), .type = type};
    return a;
}

static void add_numbers(dg_attributes *to, const char *name, int most, double step, dg_rng *r)
{
    double *number = room((size_t)to->n_rows, sizeof *number);
    for (int64_t k = 0; k < to->n_rows; k++)
        number[k] = dg_rng_below(r, 10) == 0 ? NAN : step * (double)(1 + dg_rng_below(r, most));
    add(to, name, DG_ATTRIBUTE_NUMBER)->number = number;
}

static int compare(const void *a, const void *b) { return strcmp(a, b); }

/* Values PREFIX0 …, at most `longest` a row. */
static void add_texts(dg_attributes *to, const char *name, const char *prefix, int n_values,
                      int longest, dg_rng *r)
{
    char(*value)[16] = room((size_t)n_values, sizeof *value);
    int64_t *offset = room((size_t)n_values + 1, sizeof *offset), n = 0;
    char *bytes = room((size_t)n_values * sizeof *value, 1);
    int64_t *ptr = room((size_t)to->n_rows + 1, sizeof *ptr);
    int32_t *code = room((size_t)(to->n_rows * longest), sizeof *code);
    for (int v = 0; v < n_values; v++) snprintf(value[v], sizeof value[v], "%s%d", prefix, v);
    qsort(value, (size_t)n_values, sizeof *value, compare);
    for (int v = 0; v < n_values; v++) {
        memcpy(bytes + offset[v], value[v], strlen(value[v]));
        offset[v + 1] = offset[v] + (int64_t)strlen(value[v]);
    }
    for (int64_t k = 0; k < to->n_rows; k++) {
        int v = -1;
        for (int i = 0; i < longest; i++) {
            v += 1 + (int)dg_rng_below(r, (uint32_t)n_values);
            if (v < n_values) code[n++] = v;
        }
        ptr[k + 1] = n;
    }
    dg_free(value);
    dg_attribute *a = add(to, name, longest > 1 ? DG_ATTRIBUTE_LIST : DG_ATTRIBUTE_TEXT);
    a->ptr = ptr;
    a->code = code;
    a->n_values = n_values;
    a->offset = offset;
    a->bytes = bytes;
}

static int by_hash(const void *a, const void *b, void *names)
{
    size_t nx, ny;
    const char *x = dg_names_at(names, *(const int32_t *)a, &nx);
    const char *y = dg_names_at(names, *(const int32_t *)b, &ny);
    const uint64_t hx = dg_id_hash(x, nx), hy = dg_id_hash(y, ny);
    return (hx > hy) - (hx < hy); /* no two of these ids have one */
}

static void name_goods(made_goods *g, int64_t n)
{
    int64_t *offset = room((size_t)n + 1, sizeof *offset);
    char *bytes = room((size_t)n, 16);
    int32_t *order = room((size_t)n, sizeof *order);
    for (int64_t k = 0; k < n; k++) {
        offset[k + 1] = offset[k] + sprintf(bytes + offset[k], "item %lld", (long long)k);
        order[k] = (int32_t)k;
    }
    g->id = (dg_names){.n = n, .offset = offset, .bytes = bytes, .by_hash = order};
    qsort_r(order, (size_t)n, sizeof *order, by_hash, &g->id);
}

/* User 0 has nothing. */
static void bare(dg_attributes *users)
{
    for (int32_t k = 0; k < users->n; k++) {
        dg_attribute *a = &users->at[k];
        if (a->number != NULL) {
            ((double *)a->number)[0] = NAN;
            continue;
        }
        const int64_t cut = a->ptr[1];
        memmove((int32_t *)a->code, a->code + cut,
                (size_t)(a->ptr[users->n_rows] - cut) * sizeof *a->code);
        for (int64_t r = 1; r <= users->n_rows; r++) ((int64_t *)a->ptr)[r] -= cut;
    }
}

made_goods *make_goods(int64_t n_items, uint64_t seed)
{
    dg_err err;
    dg_rng r = dg_rng_at(seed, DG_RNG_TEST, 1);
    made_goods *g = room(1, sizeof *g);
    g->items.n_rows = n_items;
    g->users.n_rows = MADE_USERS;
    add_numbers(&g->items, "price", 100, 0.5, &r);
    add_numbers(&g->items, "year", 4, 1, &r);
    add_texts(&g->items, "category", "c", 4, 1, &r);
    add_texts(&g->items, "brand", "b", 60, 1, &r);
    add_texts(&g->items, "tags", "t", 8, 3, &r);
    add_numbers(&g->items, "odd name", 3, 1, &r);
    add_numbers(&g->users, "age", 60, 1, &r);
    add_texts(&g->users, "city", "c", 5, 1, &r);
    add_texts(&g->users, "tags", "t", 9, 2, &r);
    bare(&g->users);
    name_goods(g, n_items);
    g->from = (dg_goods_source){n_items, MADE_USERS, &g->items, &g->users, &g->id};
    if (dg_goods_create(&g->from, &g->goods, &err) != DG_OK) abort();
    return g;
}

static void free_side(dg_attributes *a)
{
    for (int32_t k = 0; k < a->n; k++) {
        dg_free((void *)a->at[k].number);
        dg_free((void *)a->at[k].ptr);
        dg_free((void *)a->at[k].code);
        dg_free((void *)a->at[k].offset);
        dg_free((void *)a->at[k].bytes);
    }
}

void free_goods(made_goods **g)
{
    dg_goods_destroy(&(*g)->goods);
    free_side(&(*g)->items);
    free_side(&(*g)->users);
    dg_free((void *)(*g)->id.offset);
    dg_free((void *)(*g)->id.bytes);
    dg_free((void *)(*g)->id.by_hash);
    dg_free(*g);
    *g = NULL;
}
