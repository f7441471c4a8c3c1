#include "table/record.h"

#include "base/memory.h"
#include "base/text.h"
#include "table/header.h"
#include "table/json.h"
#include "table/mtx.h"
#include "table/split.h"
#include "table/wanted.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct dg_records {
    dg_wanted wanted;
    dg_split *split;
    int64_t first, end; /* hdf5: bytes that its rows stand for */
    dg_format format;
    dg_layout layout;
    dg_reject reject;
    dg_fields fields;          /* of the last line */
    size_t next;               /* lists: field to yield next; fields.n when the line is done */
    const dg_filters *filters; /* NULL for none */
    int64_t dropped[DG_FILTERS_MAX];
    dg_json_paths paths;                         /* jsonl: of the columns, */
    dg_slice value[DG_N_ROLES + DG_FILTERS_MAX]; /* and what the record has there */
};

static const char *const role_name[DG_N_ROLES] = {"user", "item",  "value",
                                                  "time", "event", "scene"};

static dg_status find_columns(const dg_header *h, const dg_source *source, const dg_dialect *d,
                              const char *const columns[DG_N_ROLES], const dg_filters *filters,
                              dg_layout *out, dg_err *err)
{
    dg_status st = DG_OK;
    for (int32_t k = 0; filters != NULL && k < filters->n && st == DG_OK; k++)
        st = dg_header_find(h, source, d, filters->at[k].column, &out->filtered[k], err);
    for (int role = 0; role < DG_N_ROLES && st == DG_OK; role++) {
        out->column[role] = -1;
        if (columns[role] != NULL)
            st = dg_header_find(h, source, d, columns[role], &out->column[role], err);
        else if (role <= DG_ROLE_ITEM)
            st = DG_FAIL(err, DG_ERR_CONFIG, "%s: which column is the %s is not said", source->path,
                         role_name[role]);
    }
    return st;
}

static int32_t add_path(dg_layout *l, const char *path)
{
    l->path[l->n_fields] = path;
    return l->n_fields++;
}

/* The columns of jsonl are what the job asks for. */
static dg_status list_paths(const dg_source *source, const char *const columns[DG_N_ROLES],
                            const dg_filters *filters, dg_layout *out, dg_err *err)
{
    dg_json_paths paths = {0};
    dg_status st = DG_OK;
    out->n_fields = 0;
    for (int role = 0; role < DG_N_ROLES && st == DG_OK; role++) {
        if (columns[role] != NULL)
            out->column[role] = add_path(out, columns[role]);
        else if (role <= DG_ROLE_ITEM)
            st = DG_FAIL(err, DG_ERR_CONFIG, "%s: which key is the %s is not said", source->path,
                         role_name[role]);
    }
    for (int32_t k = 0; filters != NULL && k < filters->n; k++)
        out->filtered[k] = add_path(out, filters->at[k].column);
    for (int32_t k = 0; k < out->n_fields && st == DG_OK; k++) {
        dg_err why;
        st = dg_json_paths_add(&paths, out->path[k], &why);
        if (st != DG_OK) st = DG_FAIL(err, st, "%s: %.600s", source->path, why.text);
    }
    return st;
}

/* The columns of hdf5 are those that are asked for; they are told by their paths. */
static dg_status want(dg_wanted *w, const dg_source *source, const dg_dialect *d,
                      const char *const columns[DG_N_ROLES], const dg_filters *filters, dg_err *err)
{
    const char *all[DG_N_ROLES + DG_FILTERS_MAX];
    int32_t n = 0;
    for (int role = 0; role < DG_N_ROLES; role++) all[n++] = columns[role];
    for (int32_t k = 0; filters != NULL && k < filters->n; k++) all[n++] = filters->at[k].column;
    return dg_wanted_find(w, source, d, all, n, err);
}

static dg_status read_layout(const dg_wanted *w, const dg_dialect *d,
                             const char *const columns[DG_N_ROLES], const dg_filters *filters,
                             dg_layout *out, dg_err *err)
{
    dg_header h;
    dg_status st = dg_header_read(&w->source, d, &h, err);
    if (st != DG_OK) return st;
    dg_layout found = {.data_begin = h.data_begin,
                       .header_lines = h.lines,
                       .n_fields = h.n_fields,
                       .column = {-1, -1, -1, -1, -1, -1},
                       .empty = h.empty};
    if (d->format == DG_FORMAT_CSV || d->format == DG_FORMAT_HDF5)
        st = find_columns(&h, &w->source, d, columns, filters, &found, err);
    if (d->format == DG_FORMAT_JSONL) st = list_paths(&w->source, columns, filters, &found, err);
    for (int32_t k = 0; k < w->cut.n; k++) found.path[k] = w->column[k];
    dg_header_free(&h);
    if (st == DG_OK) *out = found;
    return st;
}

