#include "ingest/prepare.h"

#include "base/log.h"
#include "base/memory.h"
#include "ingest/core.h"
#include "ingest/numbering.h"
#include "ingest/parsed.h"
#include "ingest/parts.h"
#include "ingest/quotes.h"
#include "ingest/reading.h"
#include "ingest/rule.h"
#include "ingest/sessions.h"
#include "ingest/summary.h"
#include "ingest/transpose.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

enum { STRETCH = 16 << 20, PATTERN_MAX = 4096 };

typedef struct dg_axis { /* one side of the ratings, from ids to rows */
    dg_directory directory;
    uint64_t *hash; /* (n,) of this rank's codes */
    int64_t *row;   /* (n,) global rows of this rank's codes */
    int64_t n;
} dg_axis;

typedef struct dg_preparation { /* one run of prepare */
    const dg_comm *c;
    const dg_prepare_options *o;
    dg_inputs inputs;
    dg_stretches stretches;
    dg_parsed parsed; /* where such are kept */
    dg_reading reading;
    dg_core core;
    dg_axis user, item;
    dg_split_rule rule;
    int64_t newest;
    bool timed; /* all that is split, and held out in files, has a column of times */
    dg_part_times times;
} dg_preparation;

const dg_prepare_source *dg_prepare_source_of(const dg_prepare_options *o, dg_input_kind kind)
{
    const dg_prepare_source *const source[DG_INPUT_KINDS] = {&o->ratings, &o->split.valid_files,
                                                             &o->split.test_files, &o->items.source,
                                                             &o->users.source};
    return source[kind];
}

/* A pattern is of the path, or of its last part. */
static bool is_of_kind(const dg_map *kinds, int64_t k, const char *path)
{
    size_t n;
    char pattern[PATTERN_MAX];
    const char *text = dg_strings_at(&kinds->value, k, &n), *slash = strrchr(path, '/');
    snprintf(pattern, sizeof pattern, "%.*s", (int)n, text);
    return fnmatch(pattern, path, 0) == 0 ||
           fnmatch(pattern, slash == NULL ? path : slash + 1, 0) == 0;
}

dg_slice dg_prepare_kind_of(const dg_prepare_source *s, const char *path)
{
    dg_slice kind = {0};
    for (int64_t k = 0; k < s->kinds.key.n && kind.at == NULL; k++)
        if (is_of_kind(&s->kinds, k, path)) kind.at = dg_strings_at(&s->kinds.key, k, &kind.n);
    return kind;
}

/* Every file has one kind, and every pattern a file. */
static dg_status check_kinds(const dg_prepare_source *s, const dg_inputs *in, dg_input_kind of,
                             dg_err *err)
{
    for (int64_t f = in->first[of]; f < in->first[of + 1]; f++) {
        int64_t n = 0;
        for (int64_t k = 0; k < s->kinds.key.n; k++)
            n += is_of_kind(&s->kinds, k, in->files.at[f].path);
        if (n != 1)
            return DG_FAIL(err, DG_ERR_CONFIG, "%s: %s of data.ratings.kinds matches this file",
                           in->files.at[f].path, n == 0 ? "none" : "more than one");
    }
    for (int64_t k = 0; k < s->kinds.key.n; k++) {
        size_t n;
        int64_t f = in->first[of];
        while (f < in->first[of + 1] && !is_of_kind(&s->kinds, k, in->files.at[f].path)) f++;
        const char *kind = dg_strings_at(&s->kinds.key, k, &n);
        if (f == in->first[of + 1])
            return DG_FAIL(err, DG_ERR_CONFIG, "data.ratings.kinds.%.*s: no file matches it",
                           (int)n, kind);
    }
    return DG_OK;
}

/* Files of targets may be of any kind, or none. */
static dg_status check_train_kinds(const dg_prepare_options *o, const dg_inputs *in, dg_err *err)
{
    if (o->ratings.kinds.key.n == 0) return DG_OK;
    if (o->ratings.columns[DG_ROLE_EVENT] == NULL)
        return check_kinds(&o->ratings, in, DG_INPUT_TRAIN, err);
    return DG_FAIL(err, DG_ERR_CONFIG,
                   "data.ratings: columns.event and kinds both say what kind an event is of");
}

bool dg_prepare_has_times(const dg_prepare_source *s)
{
    return s->columns[DG_ROLE_TIME] != NULL || s->dialect.format == DG_FORMAT_LISTS;
}

