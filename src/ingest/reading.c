#include "ingest/reading.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "table/rows.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct dg_weights { /* event kinds; empty: all weigh 1 */
    dg_ids kind;
    double *weight; /* (kind.text.n,) */
} dg_weights;

typedef struct dg_reader { /* what reading a stretch needs */
    const dg_prepare_options *options;
    const dg_inputs *inputs;
    dg_weights weights;
    dg_filters filters[DG_INPUT_ITEMS];
    int64_t since, until;
    dg_layout layout;
    const int64_t *start;
    int64_t layout_file; /* the file `layout` is of, -1 for none */
    dg_reading *out;
} dg_reader;

static dg_status read_weights(const dg_map *map, dg_weights *w, dg_err *err)
{
    w->weight = dg_alloc((size_t)map->key.n, sizeof *w->weight);
    if (w->weight == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for event weights");
    for (int64_t k = 0; k < map->key.n; k++) {
        size_t n, length;
        int32_t code;
        const char *kind = dg_strings_at(&map->key, k, &n);
        const char *text = dg_strings_at(&map->value, k, &length);
        const dg_status st = dg_ids_code(&w->kind, kind, n, &code, err);
        if (st != DG_OK) return st;
        if (!dg_parse_double(text, length, &w->weight[code]))
            return DG_FAIL(err, DG_ERR_CONFIG,
                           "prepare.event_weights.%.*s: \"%.*s\" is not a number", (int)n, kind,
                           (int)length, text);
    }
    return DG_OK;
}

static void note_bad(dg_reading_tally *t, int64_t stretch, const dg_reject *reject)
{
    t->rejected++;
    if (t->n_bad < DG_PREPARE_QUOTES) t->bad[t->n_bad++] = (dg_bad_record){stretch, *reject};
}

/* NaN where the kind of the event has no weight. */
static double weight_of(const dg_weights *w, int column, dg_slice event)
{
    if (w->kind.text.n == 0 || column < 0) return 1;
    const int32_t code = dg_ids_find(&w->kind, event.at, event.n);
    return code < 0 ? NAN : w->weight[code];
}

static dg_reject bad_value(const dg_reader *r, const dg_record *record, double weight)
{
    dg_reject reject = {.line = record->line};
    if (isnan(weight)) {
        char quoted[100];
        reject.cause = DG_REJECT_EVENT;
        reject.column = r->layout.column[DG_ROLE_EVENT] + 1;
        dg_show_quoted(record->event.at, record->event.n, quoted, sizeof quoted);
        snprintf(reject.reason, sizeof reject.reason,
                 "event %s has no weight in "
                 "prepare.event_weights",
                 quoted);
    } else {
        reject.cause = DG_REJECT_NUMBER;
        reject.column = r->layout.column[DG_ROLE_VALUE] + 1;
        snprintf(reject.reason, sizeof reject.reason, "%g times the weight %g is too large",
                 (double)record->value, weight);
    }
    return reject;
}

static dg_status keep_rating(dg_reader *r, dg_events *events, const dg_record *record, double value,
                             dg_err *err)
{
    dg_rating rating = {.value = (float)value, .time = record->time};
    dg_status st = dg_ids_code(&r->out->user, record->user.at, record->user.n, &rating.user, err);
    if (st == DG_OK)
        st = dg_ids_code(&r->out->item, record->item.at, record->item.n, &rating.item, err);
    return st == DG_OK ? dg_events_add(events, rating, err) : st;
}

static dg_status read_ratings(dg_reader *r, dg_input_kind kind, dg_records *records,
                              int64_t stretch, dg_err *err)
{
    dg_reading_tally *tally = &r->out->tally[kind];
    for (;;) {
        dg_record record;
        dg_status st = dg_records_next(records, &record, err);
        if (st != DG_OK || record.outcome == DG_OUTCOME_END) return st;
        if (record.outcome == DG_OUTCOME_REJECT) {
            note_bad(tally, stretch, record.reject);
            continue;
        }
        if (r->layout.column[DG_ROLE_TIME] >= 0 &&
            (record.time < r->since || record.time >= r->until)) {
            tally->outside++;
            continue;
        }
        const double weight = weight_of(&r->weights, r->layout.column[DG_ROLE_EVENT], record.event);
        const double value = (double)record.value * weight;
        if (!isfinite((float)value)) {
            const dg_reject bad = bad_value(r, &record, weight);
            note_bad(tally, stretch, &bad);
            continue;
        }
        st = keep_rating(r, &r->out->events[kind], &record, value, err);
        if (st != DG_OK) return st;
        tally->records++;
        if (record.time < tally->oldest) tally->oldest = record.time;
        if (record.time > tally->newest) tally->newest = record.time;
    }
}

static dg_status read_stretch(dg_reader *r, const dg_stretch *at, int64_t stretch, dg_err *err)
{
    const dg_input_kind kind = dg_inputs_kind(r->inputs, at->file);
    const dg_prepare_source *source = dg_prepare_source_of(r->options, kind);
    const dg_source *file = &r->inputs->files.at[at->file];
    dg_records *records = NULL;
    dg_status st = DG_OK;
    if (r->layout_file != at->file)
        st = dg_layout_read(file, &source->dialect, source->columns, &r->filters[kind], &r->layout,
                            err);
    if (st != DG_OK) return st;
    r->layout_file = at->file;
    st = dg_records_open(file, &source->dialect, &r->layout, &r->filters[kind],
                         (dg_bytes){at->begin, at->end, r->start[stretch]}, &records, err);
    if (st == DG_OK) st = read_ratings(r, kind, records, stretch, err);
    if (st == DG_OK) {
        r->out->lines[stretch] = dg_records_lines(records);
        r->out->first[stretch] = dg_records_first(records);
        r->out->end[stretch] = dg_records_end(records);
        for (int32_t k = 0; k < r->filters[kind].n; k++)
            r->out->tally[kind].filtered[k] += dg_records_dropped(records)[k];
    }
    dg_records_close(&records);
    return st;
}

/* Catalogue ids obey the same bounds as those of ratings, or they would never meet. */
static bool good_id(dg_slice id, int64_t line, dg_reject *reject)
{
    *reject = (dg_reject){.line = line};
    if (id.n > 0 && id.n <= DG_ID_MAX) return true;
    reject->cause = id.n == 0 ? DG_REJECT_NO_ITEM : DG_REJECT_LONG_ID;
    snprintf(reject->reason, sizeof reject->reason, "the item has %s",
             id.n == 0 ? "no id" : "too long an id");
    return false;
}

static dg_status list_item(dg_reading *out, const dg_slice *field, bool titled, dg_err *err)
{
    int32_t code;
    const size_t n = (size_t)out->n_listed;
    dg_status st = dg_ids_code(&out->item, field[0].at, field[0].n, &code, err);
    if (st == DG_OK && titled) st = dg_strings_add(&out->title, field[1].at, field[1].n, err);
    if (st != DG_OK) return st;
    int32_t *grown = dg_grow(out->title_item, n, n + 1, &out->listed_capacity, sizeof *grown);
    if (grown == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory after %zu items", n);
    out->title_item = grown;
    out->title_item[out->n_listed++] = code;
    return DG_OK;
}

static dg_status read_rows(dg_reader *r, dg_rows *rows, int64_t stretch, dg_err *err)
{
    dg_reading_tally *tally = &r->out->tally[DG_INPUT_ITEMS];
    for (;;) {
        dg_table_row row;
        dg_reject bad;
        dg_status st = dg_rows_next(rows, &row, err);
        if (st != DG_OK || row.outcome == DG_OUTCOME_END) return st;
        if (row.outcome == DG_OUTCOME_REJECT) {
            note_bad(tally, stretch, row.reject);
        } else if (!good_id(row.field[0], row.line, &bad)) {
            note_bad(tally, stretch, &bad);
        } else {
            st = list_item(r->out, row.field, r->options->items.title != NULL, err);
            if (st != DG_OK) return st;
            tally->records++;
        }
    }
}

static dg_status read_catalogue(dg_reader *r, const dg_stretch *at, int64_t stretch, dg_err *err)
{
    const dg_prepare_catalogue *items = &r->options->items;
    const char *const wanted[] = {items->source.columns[DG_ROLE_ITEM], items->title};
    dg_rows *rows = NULL;
    dg_status st = dg_rows_open(&r->inputs->files.at[at->file], &items->source.dialect, wanted,
                                items->title == NULL ? 1 : 2, &rows, err);
    if (st == DG_OK) st = read_rows(r, rows, stretch, err);
    dg_rows_close(&rows);
    return st;
}

static int64_t bytes_of(const dg_stretches *s, dg_range share)
{
    int64_t bytes = 0;
    for (int64_t k = share.begin; k < share.end; k++) bytes += s->at[k].end - s->at[k].begin;
    return bytes;
}

/* dg_rule_check has seen the times. */
static void read_window(const dg_prepare_options *o, dg_reader *r)
{
    r->since = INT64_MIN;
    r->until = INT64_MAX;
    if (o->since != NULL) (void)dg_parse_time(o->since, strlen(o->since), &r->since);
    if (o->until != NULL) (void)dg_parse_time(o->until, strlen(o->until), &r->until);
}

static dg_status read_rules(dg_reader *r, dg_err *err)
{
    dg_status st = read_weights(&r->options->event_weights, &r->weights, err);
    for (int k = 0; k < DG_INPUT_ITEMS && st == DG_OK; k++) {
        const dg_prepare_source *source = dg_prepare_source_of(r->options, (dg_input_kind)k);
        st = dg_filters_read(&source->drop, &source->keep, &r->filters[k], err);
    }
    for (int k = 0; k < DG_INPUT_KINDS; k++) {
        r->out->tally[k].oldest = INT64_MAX;
        r->out->tally[k].newest = INT64_MIN;
    }
    read_window(r->options, r);
    return st;
}

static dg_status read_share(dg_reader *r, const dg_stretches *s, dg_range share, dg_err *err)
{
    dg_status st = read_rules(r, err);
    if (st != DG_OK) return st;
    for (int k = 0; k < DG_INPUT_ITEMS; k++)
        r->out->events[k].timed =
            dg_prepare_has_times(dg_prepare_source_of(r->options, (dg_input_kind)k));
    r->out->lines = dg_alloc((size_t)s->n, sizeof *r->out->lines);
    r->out->first = dg_alloc((size_t)s->n, sizeof *r->out->first);
    r->out->end = dg_alloc((size_t)s->n, sizeof *r->out->end);
    if (r->out->lines == NULL || r->out->first == NULL || r->out->end == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for %lld pieces", (long long)s->n);
    int64_t done = 0;
    for (int64_t k = share.begin; k < share.end && st == DG_OK; k++) {
        const dg_stretch *at = &s->at[k];
        st = dg_inputs_kind(r->inputs, at->file) == DG_INPUT_ITEMS ? read_catalogue(r, at, k, err)
                                                                   : read_stretch(r, at, k, err);
        dg_progress(done += at->end - at->begin, NULL);
    }
    return st;
}

dg_status dg_reading_run(const dg_prepare_options *o, const dg_inputs *in, const dg_stretches *s,
                         dg_range share, const int64_t *start, dg_reading *out, dg_err *err)
{
    dg_reader r = {.options = o, .inputs = in, .start = start, .layout_file = -1, .out = out};
    dg_progress_begin("reading", "bytes", bytes_of(s, share));
    const dg_status st = read_share(&r, s, share, err);
    dg_progress_end();
    dg_ids_free(&r.weights.kind);
    dg_free(r.weights.weight);
    for (int k = 0; k < DG_INPUT_ITEMS; k++) dg_filters_free(&r.filters[k]);
    return st;
}

void dg_reading_free(dg_reading *r)
{
    for (int k = 0; k < DG_INPUT_ITEMS; k++) dg_events_free(&r->events[k]);
    dg_ids_free(&r->user);
    dg_ids_free(&r->item);
    dg_strings_free(&r->title);
    dg_free(r->title_item);
    dg_free(r->lines);
    dg_free(r->first);
    dg_free(r->end);
    *r = (dg_reading){0};
}
