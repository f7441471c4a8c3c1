#include "table/rows.h"

#include "base/memory.h"
#include "table/header.h"
#include "table/split.h"
#include "table/wanted.h"

struct dg_rows {
    dg_wanted wanted;
    dg_split *split;
    dg_reject reject;
    int32_t n_fields, n_wanted;
    int32_t *column; /* (n_wanted,) from 0 */
    dg_slice *field; /* (n_wanted,) of the last row */
};

static dg_status find_columns(dg_rows *r, const dg_dialect *d, const char *const *wanted,
                              dg_err *err)
{
    dg_header h;
    const dg_source *source = &r->wanted.source;
    dg_status st = dg_header_read(source, d, &h, err);
    if (st == DG_OK && h.empty)
        st = DG_FAIL(err, DG_ERR_DATA, "%s: a header and no row", source->path);
    for (int32_t k = 0; k < r->n_wanted && st == DG_OK; k++)
        st = dg_header_find(&h, source, d, wanted[k], &r->column[k], err);
    r->n_fields = h.n_fields;
    const int64_t lines = d->format == DG_FORMAT_HDF5 ? 0 : h.lines; /* rows, there */
    const dg_span span = {0, INT64_MAX, h.data_begin, lines, 0};
    if (st == DG_OK) st = dg_split_open(source, d, span, &r->split, err);
    dg_header_free(&h);
    return st;
}

dg_status dg_rows_open(const dg_source *source, const dg_dialect *d, const char *const *wanted,
                       int32_t n_wanted, dg_rows **out, dg_err *err)
{
    *out = NULL;
    dg_rows *r = dg_alloc(1, sizeof *r);
    if (r == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", source->path);
    r->n_wanted = n_wanted;
    r->column = dg_alloc((size_t)n_wanted, sizeof *r->column);
    r->field = dg_alloc((size_t)n_wanted, sizeof *r->field);
    dg_status st = r->column == NULL || r->field == NULL
                       ? DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", source->path)
                       : dg_wanted_find(&r->wanted, source, d, wanted, n_wanted, err);
    if (st == DG_OK) st = find_columns(r, d, wanted, err);
    *out = r;
    if (st != DG_OK) dg_rows_close(out);
    return st;
}

static bool take_fields(dg_rows *r, const dg_fields *f)
{
    if (f->n != (size_t)r->n_fields) {
        dg_reject__set(&r->reject, DG_REJECT_RAGGED, 0, (dg_slice){0},
                       "%zu columns where %d are expected", f->n, r->n_fields);
        return false;
    }
    for (int32_t k = 0; k < r->n_wanted; k++) {
        r->field[k] = f->at[r->column[k]];
        if (!f->ascii && !dg_reject__is_text(&r->reject, (size_t)r->column[k] + 1, r->field[k]))
            return false;
    }
    return true;
}

dg_status dg_rows_next(dg_rows *r, dg_table_row *out, dg_err *err)
{
    dg_fields f;
    *out = (dg_table_row){.field = r->field};
    const dg_status st = dg_split_next(r->split, &out->outcome, &f, &r->reject, err);
    out->line = r->reject.line;
    if (st == DG_OK && out->outcome == DG_OUTCOME_RECORD && !take_fields(r, &f))
        out->outcome = DG_OUTCOME_REJECT;
    if (out->outcome == DG_OUTCOME_REJECT) out->reject = &r->reject;
    return st;
}

void dg_rows_close(dg_rows **r)
{
    if (*r == NULL) return;
    dg_split_close(&(*r)->split);
    dg_wanted_free(&(*r)->wanted);
    dg_free((*r)->column);
    dg_free((*r)->field);
    dg_free(*r);
    *r = NULL;
}
