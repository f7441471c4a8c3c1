#include "table/wanted.h"

#include "base/memory.h"

#include <string.h>

static bool has(const dg_wanted *w, const char *column)
{
    for (int32_t k = 0; k < w->cut.n; k++)
        if (strcmp(w->column[k], column) == 0) return true;
    return false;
}

static dg_status check_format(const dg_source *source, const dg_dialect *d, dg_err *err)
{
    const bool is = source->codec == DG_CODEC_HDF5, wanted = d->format == DG_FORMAT_HDF5;
    if (is == wanted) return DG_OK;
    if (wanted) return DG_FAIL(err, DG_ERR_DATA, "%s: not an HDF5 file", source->path);
    const dg_status st =
        DG_FAIL(err, DG_ERR_CONFIG, "%s: an HDF5 file, read as something else", source->path);
    return dg_err_hint(err, st, "say \"format: hdf5\", and columns by their paths in the file");
}

dg_status dg_wanted_find(dg_wanted *w, const dg_source *source, const dg_dialect *d,
                         const char *const *column, int32_t n, dg_err *err)
{
    *w = (dg_wanted){.source = *source};
    const dg_status st = check_format(source, d, err);
    if (st != DG_OK || d->format != DG_FORMAT_HDF5) return st;
    w->column = dg_alloc((size_t)n, sizeof *w->column);
    if (w->column == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", source->path);
    for (int32_t k = 0; k < n; k++)
        if (column[k] != NULL && !has(w, column[k])) w->column[w->cut.n++] = column[k];
    w->cut.column = w->column;
    w->cut.end = source->size;
    w->source.cut = &w->cut;
    return DG_OK;
}

void dg_wanted_free(dg_wanted *w)
{
    dg_free(w->column);
    *w = (dg_wanted){0};
}
