#include "store/attributes.h"

#include "base/memory.h"

#include <stdio.h>
#include <string.h>

typedef struct dg_cut { /* of one column over the own shards */
    int64_t *rows, *offsets, *entries;
    int64_t *ptr; /* (own rows+1,) offsets in the whole array */
} dg_cut;

static dg_status cut_column(const dg_comm *c, const dg_shards *shards, const dg_attribute_column *a,
                            dg_cut *out, dg_err *err)
{
    const dg_run run = dg_shards_run(shards->n, c->rank, c->size);
    const int64_t first = shards->begin[run.begin], n = shards->begin[run.end] - first;
    const size_t n_run = (size_t)(run.end - run.begin);
    out->rows = dg_alloc(n_run, sizeof *out->rows);
    out->offsets = dg_alloc(n_run, sizeof *out->offsets);
    out->entries = dg_alloc(n_run, sizeof *out->entries);
    out->ptr = dg_alloc((size_t)n + 1, sizeof *out->ptr);
    if (out->rows == NULL || out->offsets == NULL || out->entries == NULL || out->ptr == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory writing attributes");
    for (int s = run.begin; s < run.end; s++) {
        const int64_t from = shards->begin[s] - first, to = shards->begin[s + 1] - first;
        out->rows[s - run.begin] = to - from;
        out->offsets[s - run.begin] = to - from + (s == shards->n - 1);
        out->entries[s - run.begin] = a->ptr == NULL ? 0 : a->ptr[to] - a->ptr[from];
    }
    for (int64_t r = 0; r <= n && a->ptr != NULL; r++) out->ptr[r] = a->ptr[r];
    return DG_OK;
}

static void write_column(const dg_comm *c, dg_writer *w, const char *group, const dg_shards *shards,
                         const dg_attribute_column *a)
{
    char path[160];
    dg_cut cut = {0};
    dg_err err = {.text = ""};
    const dg_status st = dg_agree(c, cut_column(c, shards, a, &cut, &err), &err);
    if (st != DG_OK) {
        dg_writer_fail(w, st, &err);
    } else if (a->type == DG_ATTRIBUTE_NUMBER) {
        snprintf(path, sizeof path, "%s/number", group);
        dg_writer_array(w, path, &(dg_piece){DG_F64, 1, shards->n, cut.rows, a->number});
    } else {
        const dg_range own = dg_shards_rows(shards, c->rank, c->size);
        const int64_t n = own.end - own.begin, before = dg_prefix_int64(c, cut.ptr[n]);
        for (int64_t r = 0; r <= n; r++) cut.ptr[r] += before;
        snprintf(path, sizeof path, "%s/ptr", group);
        dg_writer_array(w, path, &(dg_piece){DG_I64, 1, shards->n, cut.offsets, cut.ptr});
        snprintf(path, sizeof path, "%s/code", group);
        dg_writer_array(w, path, &(dg_piece){DG_I32, 1, shards->n, cut.entries, a->code});
        snprintf(path, sizeof path, "%s/values", group);
        dg_writer_small_strings(w, path, &a->values);
    }
    dg_free(cut.rows);
    dg_free(cut.offsets);
    dg_free(cut.entries);
    dg_free(cut.ptr);
}

void dg_attribute_columns_write(const dg_comm *c, dg_writer *w, const char *group,
                                const dg_shards *shards, const dg_attribute_columns *a)
{
    char path[128];
    uint8_t type[DG_ATTRIBUTES_MAX];
    dg_strings names = {0};
    dg_err err = {.text = ""};
    dg_status st = DG_OK;
    if (a->n == 0) return;
    for (int32_t k = 0; k < a->n && st == DG_OK; k++) {
        type[k] = (uint8_t)a->at[k].type;
        st = dg_strings_add(&names, a->at[k].name, strlen(a->at[k].name), &err);
    }
    st = dg_agree(c, st, &err);
    if (st == DG_OK) {
        snprintf(path, sizeof path, "%s/names", group);
        dg_writer_small_strings(w, path, &names);
        snprintf(path, sizeof path, "%s/types", group);
        dg_writer_small(w, path, DG_U8, a->n, 1, type);
        for (int32_t k = 0; k < a->n; k++) {
            snprintf(path, sizeof path, "%s/%d", group, k);
            write_column(c, w, path, shards, &a->at[k]);
        }
    } else {
        dg_writer_fail(w, st, &err);
    }
    dg_strings_free(&names);
}

static dg_status copy_values(const dg_attribute *from, dg_strings *out, dg_err *err)
{
    dg_status st = DG_OK;
    for (int32_t v = 0; v < from->n_values && st == DG_OK; v++) {
        size_t n;
        const char *text = dg_attribute_text(from, v, &n);
        st = dg_strings_add(out, text, n, err);
    }
    return st;
}

/* The own rows of a mapped and checked column. */
static dg_status copy_own(const dg_attribute *from, dg_range own, dg_attribute_column *out,
                          dg_err *err)
{
    const int64_t n = own.end - own.begin;
    snprintf(out->name, sizeof out->name, "%.*s", (int)from->n_name, from->name);
    out->type = from->type;
    if (from->type == DG_ATTRIBUTE_NUMBER) {
        out->number = dg_alloc((size_t)n, sizeof *out->number);
        if (out->number == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for attributes");
        memcpy(out->number, from->number + own.begin, (size_t)n * sizeof *out->number);
        return DG_OK;
    }
    const int64_t first = from->ptr[own.begin], n_codes = from->ptr[own.end] - first;
    out->ptr = dg_alloc((size_t)n + 1, sizeof *out->ptr);
    out->code = dg_alloc((size_t)n_codes, sizeof *out->code);
    if (out->ptr == NULL || out->code == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for attributes");
    for (int64_t r = 0; r <= n; r++) out->ptr[r] = from->ptr[own.begin + r] - first;
    memcpy(out->code, from->code + first, (size_t)n_codes * sizeof *out->code);
    return copy_values(from, &out->values, err);
}

dg_status dg_attribute_columns_load(const dg_comm *c, const dg_container *f, const char *group,
                                    const dg_shards *shards, dg_attribute_columns *out, dg_err *err)
{
    dg_attributes *all = dg_alloc(1, sizeof *all);
    *out = (dg_attribute_columns){0};
    if (all == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for attributes");
    dg_status st = dg_attributes_map(f, group, shards->begin[shards->n], all, err);
    if (st == DG_OK && all->n > 0) {
        out->at = dg_alloc((size_t)all->n, sizeof *out->at);
        if (out->at == NULL) st = DG_FAIL(err, DG_ERR_NOMEM, "out of memory for attributes");
    }
    for (int32_t k = 0; k < all->n && st == DG_OK; k++) {
        out->n = k + 1;
        st = copy_own(&all->at[k], dg_shards_rows(shards, c->rank, c->size), &out->at[k], err);
    }
    dg_free(all);
    return st;
}

const dg_attribute_column *dg_attribute_columns_find(const dg_attribute_columns *a,
                                                     const char *name, size_t n)
{
    for (int32_t k = 0; k < a->n; k++)
        if (strlen(a->at[k].name) == n && memcmp(a->at[k].name, name, n) == 0) return &a->at[k];
    return NULL;
}

void dg_attribute_columns_free(dg_attribute_columns *a)
{
    for (int32_t k = 0; k < a->n; k++) {
        dg_free(a->at[k].number);
        dg_free(a->at[k].ptr);
        dg_free(a->at[k].code);
        dg_strings_free(&a->at[k].values);
    }
    dg_free(a->at);
    *a = (dg_attribute_columns){0};
}
