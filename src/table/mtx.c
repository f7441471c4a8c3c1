#include "table/mtx.h"

#include "base/text.h"
#include "table/split.h"

#include <string.h>
#include <strings.h>

static bool is_word(dg_slice field, const char *word)
{
    return field.n == strlen(word) && strncasecmp(field.at, word, field.n) == 0;
}

/* The next line, comments passed over where they may stand; what is wrong with it is an error. */
static dg_status next_line(dg_split *s, const dg_source *source, bool comments, dg_fields *f,
                           dg_err *err)
{
    dg_outcome outcome;
    dg_reject reject;
    do {
        const dg_status st = dg_split_next(s, &outcome, f, &reject, err);
        if (st != DG_OK) return st;
        if (outcome == DG_OUTCOME_REJECT) return dg_reject_fail(&reject, source->path, 0, err);
        if (outcome == DG_OUTCOME_END)
            return DG_FAIL(err, DG_ERR_DATA, "%s: it ends before a MatrixMarket file's sizes",
                           source->path);
    } while (comments && f->at[0].n > 0 && f->at[0].at[0] == '%');
    return DG_OK;
}

static dg_status read_banner(dg_split *s, const dg_source *source, int32_t *n_fields, dg_err *err)
{
    dg_fields f;
    const dg_status st = next_line(s, source, false, &f, err);
    if (st != DG_OK) return st;
    const bool ours = f.n == 5 && is_word(f.at[0], "%%MatrixMarket") && is_word(f.at[1], "matrix");
    if (!ours) return DG_FAIL(err, DG_ERR_DATA, "%s:1: no MatrixMarket banner", source->path);
    const bool pattern = is_word(f.at[3], "pattern");
    const bool number = is_word(f.at[3], "real") || is_word(f.at[3], "integer");
    *n_fields = pattern ? 2 : 3;
    if (is_word(f.at[2], "coordinate") && (pattern || number) && is_word(f.at[4], "general"))
        return DG_OK;
    return DG_FAIL(err, DG_ERR_DATA,
                   "%s:1: only general coordinate matrices of real, integer or pattern are read",
                   source->path);
}

static dg_status read_sizes(dg_split *s, const dg_source *source, dg_err *err)
{
    dg_fields f;
    int64_t size = 0;
    const dg_status st = next_line(s, source, true, &f, err);
    if (st != DG_OK) return st;
    bool good = f.n == 3;
    for (size_t k = 0; k < f.n && good; k++)
        good = dg_parse_int64(f.at[k].at, f.at[k].n, &size) && size >= 0;
    return good ? DG_OK
                : DG_FAIL(err, DG_ERR_DATA, "%s:%lld: rows, columns and entries are expected",
                          source->path, (long long)f.line);
}

dg_status dg_mtx_layout(const dg_source *source, const dg_dialect *d, dg_layout *out, dg_err *err)
{
    dg_split *s;
    dg_layout found = {.column = {0, 1, -1, -1, -1, -1}};
    dg_status st = dg_split_open(source, d, (dg_span){.end = INT64_MAX}, &s, err);
    if (st == DG_OK) st = read_banner(s, source, &found.n_fields, err);
    if (st == DG_OK) st = read_sizes(s, source, err);
    if (st == DG_OK) {
        dg_fields f;
        dg_outcome outcome;
        dg_reject reject;
        if (found.n_fields == 3) found.column[DG_ROLE_VALUE] = 2;
        found.data_begin = dg_split_position(s);
        found.header_lines = dg_split_lines(s);
        st = dg_split_next(s, &outcome, &f, &reject, err);
        found.empty = st == DG_OK && outcome == DG_OUTCOME_END;
    }
    dg_split_close(&s);
    if (st == DG_OK) *out = found;
    return st;
}