dg_status dg_layout_read(const dg_source *source, const dg_dialect *d,
                         const char *const columns[DG_N_ROLES], const dg_filters *filters,
                         dg_layout *out, dg_err *err)
{
    dg_wanted w;
    const bool columned = d->format != DG_FORMAT_LISTS && d->format != DG_FORMAT_MTX;
    if (!columned && filters != NULL && filters->n > 0)
        return DG_FAIL(err, DG_ERR_CONFIG, "%s: lists and mtx have no columns to filter by",
                       source->path);
    dg_status st = want(&w, source, d, columns, filters, err);
    if (st == DG_OK)
        st = d->format == DG_FORMAT_MTX ? dg_mtx_layout(source, d, out, err)
                                        : read_layout(&w, d, columns, filters, out, err);
    dg_wanted_free(&w);
    return st;
}

/* False, and the reject filled, when the field cannot be an id. */
static bool take_id(dg_records *r, size_t column, dg_slice *out)
{
    const dg_slice field = r->fields.at[column];
    if (field.n > DG_ID_MAX) {
        dg_reject__set(&r->reject, DG_REJECT_LONG_ID, column + 1, field,
                       " is %zu bytes long, at most %d are allowed", field.n, DG_ID_MAX);
        return false;
    }
    *out = field;
    return r->fields.ascii || dg_reject__is_text(&r->reject, column + 1, field);
}

static bool take_key(dg_records *r, dg_role role, size_t column, dg_slice *out)
{
    if (r->fields.at[column].n > 0) return take_id(r, column, out);
    dg_reject__set(&r->reject, role == DG_ROLE_USER ? DG_REJECT_NO_USER : DG_REJECT_NO_ITEM,
                   column + 1, (dg_slice){0}, "the %s is empty", role_name[role]);
    return false;
}

static bool take_value(dg_records *r, int32_t column, float *out)
{
    if (column < 0) return true;
    const dg_slice field = r->fields.at[column];
    double value;
    if (field.n == 0 && r->format == DG_FORMAT_JSONL) return true;
    const bool parsed = dg_parse_double(field.at, field.n, &value);
    if (parsed && isfinite((float)value)) {
        *out = (float)value;
        return true;
    }
    dg_reject__set(&r->reject, DG_REJECT_NUMBER, (size_t)column + 1, field,
                   parsed ? " is too large" : " is not a number");
    return false;
}

static bool take_time(dg_records *r, int32_t column, int64_t *out)
{
    if (column < 0) return true;
    const dg_slice field = r->fields.at[column];
    if (dg_parse_time(field.at, field.n, out)) return true;
    dg_reject__set(&r->reject, DG_REJECT_TIME, (size_t)column + 1, field, " is not a time");
    return false;
}

static bool has_all_columns(dg_records *r)
{
    if (r->fields.n == (size_t)r->layout.n_fields) return true;
    dg_reject__set(&r->reject, DG_REJECT_RAGGED, 0, (dg_slice){0},
                   "%zu columns where %d are expected", r->fields.n, r->layout.n_fields);
    return false;
}

static bool take_row(dg_records *r, dg_record *out)
{
    const int32_t *column = r->layout.column;
    return take_key(r, DG_ROLE_USER, (size_t)column[DG_ROLE_USER], &out->user) &&
           take_key(r, DG_ROLE_ITEM, (size_t)column[DG_ROLE_ITEM], &out->item) &&
           take_value(r, column[DG_ROLE_VALUE], &out->value) &&
           take_time(r, column[DG_ROLE_TIME], &out->time) &&
           (column[DG_ROLE_EVENT] < 0 || take_id(r, (size_t)column[DG_ROLE_EVENT], &out->event)) &&
           (column[DG_ROLE_SCENE] < 0 || take_id(r, (size_t)column[DG_ROLE_SCENE], &out->scene));
}

/* The next item of the line at hand. */
static bool take_item(dg_records *r, dg_record *out)
{
    const size_t place = r->next++;
    out->user = r->fields.at[0];
    out->time = (int64_t)place;
    out->position += (int64_t)place;
    return take_id(r, place, &out->item);
}

/* Lines until one has an item to yield, or its user is bad. */
static dg_status next_list(dg_records *r, dg_record *out, dg_err *err)
{
    while (r->next >= r->fields.n) {
        dg_slice user;
        const dg_status st = dg_split_next(r->split, &out->outcome, &r->fields, &r->reject, err);
        out->position = r->fields.position;
        if (st != DG_OK || out->outcome != DG_OUTCOME_RECORD) return st;
        r->next = 1;
        if (take_id(r, 0, &user)) continue;
        r->next = r->fields.n;
        out->outcome = DG_OUTCOME_REJECT;
        return DG_OK;
    }
    out->position = r->fields.position;
    out->outcome = take_item(r, out) ? DG_OUTCOME_RECORD : DG_OUTCOME_REJECT;
    return DG_OK;
}

/* Is the row at hand passed over? */
static bool is_dropped(dg_records *r)
{
    const int32_t by =
        r->filters == NULL ? -1 : dg_filters_find(r->filters, r->fields.at, r->layout.filtered);
    if (by >= 0) r->dropped[by]++;
    return by >= 0;
}

