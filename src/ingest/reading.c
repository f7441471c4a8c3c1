#include "ingest/reading.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "ingest/parsed.h"
#include "table/rows.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct dg_weights { /* event kinds; empty: all weigh 1 */
    dg_ids kind;
    double *weight; /* (kind.text.n,) */
} dg_weights;

/* Ratings whose ids are still to be looked up: by then the dictionary's slots are in the cache. */
enum { WAITING = 64 };

typedef struct dg_waiting {
    int n;
    struct {
        dg_id_key user, item;
        uint32_t user_at, item_at; /* in `text`, of ids longer than a key's word */
        float value;
        int32_t scene;
        int64_t time;
    } at[WAITING];
    size_t used;
    char text[2 * WAITING * DG_ID_MAX];
} dg_waiting;

typedef struct dg_reader { /* what reading a stretch needs */
    const dg_prepare_options *options;
    const dg_inputs *inputs;
    dg_weights weights;
    dg_filters filters[DG_INPUT_ITEMS];
    int64_t since, until;
    dg_layout layout;
    dg_slice kind; /* of all events of that file; at == NULL where the column says */
    const int64_t *start;
    int64_t layout_file; /* the file `layout` is of, -1 for none */
    const dg_parsed *kept;
    dg_reading *out;
    dg_waiting waiting;
} dg_reader;

typedef struct dg_sink { /* where the records of a stretch go; those outside the window do not */
    dg_ids *user, *item;
    dg_events *events;
    dg_scenes *scenes; /* NULL: they are not counted */
    dg_reading_tally *tally;
    int64_t since, until;
    int64_t lines, first, end;
} dg_sink;

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

/* NaN where the kind of the event has no weight. */
static double weight_of(const dg_weights *w, dg_slice event)
{
    if (w->kind.text.n == 0 || event.at == NULL) return 1;
    const int32_t code = dg_ids_find(&w->kind, event.at, event.n);
    return code < 0 ? NAN : w->weight[code];
}

static dg_reject bad_value(const dg_reader *r, const dg_record *record, dg_slice event,
                           double weight)
{
    dg_reject reject = {.line = record->line};
    const bool named = r->layout.path[0] != NULL; /* columns of jsonl have no numbers */
    if (isnan(weight)) {
        char quoted[100];
        reject.cause = DG_REJECT_EVENT;
        reject.column = named ? 0 : r->layout.column[DG_ROLE_EVENT] + 1;
        dg_show_quoted(event.at, event.n, quoted, sizeof quoted);
        snprintf(reject.reason, sizeof reject.reason,
                 "event %s has no weight in "
                 "prepare.event_weights",
                 quoted);
    } else {
        reject.cause = DG_REJECT_NUMBER;
        reject.column = named ? 0 : r->layout.column[DG_ROLE_VALUE] + 1;
        snprintf(reject.reason, sizeof reject.reason, "%g times the weight %g is too large",
                 (double)record->value, weight);
    }
    return reject;
}

/* Look up the ids of the waiting ratings, and keep them. */
static dg_status keep_waiting(dg_reader *r, const dg_sink *to, dg_err *err)
{
    dg_waiting *w = &r->waiting;
    dg_status st = DG_OK;
    for (int k = 0; k < w->n && st == DG_OK; k++) {
        dg_rating rating = {.value = w->at[k].value, .time = w->at[k].time};
        st = dg_ids_code_of(to->user, w->at[k].user, w->text + w->at[k].user_at, &rating.user, err);
        if (st == DG_OK)
            st = dg_ids_code_of(to->item, w->at[k].item, w->text + w->at[k].item_at, &rating.item,
                                err);
        if (st == DG_OK) st = dg_events_add(to->events, rating, err);
        if (st == DG_OK && to->scenes != NULL)
            st = dg_scenes_add(to->scenes, w->at[k].scene, rating.item, err);
    }
    w->n = 0;
    w->used = 0;
    return st;
}