/* Files of the split count only where the split is by files. */
static dg_status find_inputs(const dg_comm *c, const dg_prepare_options *o, dg_inputs *out,
                             dg_err *err)
{
    const dg_strings *paths[DG_INPUT_KINDS];
    for (int k = 0; k < DG_INPUT_KINDS; k++)
        paths[k] = &dg_prepare_source_of(o, (dg_input_kind)k)->paths;
    if (o->split.method != DG_SPLIT_FILES) paths[DG_INPUT_VALID] = paths[DG_INPUT_TEST] = NULL;
    return dg_inputs_find(c, paths, out, err);
}

/* A packed file that keeps one rank busy while others have nothing left to read. */
static void tell_large(const dg_preparation *w, const bool *whole)
{
    const dg_sources *files = &w->inputs.files;
    int64_t all = 0;
    for (int64_t f = 0; f < files->n; f++) all += files->at[f].size;
    for (int64_t f = 0; f < files->n; f++)
        if (whole[f] && files->at[f].size > STRETCH && w->c->size > 1 &&
            files->at[f].size > all / w->c->size)
            dg_log(DG_LOG_WARN, "one-rank",
                   "%s is read by one of %d ranks: packed by bgzip, as several files, or plain, by "
                   "all",
                   files->at[f].path, w->c->size);
}