/* The object of the line as fields. */
static bool read_object(dg_records *r)
{
    const char *wrong;
    size_t where;
    const dg_slice line = r->fields.at[0]; /* in the window, which may be written to */
    char *text = (char *)(uintptr_t)line.at;
    if (!dg_json_read(&r->paths, text, line.n, r->value, &wrong, &where)) {
        dg_reject__set(&r->reject, DG_REJECT_JSON, 0, (dg_slice){0},
                       "no JSON object: %s at byte %zu", wrong, where + 1);
        return false;
    }
    r->fields.at = r->value;
    r->fields.n = (size_t)r->paths.n;
    return true;
}

/* Columns have no numbers there, but names. */
static void name_path(const dg_layout *l, dg_reject *reject)
{
    char reason[sizeof reject->reason];
    if (reject->column == 0) return;
    memcpy(reason, reject->reason, sizeof reason);
    snprintf(reject->reason, sizeof reject->reason, "%.80s: %.170s", l->path[reject->column - 1],
             reason);
    reject->column = 0;
}

static dg_status next_object(dg_records *r, dg_record *out, dg_err *err)
{
    for (;;) {
        const dg_status st = dg_split_next(r->split, &out->outcome, &r->fields, &r->reject, err);
        out->position = r->fields.position;
        if (st != DG_OK || out->outcome != DG_OUTCOME_RECORD) return st;
        const bool object = read_object(r);
        if (object && is_dropped(r)) continue;
        if (object && take_row(r, out)) return DG_OK;
        name_path(&r->layout, &r->reject);
        out->outcome = DG_OUTCOME_REJECT;
        return DG_OK;
    }
}

static dg_status next_row(dg_records *r, dg_record *out, dg_err *err)
{
    dg_status st;
    bool whole;
    do {
        st = dg_split_next(r->split, &out->outcome, &r->fields, &r->reject, err);
        out->position = r->fields.position;
        if (st != DG_OK || out->outcome != DG_OUTCOME_RECORD) return st;
        whole = has_all_columns(r);
    } while (whole && is_dropped(r));
    if (!whole || !take_row(r, out)) {
        if (r->wanted.cut.n > 0) name_path(&r->layout, &r->reject);
        out->outcome = DG_OUTCOME_REJECT;
    }
    return st;
}

dg_status dg_records_next(dg_records *r, dg_record *out, dg_err *err)
{
    /* Field by field: assigning the whole struct takes a sixth of all the time. */
    out->user = out->item = out->event = out->scene = (dg_slice){0};
    out->value = 1;
    out->time = 0;
    out->reject = NULL;
    const dg_status st = r->format == DG_FORMAT_LISTS   ? next_list(r, out, err)
                         : r->format == DG_FORMAT_JSONL ? next_object(r, out, err)
                                                        : next_row(r, out, err);
    out->line = r->reject.line;
    if (out->outcome == DG_OUTCOME_REJECT) out->reject = &r->reject;
    return st;
}

dg_status dg_records_open(const dg_source *source, const dg_dialect *d, const dg_layout *layout,
                          const dg_filters *filters, dg_bytes at, dg_records **out, dg_err *err)
{
    *out = NULL;
    dg_records *r = dg_alloc(1, sizeof *r);
    if (r == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", source->path);
    r->format = d->format;
    r->layout = *layout;
    r->filters = filters;
    dg_span span = {at.begin, at.end, layout->data_begin, layout->header_lines, at.start};
    dg_status st = dg_wanted_find(&r->wanted, source, d, layout->path, layout->n_fields, err);
    if (st == DG_OK && d->format == DG_FORMAT_HDF5) { /* its text is of these rows alone */
        r->first = r->wanted.cut.begin = at.begin;
        r->end = r->wanted.cut.end = at.end > at.begin ? at.end : at.begin;
        span = (dg_span){0, INT64_MAX, layout->data_begin, 0, 0};
    }
    if (st == DG_OK) st = dg_split_open(&r->wanted.source, d, span, &r->split, err);
    for (int32_t k = 0; d->format == DG_FORMAT_JSONL && k < layout->n_fields && st == DG_OK; k++)
        st = dg_json_paths_add(&r->paths, layout->path[k], err);
    *out = r;
    if (st != DG_OK) dg_records_close(out);
    return st;
}

int64_t dg_records_lines(const dg_records *r) { return dg_split_lines(r->split); }

int64_t dg_records_first(const dg_records *r)
{
    return r->wanted.cut.n > 0 ? r->first : dg_split_first(r->split);
}

int64_t dg_records_end(const dg_records *r)
{
    return r->wanted.cut.n > 0 ? r->end : dg_split_position(r->split);
}

const int64_t *dg_records_dropped(const dg_records *r) { return r->dropped; }

void dg_records_close(dg_records **r)
{
    if (*r == NULL) return;
    dg_split_close(&(*r)->split);
    dg_wanted_free(&(*r)->wanted);
    dg_free(*r);
    *r = NULL;
}