static uint32_t keep_text(dg_waiting *w, dg_slice id)
{
    const uint32_t at = (uint32_t)w->used;
    if (id.n <= sizeof(uint64_t)) return at;
    memcpy(w->text + at, id.at, id.n);
    w->used += id.n;
    return at;
}

static dg_status keep_rating(dg_reader *r, const dg_sink *to, const dg_record *record, double value,
                             dg_err *err)
{
    dg_waiting *w = &r->waiting;
    const int k = w->n++;
    w->at[k].user = dg_ids_key(record->user.at, record->user.n);
    w->at[k].item = dg_ids_key(record->item.at, record->item.n);
    dg_ids_fetch(to->user, w->at[k].user);
    dg_ids_fetch(to->item, w->at[k].item);
    w->at[k].user_at = keep_text(w, record->user);
    w->at[k].item_at = keep_text(w, record->item);
    w->at[k].value = (float)value;
    w->at[k].time = record->time;
    if (to->scenes != NULL) {
        const dg_status st =
            dg_scenes_code(to->scenes, record->scene.at, record->scene.n, &w->at[k].scene, err);
        if (st != DG_OK) return st;
    }
    return w->n == WAITING ? keep_waiting(r, to, err) : DG_OK;
}

static dg_status read_ratings(dg_reader *r, const dg_sink *to, dg_records *records, int64_t stretch,
                              dg_err *err)
{
    dg_reading_tally *tally = to->tally;
    for (;;) {
        dg_record record;
        dg_status st = dg_records_next(records, &record, err);
        if (st != DG_OK) return st;
        if (record.outcome == DG_OUTCOME_END) return keep_waiting(r, to, err);
        if (record.outcome == DG_OUTCOME_REJECT) {
            dg_tally_bad(tally, stretch, record.reject);
            continue;
        }
        if (r->layout.column[DG_ROLE_TIME] >= 0 &&
            (record.time < to->since || record.time >= to->until)) {
            tally->outside++;
            continue;
        }
        const dg_slice event = r->kind.at != NULL ? r->kind : record.event;
        const double weight = weight_of(&r->weights, event);
        const double value = (double)record.value * weight;
        if (!isfinite((float)value)) {
            const dg_reject bad = bad_value(r, &record, event, weight);
            dg_tally_bad(tally, stretch, &bad);
            tally->late++;
            dg_tally_span(record.time, &tally->late_oldest, &tally->late_newest);
            continue;
        }
        st = keep_rating(r, to, &record, value, err);
        if (st != DG_OK) return st;
        tally->records++;
        dg_tally_span(record.time, &tally->oldest, &tally->newest);
    }
}

/* What is wrong with a file's first lines may quote them; with pseudonyms it is not said. */
static dg_status untold(const dg_reader *r, const dg_source *file, dg_status st, dg_err *err)
{
    if (r->options->pseudonyms == NULL || (st != DG_ERR_DATA && st != DG_ERR_CONFIG)) return st;
    st = DG_FAIL(err, st, "%s: its first lines are not what the job says they are", file->path);
    return dg_err_hint(err, st, "without prepare.pseudonyms it would be said why");
}

static dg_status parse(dg_reader *r, const dg_stretch *at, int64_t stretch, dg_sink *to,
                       dg_err *err)
{
    const dg_input_kind kind = dg_inputs_kind(r->inputs, at->file);
    const dg_prepare_source *source = dg_prepare_source_of(r->options, kind);
    const dg_source *file = &r->inputs->files.at[at->file];
    dg_records *records = NULL;
    dg_status st = DG_OK;
    if (r->layout_file != at->file) {
        r->kind = dg_prepare_kind_of(source, file->path);
        st = dg_layout_read(file, &source->dialect, source->columns, &r->filters[kind], &r->layout,
                            err);
    }
    if (st != DG_OK) return untold(r, file, st, err);
    r->layout_file = at->file;
    st = dg_records_open(file, &source->dialect, &r->layout, &r->filters[kind],
                         (dg_bytes){at->begin, at->end, r->start[stretch]}, &records, err);
    if (st == DG_OK) st = read_ratings(r, to, records, stretch, err);
    if (st == DG_OK) {
        to->lines = dg_records_lines(records);
        to->first = dg_records_first(records);
        to->end = dg_records_end(records);
        for (int32_t k = 0; k < r->filters[kind].n; k++)
            to->tally->filtered[k] += dg_records_dropped(records)[k];
    }
    dg_records_close(&records);
    return st;
}