static dg_status cut_inputs(dg_preparation *w, dg_err *err)
{
    const dg_sources *files = &w->inputs.files;
    bool *whole = dg_alloc((size_t)files->n, sizeof *whole);
    if (whole == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a list of files");
    for (int64_t f = 0; f < files->n; f++)
        whole[f] = (files->at[f].codec != DG_CODEC_HDF5 && dg_source_content(&files->at[f]) < 0) ||
                   dg_inputs_kind(&w->inputs, f) >= DG_INPUT_ITEMS;
    if (w->c->rank == 0) tell_large(w, whole);
    const dg_status st = dg_stretches_cut(files, whole, w->o->stretch > 0 ? w->o->stretch : STRETCH,
                                          &w->stretches, err);
    dg_free(whole);
    return st;
}

/* A stretch begins where the records of the one before end. One that was read from elsewhere, since
 * a line break in quotes looked like the end of a record, gets its true start and is *wrong; what
 * is known is right up to the first wrong one, so in the end all is. COLLECTIVE. */
static dg_status check_starts(const dg_preparation *w, int64_t *start, int64_t *wrong, dg_err *err)
{
    const dg_stretches *s = &w->stretches;
    const size_t n = (size_t)s->n;
    const dg_range own = dg_stretches_share(s, w->c->rank, w->c->size);
    int64_t *met = dg_alloc(2 * n, sizeof *met);
    dg_status st =
        met == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for %zu pieces", n) : DG_OK;
    st = dg_agree(w->c, st, err);
    *wrong = 0;
    if (st == DG_OK) {
        int64_t *first = met, *end = met + n;
        memcpy(first, w->reading.first, n * sizeof *first);
        memcpy(end, w->reading.end, n * sizeof *end);
        dg_sum_int64(w->c, met, (int)(2 * n)); /* others' are 0 here: the sum gathers */
        for (int64_t k = 1; k < s->n; k++) {
            if (s->at[k].file != s->at[k - 1].file) continue;
            if (first[k] == DG_NO_RECORD) end[k] = end[k - 1]; /* a line passes through it */
            if (first[k] == DG_NO_RECORD || first[k] == end[k - 1]) continue;
            start[k] = end[k - 1];
            *wrong += k >= own.begin && k < own.end;
        }
    }
    dg_free(met);
    return st;
}

/* Read this rank's share, again where the ranks before have shown that it was read wrongly. */
static dg_status read_share(dg_preparation *w, int64_t *start, dg_err *err)
{
    const dg_comm *c = w->c;
    const dg_range share = dg_stretches_share(&w->stretches, c->rank, c->size);
    for (int64_t wrong = 1, any = 1; any > 0;) {
        dg_status st = DG_OK;
        if (wrong > 0) {
            dg_reading_free(&w->reading);
            st = dg_reading_run(w->o, &w->inputs, &w->stretches, share, start,
                                w->o->parsed == NULL ? NULL : &w->parsed, &w->reading, err);
        }
        st = dg_agree(c, st, err);
        if (st == DG_OK) st = check_starts(w, start, &wrong, err);
        if (st != DG_OK) return st;
        any = wrong;
        dg_sum_int64(c, &any, 1);
    }
    return DG_OK;
}

static void count_passed_over(const dg_preparation *w, dg_prepare_report *report)
{
    memcpy(report->filtered, w->reading.tally[DG_INPUT_TRAIN].filtered, sizeof report->filtered);
    for (int k = 0; k < DG_INPUT_ITEMS; k++) report->outside += w->reading.tally[k].outside;
    dg_sum_int64(w->c, report->filtered, DG_FILTERS_MAX);
    dg_sum_int64(w->c, &report->outside, 1);
    report->reused = w->reading.reused;
    dg_sum_int64(w->c, &report->reused, 1);
    int64_t span[2] = {~w->reading.tally[DG_INPUT_TRAIN].oldest,
                       w->reading.tally[DG_INPUT_TRAIN].newest};
    dg_max_int64(w->c, span, 2);
    const bool timed = w->o->ratings.columns[DG_ROLE_TIME] != NULL;
    report->oldest = timed ? ~span[0] : INT64_MAX;
    report->newest = timed ? span[1] : INT64_MIN;
}

static dg_status read_all(dg_preparation *w, dg_prepare_report *report, dg_err *err)
{
    const dg_comm *c = w->c;
    dg_status st = find_inputs(c, w->o, &w->inputs, err);
    if (st != DG_OK) return st;
    report->files = w->inputs.files.n;
    for (int64_t f = 0; f < report->files; f++) report->bytes += w->inputs.files.at[f].size;
    st = check_train_kinds(w->o, &w->inputs, err);
    if (st == DG_OK) st = cut_inputs(w, err);
    int64_t *start = st == DG_OK ? dg_alloc((size_t)w->stretches.n, sizeof *start) : NULL;
    if (st == DG_OK && start == NULL) st = DG_FAIL(err, DG_ERR_NOMEM, "out of memory for pieces");
    st = dg_agree(c, st, err);
    if (st == DG_OK && w->o->parsed != NULL)
        st = dg_parsed_open(c, w->o, &w->inputs, &w->stretches, &w->parsed, err);
    if (st == DG_OK) st = read_share(w, start, err);
    if (st == DG_OK && w->o->parsed != NULL && c->rank == 0) dg_parsed_tidy(&w->parsed, start);
    dg_free(start);
    if (st != DG_OK) return st;
    count_passed_over(w, report);
    st = dg_quotes_judge(c, w->o, &w->inputs, &w->stretches, &w->reading, report, err);
    if (st == DG_OK && w->o->pseudonyms != NULL)
        st = dg_agree(c, dg_reading_hide_users(&w->reading, w->o->pseudonyms, err), err);
    if (st == DG_OK && w->o->max_user_day > 0)
        st = dg_days_limit(c, w->o->max_user_day, &w->reading.user,
                           &w->reading.events[DG_INPUT_TRAIN], &report->busy, err);
    if (st == DG_OK && w->o->session_gap > 0)
        st = dg_sessions_make(c, w->o->session_gap, &w->reading.user,
                              &w->reading.events[DG_INPUT_TRAIN], &report->sessions, err);
    return st;
}

static dg_status count_ratings(dg_preparation *w, dg_prepare_report *report, dg_err *err)
{
    dg_status st = dg_directory_create(w->c, &w->reading.user, &w->user.directory, err);
    if (st == DG_OK) st = dg_directory_create(w->c, &w->reading.item, &w->item.directory, err);
    if (st == DG_OK)
        st = dg_core_run(w->c, &w->user.directory, &w->item.directory, w->o->max_user,
                         w->o->min_user, w->o->min_item, &w->reading.events[DG_INPUT_TRAIN],
                         &w->core, err);
    if (st != DG_OK) return st;
    report->passes = w->core.passes;
    report->core_dropped = w->core.dropped;
    report->crowd_users = w->core.crowd_users;
    report->crowd = w->core.crowd;
    memcpy(report->pass_left, w->core.pass_left, sizeof report->pass_left);
    return DG_OK;
}

/* Codes that have a row even without a rating: catalogue rows, and targets where any will do. */
static void mention(const dg_preparation *w, bool users, int64_t *mentioned)
{
    const dg_reading *r = &w->reading;
    if ((users ? w->o->min_user : w->o->min_item) <= 1)
        for (int part = DG_INPUT_VALID; part <= DG_INPUT_TEST; part++)
            for (int64_t k = 0; k < r->events[part].n; k++) {
                const dg_rating rating = dg_events_at(&r->events[part], k);
                mentioned[users ? rating.user : rating.item] = 1;
            }
    const dg_listing *l = &r->listing[users];
    for (int64_t k = 0; k < l->n; k++) mentioned[l->code[k]] = 1;
}

/* Turn counts without a reason for a row into DG_NO_ROW. */
static dg_status choose_rows(const dg_preparation *w, const dg_axis *t, bool users, int64_t *count,
                             dg_err *err)
{
    int64_t *mentioned = dg_alloc((size_t)t->directory.n_local, sizeof *mentioned);
    int64_t *own = dg_alloc((size_t)t->directory.ids.text.n, sizeof *own);
    dg_status st = mentioned != NULL && own != NULL
                       ? DG_OK
                       : DG_FAIL(err, DG_ERR_NOMEM, "out of memory choosing rows");
    st = dg_agree(w->c, st, err);
    if (st == DG_OK) {
        mention(w, users, mentioned);
        st = dg_directory_sum(&t->directory, mentioned, own, err);
    }
    for (int64_t k = 0; k < t->directory.ids.text.n && st == DG_OK; k++)
        if (count[k] == 0 && own[k] == 0) count[k] = DG_NO_ROW;
    dg_free(mentioned);
    dg_free(own);
    return st;
}

/* The rows of one side, and the row of each of this rank's codes; ids are not needed after this. */
static dg_status number_side(const dg_preparation *w, dg_axis *t, const char *what,
                             const int64_t *count, dg_ids *codes, dg_shards *shards,
                             dg_strings *ids, dg_err *err)
{
    const dg_ids *own = &t->directory.ids;
    int64_t *number = dg_alloc((size_t)own->text.n, sizeof *number);
    t->n = codes->text.n;
    t->row = dg_alloc((size_t)t->n, sizeof *t->row);
    dg_status st = number != NULL && t->row != NULL
                       ? DG_OK
                       : DG_FAIL(err, DG_ERR_NOMEM, "out of memory numbering %s", what);
    st = dg_agree(w->c, st, err);
    if (st == DG_OK)
        st = dg_number_rows(w->c, own, count, what, dg_shards_count(w->core.left), shards, ids,
                            number, err);
    if (st == DG_OK) st = dg_directory_answer(&t->directory, number, t->row, err);
    dg_free(number);
    t->hash = codes->hash;
    codes->hash = NULL;
    dg_ids_free(codes);
    dg_directory_destroy(&t->directory);
    return st;
}

static dg_status number_all(dg_preparation *w, dg_dataset *out, dg_err *err)
{
    dg_status st = choose_rows(w, &w->user, true, w->core.user_count, err);
    if (st == DG_OK) st = choose_rows(w, &w->item, false, w->core.item_count, err);
    if (st == DG_OK)
        st = dg_rule_find(w->c, w->o, &w->reading.events[DG_INPUT_TRAIN], &w->user.directory.ids,
                          w->core.user_count, &w->rule, &w->newest, err);
    if (st == DG_OK)
        st = number_side(w, &w->user, "users", w->core.user_count, &w->reading.user, &out->users,
                         &out->user_id, err);
    if (st == DG_OK)
        st = number_side(w, &w->item, "items", w->core.item_count, &w->reading.item, &out->items,
                         &out->item_id, err);
    dg_core_free(&w->core);
    return st;
}

static dg_status build_parts(dg_preparation *w, dg_input_kind kind, const dg_split_rule *rule,
                             const dg_dataset *d, dg_parts *out, dg_err *err)
{
    const dg_parts_input in = {.events = &w->reading.events[kind],
                               .user = {w->user.n, w->user.row, w->user.hash},
                               .item = {w->item.n, w->item.row, w->item.hash},
                               .shards = &d->users,
                               .user_id = &d->user_id,
                               .rule = rule,
                               .duplicates = w->o->duplicates,
                               .half_life = w->o->half_life,
                               .batch = w->o->batch,
                               .newest = w->newest,
                               .times = w->timed ? &w->times : NULL,
                               .all_targets = kind != DG_INPUT_TRAIN};
    return dg_parts_build(w->c, &in, out, err);
}

/* Targets from files: nothing to split, all of them are one part. */
static dg_status build_targets(dg_preparation *w, dg_input_kind kind, dg_dataset *out,
                               dg_csr *targets, dg_prepare_report *report, dg_err *err)
{
    const dg_split_rule all = {.method = DG_SPLIT_NONE};
    dg_parts parts;
    const dg_status st = build_parts(w, kind, &all, out, &parts, err);
    if (st != DG_OK) return st;
    dg_csr_free(targets);
    *targets = parts.part[DG_PART_TRAIN];
    parts.part[DG_PART_TRAIN] = (dg_csr){0};
    report->duplicates += parts.merged;
    report->targets_dropped += parts.dropped;
    dg_parts_free(&parts);
    return DG_OK;
}

static dg_status build_rows(dg_preparation *w, dg_dataset *out, dg_prepare_report *report,
                            dg_err *err)
{
    dg_parts parts;
    dg_status st =
        dg_agree(w->c,
                 w->timed ? dg_part_times_create(
                                dg_shards_rows(&out->users, w->c->rank, w->c->size), &w->times, err)
                          : DG_OK,
                 err);
    if (st == DG_OK) st = build_parts(w, DG_INPUT_TRAIN, &w->rule, out, &parts, err);
    if (st != DG_OK) return st;
    out->train = parts.part[DG_PART_TRAIN];
    out->valid = parts.part[DG_PART_VALID];
    out->test = parts.part[DG_PART_TEST];
    out->fold_in = parts.part[DG_PART_FOLD_IN];
    report->duplicates = parts.merged;
    if (w->o->split.method == DG_SPLIT_FILES) {
        if (w->o->split.valid_files.paths.n > 0)
            st = build_targets(w, DG_INPUT_VALID, out, &out->valid, report, err);
        if (st == DG_OK) st = build_targets(w, DG_INPUT_TEST, out, &out->test, report, err);
    }
    dg_sum_int64(w->c, &report->duplicates, 1);
    dg_sum_int64(w->c, &report->targets_dropped, 1);
    return st;
}

/* Titles and attributes of the own rows of one side. */
static dg_status build_catalogue(dg_preparation *w, bool users, dg_dataset *out, dg_err *err)
{
    const dg_prepare_catalogue *from = users ? &w->o->users : &w->o->items;
    const int titled = from->title != NULL;
    dg_listing *l = &w->reading.listing[users];
    dg_strings text[DG_ATTRIBUTES_MAX + 1] = {{0}};
    if (l->n_columns == 0) return DG_OK;
    dg_status st = dg_listing_deliver(w->c, l, users ? w->user.row : w->item.row,
                                      users ? &out->users : &out->items, text, err);
    dg_listing_free(l);
    if (st == DG_OK && from->attributes.n > 0)
        st = dg_attribute_columns_make(w->c, users ? "data.users" : "data.items", &from->attributes,
                                       text + titled,
                                       users ? &out->user_attributes : &out->item_attributes, err);
    if (st == DG_OK && titled) {
        out->item_title = text[0];
        text[0] = (dg_strings){0};
    }
    for (int32_t k = 0; k < titled + from->attributes.n; k++) dg_strings_free(&text[k]);
    return st;
}

static dg_status prepare(dg_preparation *w, dg_dataset *out, dg_prepare_report *report, dg_err *err)
{
    dg_status st = read_all(w, report, err);
    if (st == DG_OK) st = count_ratings(w, report, err);
    if (st == DG_OK && w->core.left == 0)
        st = DG_FAIL(err, DG_ERR_DATA,
                     "prepare.max_user_day %lld, prepare.max_user %lld, prepare.min_user %lld and "
                     "prepare.min_item %lld leave no rating",
                     (long long)w->o->max_user_day, (long long)w->o->max_user,
                     (long long)w->o->min_user, (long long)w->o->min_item);
    if (st == DG_OK) st = number_all(w, out, err);
    if (st == DG_OK) st = build_rows(w, out, report, err);
    if (st == DG_OK) st = build_catalogue(w, false, out, err);
    if (st == DG_OK) st = build_catalogue(w, true, out, err);
    if (st == DG_OK && w->o->scenes)
        st = dg_scenes_make(w->c, &w->reading.scenes, w->item.row, &out->items, &out->scenes, err);
    dg_scenes_free(&w->reading.scenes);
    if (st == DG_OK)
        st = dg_transpose(w->c, &out->train, &out->items, w->o->batch, &out->train_by_item, err);
    if (st == DG_OK) st = dg_summary_fill(w->c, out, report, err);
    if (st == DG_OK)
        st = dg_leaks_find(w->c, out, w->timed ? &w->times : NULL, w->o->half_life > 0,
                           &report->leaks, err);
    report->leaks.repeated = report->targets_in_train;
    if (st == DG_OK && out->n_train == 0)
        st = DG_FAIL(err, DG_ERR_DATA, "prepare.split leaves no rating to train on");
    return st;
}

static void free_table(dg_axis *t)
{
    dg_directory_destroy(&t->directory);
    dg_free(t->hash);
    dg_free(t->row);
}

static void free_work(dg_preparation *w)
{
    dg_inputs_free(&w->inputs);
    dg_stretches_free(&w->stretches);
    dg_parsed_close(&w->parsed);
    dg_reading_free(&w->reading);
    dg_core_free(&w->core);
    dg_part_times_free(&w->times);
    free_table(&w->user);
    free_table(&w->item);
}

/* Lists have an order, which is no time that could be compared across files. */
static bool is_timed(const dg_prepare_options *o)
{
    const dg_split_options *s = &o->split;
    if (o->ratings.columns[DG_ROLE_TIME] == NULL) return false;
    if (s->method != DG_SPLIT_FILES) return true;
    return s->test_files.columns[DG_ROLE_TIME] != NULL &&
           (s->valid_files.paths.n == 0 || s->valid_files.columns[DG_ROLE_TIME] != NULL);
}

/* What must be the same on every rank, in one number. */
static int64_t fingerprint(const dg_prepare_options *o)
{
    const dg_split_options *s = &o->split;
    const double number[] = {o->half_life, o->session_gap, s->test, s->valid, s->users, s->fold_in};
    const int64_t whole[] = {o->duplicates,     o->max_user_day,  o->max_user, o->min_user,
                             o->min_item,       s->method,        s->n,        s->k,
                             s->fold,           (int64_t)o->seed, o->stretch,  o->batch,
                             o->parsed != NULL, o->scenes};
    return (int64_t)dg_hash64(number, sizeof number, dg_hash64(whole, sizeof whole, 0));
}

dg_status dg_prepare(const dg_comm *c, const dg_prepare_options *o, dg_dataset *out,
                     dg_prepare_report *report, dg_err *err)
{
    dg_preparation w = {.c = c, .o = o, .timed = is_timed(o)};
    *out = (dg_dataset){0};
    *report = (dg_prepare_report){0};
    dg_status st = dg_agree_same(c, "an option of prepare", fingerprint(o), err);
    if (st == DG_OK) st = dg_agree(c, dg_rule_check(o, err), err);
    if (st == DG_OK) st = prepare(&w, out, report, err);
    free_work(&w);
    if (st != DG_OK) dg_dataset_free(out);
    return st;
}

void dg_prepare_options_free(dg_prepare_options *o)
{
    dg_attribute_plans_free(&o->items.attributes);
    dg_attribute_plans_free(&o->users.attributes);
}

static dg_status add_strings(const dg_strings *from, dg_strings *to, dg_err *err)
{
    dg_status st = DG_OK;
    for (int64_t k = 0; k < from->n && st == DG_OK; k++) {
        size_t n;
        const char *at = dg_strings_at(from, k, &n);
        st = dg_strings_add(to, at, n, err);
    }
    return st;
}

dg_status dg_prepare_digests(const dg_comm *c, const dg_prepare_options *o, dg_file_digests *out,
                             dg_err *err)
{
    dg_strings paths = {0};
    dg_status st = DG_OK;
    *out = (dg_file_digests){0};
    for (int k = 0; k < DG_INPUT_KINDS && st == DG_OK; k++) {
        const bool target = k == DG_INPUT_VALID || k == DG_INPUT_TEST;
        if (target && o->split.method != DG_SPLIT_FILES) continue;
        st = add_strings(&dg_prepare_source_of(o, (dg_input_kind)k)->paths, &paths, err);
    }
    st = dg_agree(c, st, err);
    if (st == DG_OK) st = dg_file_digests_read(c, &paths, out, err);
    dg_strings_free(&paths);
    return st;
}
