#include "job/segments.h"

#include "artifact/artifact.h"
#include "base/memory.h"

#include <stdio.h>
#include <string.h>

static int32_t find(const dg_job *job, int64_t k, const dg_dataset *d)
{
    size_t n;
    const char *name = dg_strings_at(&job->export.segments, k, &n);
    const dg_attribute_column *column = dg_attribute_columns_find(&d->user_attributes, name, n);
    return column == NULL ? -1 : (int32_t)(column - d->user_attributes.at);
}

dg_status dg_segments_check(const dg_job *job, const dg_dataset *d, dg_err *err)
{
    const dg_strings *wanted = &job->export.segments;
    if (wanted->n > DG_SEGMENTS_MAX)
        return DG_FAIL(err, DG_ERR_CONFIG, "%s: export.segments: more than %d", job->file,
                       DG_SEGMENTS_MAX);
    for (int64_t k = 0; k < wanted->n; k++) {
        size_t n;
        const char *name = dg_strings_at(wanted, k, &n);
        const int32_t at = find(job, k, d);
        if (at < 0) {
            const dg_status st =
                DG_FAIL(err, DG_ERR_CONFIG, "%s: export.segments: the users have no attribute %.*s",
                        job->file, (int)n, name);
            return dg_err_hint(err, st, "data.users.attributes: {%.*s: text}", (int)n, name);
        }
        const dg_attribute_column *column = &d->user_attributes.at[at];
        if (column->type == DG_ATTRIBUTE_NUMBER)
            return DG_FAIL(err, DG_ERR_CONFIG,
                           "%s: export.segments: %.*s is a number; segments are of texts",
                           job->file, (int)n, name);
        if (column->values.n == 0 || column->values.n > DG_GROUPS_MAX)
            return DG_FAIL(err, DG_ERR_CONFIG,
                           "%s: export.segments: %.*s has %lld different values, not 1 to %d",
                           job->file, (int)n, name, (long long)column->values.n, DG_GROUPS_MAX);
    }
    return DG_OK;
}

/* A pair for each training rating and each value of its user. */
static dg_status count_pairs(const dg_dataset *d, const dg_attribute_column *a,
                             dg_group_count **out, int64_t *n, dg_err *err)
{
    int64_t most = 0;
    for (int64_t u = d->train.begin; u < d->train.end; u++) {
        const int64_t r = u - d->train.begin;
        most += dg_csr_row(&d->train, u).n * (a->ptr[r + 1] - a->ptr[r]);
    }
    *n = 0;
    *out = dg_alloc((size_t)most, sizeof **out);
    if (*out == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory counting segments");
    for (int64_t u = d->train.begin; u < d->train.end; u++) {
        const dg_row row = dg_csr_row(&d->train, u);
        const int64_t r = u - d->train.begin;
        for (int64_t p = a->ptr[r]; p < a->ptr[r + 1]; p++)
            for (int64_t k = 0; k < row.n; k++)
                (*out)[(*n)++] = (dg_group_count){a->code[p], row.index[k], 1};
    }
    return DG_OK;
}

static dg_status write_segment(const dg_comm *c, dg_writer *w, const dg_dataset *d,
                               const dg_attribute_column *a, int64_t k, dg_err *err)
{
    char group[64];
    dg_group_count *count = NULL;
    dg_group_lists lists = {0};
    int64_t n = 0;
    dg_status st = dg_agree(c, count_pairs(d, a, &count, &n, err), err);
    if (st == DG_OK) st = dg_group_lists_make(c, count, n, &a->values, &d->items, &lists, err);
    dg_free(count);
    snprintf(group, sizeof group, "popularity/segment/%lld", (long long)k);
    if (st == DG_OK) dg_group_lists_write(w, group, &lists);
    dg_group_lists_free(&lists);
    return st;
}

void dg_segments_write(const dg_comm *c, dg_writer *w, const dg_job *job, const dg_dataset *d)
{
    int32_t of[DG_SEGMENTS_MAX];
    dg_err err = {.text = ""};
    dg_status st = DG_OK;
    const int64_t n = job->export.segments.n;
    dg_group_lists_write(w, "popularity/scene", &d->scenes);
    if (n == 0) return;
    for (int64_t k = 0; k < n; k++) of[k] = find(job, k, d);
    dg_writer_small(w, "popularity/segment/of", DG_I32, n, 1, of);
    for (int64_t k = 0; k < n && st == DG_OK; k++)
        st = write_segment(c, w, d, &d->user_attributes.at[of[k]], k, &err);
    if (st != DG_OK) dg_writer_fail(w, st, &err);
}