/* Straight to where all stretches go. */
static dg_status parse_here(dg_reader *r, const dg_stretch *at, int64_t stretch, dg_err *err)
{
    dg_reading *out = r->out;
    const dg_input_kind kind = dg_inputs_kind(r->inputs, at->file);
    dg_sink to = {.user = &out->user,
                  .item = &out->item,
                  .events = &out->events[kind],
                  .scenes = r->options->scenes && kind == DG_INPUT_TRAIN ? &out->scenes : NULL,
                  .tally = &out->tally[kind],
                  .since = r->since,
                  .until = r->until};
    const dg_status st = parse(r, at, stretch, &to, err);
    if (st == DG_OK) {
        out->lines[stretch] = to.lines;
        out->first[stretch] = to.first;
        out->end[stretch] = to.end;
    }
    return st;
}

/* As a passage of its own, without a window. */
static dg_status parse_apart(dg_reader *r, const dg_stretch *at, int64_t stretch, dg_passage *out,
                             dg_err *err)
{
    dg_ids user = {0}, item = {0};
    dg_events events = {.timed = r->out->events[dg_inputs_kind(r->inputs, at->file)].timed};
    dg_sink to = {.user = &user,
                  .item = &item,
                  .events = &events,
                  .tally = &out->tally,
                  .since = INT64_MIN,
                  .until = INT64_MAX};
    dg_tally_start(&out->tally);
    dg_status st = parse(r, at, stretch, &to, err);
    out->dated = st == DG_OK && r->layout.column[DG_ROLE_TIME] >= 0;
    out->lines = to.lines;
    out->first = to.first;
    out->end = to.end;
    if (st == DG_OK) return dg_passage_take(&user, &item, &events, out, err);
    dg_ids_free(&user);
    dg_ids_free(&item);
    dg_events_free(&events);
    return st;
}

static dg_status read_stretch(dg_reader *r, const dg_stretch *at, int64_t stretch, dg_err *err)
{
    dg_passage p;
    bool found;
    if (r->kept == NULL) return parse_here(r, at, stretch, err);
    const dg_source *file = &r->inputs->files.at[at->file];
    const int64_t start = r->start[stretch];
    const dg_range window = {r->since, r->until};
    dg_status st = dg_parsed_find(r->kept, stretch, start, &p, &found, err);
    if (st == DG_OK && !found) {
        st = parse_apart(r, at, stretch, &p, err);
        if (st == DG_OK) st = dg_parsed_keep(r->kept, file, stretch, at, start, &p, err);
    }
    if (st == DG_OK && !dg_passage_tells_all(&p, window)) {
        st = parse_here(r, at, stretch, err);
    } else if (st == DG_OK) {
        st = dg_passage_add(&p, window, dg_inputs_kind(r->inputs, at->file), stretch, r->out, err);
        r->out->reused += found ? at->end - at->begin : 0;
    }
    dg_passage_free(&p);
    return st;
}

typedef struct dg_list_reader { /* of one catalogue file */
    const dg_prepare_catalogue *from;
    bool users;
    dg_listing *listing;
    dg_ids *ids;
    dg_reading_tally *tally;
    const char **wanted; /* (n_wanted,) id, title where there is one, columns of attributes */
    int32_t n_wanted;
    dg_text text;
} dg_list_reader;

