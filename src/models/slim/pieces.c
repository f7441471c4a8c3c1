#include "models/slim/pieces.h"

#include "base/memory.h"

#include <string.h>

dg_status dg_pieces_create(dg_range own, dg_pieces *out, dg_err *err)
{
    *out = (dg_pieces){.own = own};
    out->row = dg_alloc((size_t)(own.end - own.begin), sizeof *out->row);
    if (out->row != NULL) return DG_OK;
    return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for rows of items");
}

bool dg_pieces_room(dg_piece_row *row, int64_t n)
{
    row->n = n;
    row->index = dg_alloc((size_t)n, sizeof *row->index);
    row->value = dg_alloc((size_t)n, sizeof *row->value);
    return row->index != NULL && row->value != NULL;
}

static void free_row(dg_piece_row *row)
{
    dg_free(row->index);
    dg_free(row->value);
    *row = (dg_piece_row){0};
}

dg_status dg_pieces_join(dg_pieces *p, dg_csr *out, dg_err *err)
{
    const int64_t rows = p->own.end - p->own.begin;
    int64_t n = 0;
    for (int64_t r = 0; r < rows; r++) n += p->row[r].n;
    const dg_status st = dg_csr_create(p->own.begin, p->own.end, n, out, err);
    for (int64_t r = 0; r < rows && st == DG_OK; r++) {
        dg_piece_row *row = &p->row[r];
        const int64_t at = out->ptr[r];
        if (row->n > 0) {
            memcpy(out->index + at, row->index, (size_t)row->n * sizeof *row->index);
            memcpy(out->value + at, row->value, (size_t)row->n * sizeof *row->value);
        }
        out->ptr[r + 1] = at + row->n;
        free_row(row);
    }
    return st;
}

void dg_pieces_free(dg_pieces *p)
{
    for (int64_t r = 0; p->row != NULL && r < p->own.end - p->own.begin; r++) free_row(&p->row[r]);
    dg_free(p->row);
    *p = (dg_pieces){0};
}