/* Catalogue ids obey the same bounds as those of ratings, or they would never meet. */
static bool good_id(dg_slice id, bool user, dg_reject *reject)
{
    if (id.n > 0 && id.n <= DG_ID_MAX) return true;
    const dg_reject_cause none = user ? DG_REJECT_NO_USER : DG_REJECT_NO_ITEM;
    reject->cause = id.n == 0 ? none : DG_REJECT_LONG_ID;
    snprintf(reject->reason, sizeof reject->reason, "the %s has %s", user ? "user" : "item",
             id.n == 0 ? "no id" : "too long an id");
    return false;
}

/* The texts of a row's attributes, behind its title; false and the reject for a bad one. */
static dg_status list_attributes(dg_list_reader *r, const dg_slice *field, bool store, bool *good,
                                 dg_reject *reject, dg_err *err)
{
    const dg_attribute_plans *plans = &r->from->attributes;
    int32_t at = r->from->title == NULL ? 1 : 2;
    dg_status st = DG_OK;
    for (int32_t k = 0; k < plans->n && st == DG_OK; k++) {
        const dg_attribute_plan *p = &plans->at[k];
        *good = dg_attribute_take(p, field + at, &r->text, reject) < 0;
        if (!*good) return DG_OK;
        at += (int32_t)p->column.n;
        if (r->text.failed) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for attributes");
        if (store)
            st = dg_strings_add(&r->listing->column[k + (r->from->title != NULL)], r->text.at,
                                r->text.n, err);
    }
    return st;
}

static dg_status list_row(dg_list_reader *r, const dg_slice *field, dg_err *err)
{
    int32_t code;
    bool good = true;
    dg_reject none;
    dg_status st = dg_ids_code(r->ids, field[0].at, field[0].n, &code, err);
    if (st == DG_OK) st = dg_listing_add(r->listing, code, err);
    if (st == DG_OK && r->from->title != NULL)
        st = dg_strings_add(&r->listing->column[0], field[1].at, field[1].n, err);
    return st == DG_OK ? list_attributes(r, field, true, &good, &none, err) : st;
}

static dg_status read_rows(dg_list_reader *r, dg_rows *rows, int64_t stretch, dg_err *err)
{
    for (;;) {
        dg_table_row row;
        bool good = true;
        dg_status st = dg_rows_next(rows, &row, err);
        if (st != DG_OK || row.outcome == DG_OUTCOME_END) return st;
        if (row.outcome == DG_OUTCOME_REJECT) {
            dg_tally_bad(r->tally, stretch, row.reject);
            continue;
        }
        dg_reject bad = {.line = row.line};
        good = good_id(row.field[0], r->users, &bad);
        if (good) st = list_attributes(r, row.field, false, &good, &bad, err);
        if (st == DG_OK && good) st = list_row(r, row.field, err);
        if (st != DG_OK) return st;
        if (good)
            r->tally->records++;
        else
            dg_tally_bad(r->tally, stretch, &bad);
    }
}

/* What to read of a catalogue, by the names or numbers of its columns. */
static dg_status want(dg_list_reader *r, dg_err *err)
{
    const dg_attribute_plans *plans = &r->from->attributes;
    int64_t n = 2;
    for (int32_t k = 0; k < plans->n; k++) n += plans->at[k].column.n;
    r->wanted = dg_alloc((size_t)n, sizeof *r->wanted);
    if (r->wanted == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a catalogue");
    r->wanted[r->n_wanted++] = r->from->source.columns[r->users ? DG_ROLE_USER : DG_ROLE_ITEM];
    if (r->from->title != NULL) r->wanted[r->n_wanted++] = r->from->title;
    for (int32_t k = 0; k < plans->n; k++)
        for (int64_t i = 0; i < plans->at[k].column.n; i++) {
            size_t length;
            r->wanted[r->n_wanted++] = dg_strings_at(&plans->at[k].column, i, &length);
        }
    return DG_OK;
}

static dg_status read_catalogue(dg_reader *r, const dg_stretch *at, int64_t stretch, dg_err *err)
{
    const dg_input_kind kind = dg_inputs_kind(r->inputs, at->file);
    const bool users = kind == DG_INPUT_USERS;
    dg_list_reader l = {.from = users ? &r->options->users : &r->options->items,
                        .users = users,
                        .listing = &r->out->listing[users],
                        .ids = users ? &r->out->user : &r->out->item,
                        .tally = &r->out->tally[kind]};
    dg_rows *rows = NULL;
    dg_status st = want(&l, err);
    if (st == DG_OK)
        st = dg_rows_open(&r->inputs->files.at[at->file], &l.from->source.dialect, l.wanted,
                          l.n_wanted, &rows, err);
    if (st == DG_OK) st = read_rows(&l, rows, stretch, err);
    dg_rows_close(&rows);
    dg_free(l.wanted);
    dg_text_free(&l.text);
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
    for (int k = 0; k < DG_INPUT_KINDS; k++) dg_tally_start(&r->out->tally[k]);
    const dg_prepare_options *o = r->options;
    r->out->listing[0].n_columns = o->items.attributes.n + (o->items.title != NULL);
    r->out->listing[1].n_columns = o->users.attributes.n;
    read_window(o, r);
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
        st = dg_inputs_kind(r->inputs, at->file) >= DG_INPUT_ITEMS ? read_catalogue(r, at, k, err)
                                                                   : read_stretch(r, at, k, err);
        dg_progress(done += at->end - at->begin, NULL);
    }
    return st;
}

dg_status dg_reading_run(const dg_prepare_options *o, const dg_inputs *in, const dg_stretches *s,
                         dg_range share, const int64_t *start, const dg_parsed *kept,
                         dg_reading *out, dg_err *err)
{
    dg_reader r = {
        .options = o, .inputs = in, .start = start, .layout_file = -1, .kept = kept, .out = out};
    dg_progress_begin("reading", "bytes", bytes_of(s, share));
    const dg_status st = read_share(&r, s, share, err);
    dg_progress_end();
    dg_ids_free(&r.weights.kind);
    dg_free(r.weights.weight);
    for (int k = 0; k < DG_INPUT_ITEMS; k++) dg_filters_free(&r.filters[k]);
    return st;
}

static void recode(dg_events *e, const int32_t *code)
{
    for (int64_t k = 0; k < e->n; k++) {
        int32_t *user = &e->chunk[k >> DG_CHUNK_BITS]->user[k & (DG_CHUNK - 1)];
        *user = code[*user];
    }
}

dg_status dg_reading_hide_users(dg_reading *r, const dg_key *key, dg_err *err)
{
    int32_t *code = dg_alloc((size_t)r->user.text.n, sizeof *code);
    dg_listing *users = &r->listing[1];
    dg_status st = code == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for pseudonyms")
                                : dg_ids_hide(&r->user, key, code, err);
    for (int k = 0; k < DG_INPUT_ITEMS && st == DG_OK; k++) recode(&r->events[k], code);
    for (int64_t k = 0; k < users->n && st == DG_OK; k++) users->code[k] = code[users->code[k]];
    dg_free(code);
    return st;
}

void dg_reading_free(dg_reading *r)
{
    for (int k = 0; k < DG_INPUT_ITEMS; k++) dg_events_free(&r->events[k]);
    dg_ids_free(&r->user);
    dg_ids_free(&r->item);
    for (int k = 0; k < 2; k++) dg_listing_free(&r->listing[k]);
    dg_scenes_free(&r->scenes);
    dg_free(r->lines);
    dg_free(r->first);
    dg_free(r->end);
    *r = (dg_reading){0};
}
