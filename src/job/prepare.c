#include "job/stages.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/pulse.h"
#include "ingest/prepare.h"
#include "job/card.h"
#include "job/leaks.h"

#include <stdlib.h>
#include <string.h>

/* A column the job names, or NULL; NULL itself is a column such a table cannot have. */
static const char *or_null(const char *text)
{
    return text == NULL || text[0] == '\0' ? NULL : text;
}

static bool is_table(int format)
{
    return format == DG_JOB_CSV || format == DG_JOB_PARQUET || format == DG_JOB_HDF5;
}

static dg_status to_source(const dg_job *job, const char *key, const dg_job_source *from,
                           dg_prepare_source *out, dg_err *err)
{
    static const dg_format format[] = {
        [DG_JOB_CSV] = DG_FORMAT_CSV,     [DG_JOB_MTX] = DG_FORMAT_MTX,
        [DG_JOB_LISTS] = DG_FORMAT_LISTS, [DG_JOB_JSONL] = DG_FORMAT_JSONL,
        [DG_JOB_PARQUET] = DG_FORMAT_CSV, [DG_JOB_HDF5] = DG_FORMAT_HDF5};
    /* Comes as csv of the default dialect. */
    const bool made = from->format == DG_JOB_PARQUET || from->format == DG_JOB_HDF5;
    const bool blanks = from->format == DG_JOB_MTX && strcmp(from->separator, ",") == 0;
    out->paths = from->path; /* borrowed */
    out->dialect = dg_dialect_default();
    out->dialect.format = format[from->format];
    out->dialect.header = made || (from->header && from->format == DG_JOB_CSV);
    out->dialect.encoding =
        from->encoding == DG_JOB_LATIN1 && !made ? DG_ENCODING_LATIN1 : DG_ENCODING_UTF8;
    out->columns[DG_ROLE_USER] = or_null(from->columns.user);
    out->columns[DG_ROLE_ITEM] = or_null(from->columns.item);
    out->columns[DG_ROLE_VALUE] = or_null(from->columns.value);
    out->columns[DG_ROLE_TIME] = or_null(from->columns.time);
    out->columns[DG_ROLE_EVENT] = or_null(from->columns.event);
    out->columns[DG_ROLE_SCENE] = or_null(from->columns.scene);
    out->drop = from->drop; /* borrowed, as keep */
    out->keep = from->keep;
    out->kinds = from->kinds;
    out->fail = from->on_error == DG_JOB_FAIL;
    out->max_rejects = from->max_rejects;
    const dg_status st = dg_dialect_separate(&out->dialect,
                                             blanks ? " "
                                             : made ? ","
                                                    : from->separator,
                                             err);
    if (st == DG_OK) return st;
    char text[sizeof err->text];
    snprintf(text, sizeof text, "%s", err->text);
    return DG_FAIL(err, st, "%s: %s.separator: %.500s", job->file, key, text);
}

static dg_status to_split(const dg_job *job, dg_split_options *out, dg_err *err)
{
    static const dg_split_method method[] = {
        [DG_JOB_RATIO] = DG_SPLIT_RATIO,
        [DG_JOB_LEAVE_LAST] = DG_SPLIT_LEAVE_LAST,
        [DG_JOB_HOLD_LAST] = DG_SPLIT_HOLD_LAST,
        [DG_JOB_TIME] = DG_SPLIT_TIME,
        [DG_JOB_USER_HOLDOUT] = DG_SPLIT_USER_HOLDOUT,
        [DG_JOB_KFOLD] = DG_SPLIT_KFOLD,
        [DG_JOB_FILES] = DG_SPLIT_FILES,
        [DG_JOB_NO_SPLIT] = DG_SPLIT_NONE,
    };
    out->method = method[job->prepare.split.method];
    out->test = job->prepare.split.test;
    out->valid = job->prepare.split.valid;
    out->n = job->prepare.split.n;
    out->at = job->prepare.split.at;
    out->users = (double)job->prepare.split.users;
    out->fold_in = job->prepare.split.fold_in;
    out->k = job->prepare.split.k;
    out->fold = job->prepare.split.fold;
    dg_status st = DG_OK;
    if (job->prepare.split.test_files.path.n > 0)
        st = to_source(job, "prepare.split.test", &job->prepare.split.test_files, &out->test_files,
                       err);
    if (st == DG_OK && job->prepare.split.valid_files.path.n > 0)
        st = to_source(job, "prepare.split.valid", &job->prepare.split.valid_files,
                       &out->valid_files, err);
    return st;
}

/* The file of users is of use only where something of it is wanted. */
static bool describes_users(const dg_job *job)
{
    const dg_job_source *u = &job->data.users;
    return u->path.n > 0 && (u->attributes.key.n > 0 || u->features.key.n > 0);
}

static dg_status to_options(const dg_job *job, dg_prepare_options *out, dg_err *err)
{
    static const dg_duplicates duplicates[] = {
        [DG_JOB_SUM] = DG_DUPLICATES_SUM,     [DG_JOB_MAX] = DG_DUPLICATES_MAX,
        [DG_JOB_LAST] = DG_DUPLICATES_LAST,   [DG_JOB_FIRST] = DG_DUPLICATES_FIRST,
        [DG_JOB_COUNT] = DG_DUPLICATES_COUNT,
    };
    *out = (dg_prepare_options){.event_weights = job->prepare.event_weights, /* borrowed */
                                .half_life = job->prepare.half_life,
                                .duplicates = duplicates[job->prepare.duplicates],
                                .since = or_null(job->prepare.since),
                                .until = or_null(job->prepare.until),
                                .session_gap = job->prepare.session_gap,
                                .max_user_day = job->prepare.max_user_day,
                                .max_user = job->prepare.max_user,
                                .min_user = job->prepare.min_user,
                                .min_item = job->prepare.min_item,
                                .scenes = job->prepare.scenes,
                                .seed = (uint64_t)job->seed};
    if (job->data.ratings.path.n == 0) return dg_job_missing(job, "data.ratings.path", err);
    dg_status st = to_source(job, "data.ratings", &job->data.ratings, &out->ratings, err);
    if (st == DG_OK && job->data.items.path.n > 0) {
        if (!is_table(job->data.items.format))
            return DG_FAIL(err, DG_ERR_CONFIG,
                           "%s: data.items.format: a catalogue is csv, parquet or hdf5", job->file);
        st = to_source(job, "data.items", &job->data.items, &out->items.source, err);
        out->items.title = or_null(job->data.items.columns.title);
        if (st == DG_OK)
            st = dg_attribute_plans_read("data.items", &job->data.items.attributes,
                                         &job->data.items.features, &out->items.attributes, err);
    }
    if (st == DG_OK && describes_users(job)) {
        if (!is_table(job->data.users.format))
            return DG_FAIL(err, DG_ERR_CONFIG,
                           "%s: data.users.format: a catalogue is csv, parquet or hdf5", job->file);
        st = to_source(job, "data.users", &job->data.users, &out->users.source, err);
        if (st == DG_OK)
            st = dg_attribute_plans_read("data.users", &job->data.users.attributes,
                                         &job->data.users.features, &out->users.attributes, err);
    }
    return st == DG_OK ? to_split(job, &out->split, err) : st;
}

/* Rows that each filter of data.ratings passed over, by its key. */
static json_t *filtered(const dg_job *job, const dg_prepare_report *r)
{
    const dg_map *const map[] = {&job->data.ratings.drop, &job->data.ratings.keep};
    json_t *j = json_object();
    int64_t at = 0;
    for (int m = 0; m < 2; m++)
        for (int64_t k = 0; k < map[m]->key.n; k++) {
            size_t n;
            char key[128];
            const char *column = dg_strings_at(&map[m]->key, k, &n);
            snprintf(key, sizeof key, "%s.%.*s", m == 0 ? "drop" : "keep", (int)n, column);
            json_object_set_new(j, key, json_integer(r->filtered[at++]));
        }
    return j;
}

static json_t *figures(const dg_comm *c, const dg_job *job, const dg_prepare_report *r,
                       const dg_dataset *d)
{
    if (c->rank != 0) return NULL;
    json_t *quotes = json_array();
    for (int k = 0; k < r->n_quotes; k++) json_array_append_new(quotes, json_string(r->quote[k]));
    json_t *j = json_pack("{s:s, s:o, s:o}", "content_digest", d->content, "first_rejects", quotes,
                          "filtered", filtered(job, r));
    const struct {
        const char *name;
        int64_t value;
    } counts[] = {
        {"files", r->files},
        {"bytes", r->bytes},
        {"reused", r->reused},
        {"records", r->records},
        {"rejected", r->rejected},
        {"outside", r->outside},
        {"sessions", r->sessions},
        {"busy_days", r->busy.n},
        {"busy_days_users", r->busy.users},
        {"busy_days_dropped", r->busy.events},
        {"crowd_users", r->crowd_users},
        {"crowd", r->crowd},
        {"duplicates", r->duplicates},
        {"core_dropped", r->core_dropped},
        {"users", r->users},
        {"items", r->items},
        {"train", r->train},
        {"valid", r->valid},
        {"test", r->test},
        {"fold_in", r->fold_in},
        {"cold_users", r->cold_users},
        {"cold_items", r->cold_items},
        {"targets_in_train", r->targets_in_train},
        {"targets_cold_user", r->targets_cold_user},
        {"targets_cold_item", r->targets_cold_item},
        {"targets_dropped", r->targets_dropped},
    };
    for (size_t k = 0; k < sizeof counts / sizeof *counts; k++)
        json_object_set_new(j, counts[k].name, json_integer(counts[k].value));
    return j;
}

static void log_report(const dg_prepare_report *r)
{
    char records[32], users[32], items[32], train[32], test[32];
    if (r->reused > 0)
        dg_log(DG_LOG_INFO, "reused", "%s of %s had been parsed before",
               dg_show_bytes((double)r->reused, records, sizeof records),
               dg_show_bytes((double)r->bytes, users, sizeof users));
    if (r->busy.n > 0)
        dg_log(DG_LOG_INFO, "busy", "prepare.max_user_day drops %s ratings (days: %s, users: %s)",
               dg_show_count(r->busy.events, records, sizeof records),
               dg_show_count(r->busy.n, items, sizeof items),
               dg_show_count(r->busy.users, users, sizeof users));
    for (int k = 0; k < r->n_quotes; k++)
        dg_log(DG_LOG_WARN, "rejected", "rejected %s", r->quote[k]);
    if (r->rejected > r->n_quotes)
        dg_log(DG_LOG_WARN, "rejected", "… and %lld more", (long long)(r->rejected - r->n_quotes));
    dg_log(DG_LOG_INFO, "prepared",
           "prepared %s records: %s users, %s items, %s to train on, %s to test",
           dg_show_count(r->records, records, sizeof records),
           dg_show_count(r->users, users, sizeof users),
           dg_show_count(r->items, items, sizeof items),
           dg_show_count(r->train, train, sizeof train), dg_show_count(r->test, test, sizeof test));
}

static dg_status make_dataset(dg_work *w, const dg_prepare_options *o, const char *inputs,
                              const char *config, dg_err *err)
{
    const double started = dg_now();
    char path[DG_WORK_PATH];
    dg_prepare_report report = {0};
    dg_status st = dg_prepare(w->comm, o, &w->data, &report, err);
    if (st == DG_OK) st = dg_job_card(w->comm, o, &report, &w->data, err);
    if (st == DG_OK)
        st = dg_dataset_write(w->comm, &w->data, dg_work_path(w, "dataset.h5", path), inputs,
                              config, err);
    if (st != DG_OK) {
        dg_dataset_free(&w->data);
        return st;
    }
    w->has_data = true;
    log_report(&report);
    dg_work_record(w, "prepare", started, figures(w->comm, w->job, &report, &w->data));
    return DG_OK;
}

/* Digest of all that the dataset is made from, as dataset.h5 keeps it. */
static dg_status digest_inputs(dg_work *w, const dg_file_digests *files, const dg_key *pseudonyms,
                               const char *config, char inputs[DG_HEX_SIZE], dg_err *err)
{
    char all[DG_HEX_SIZE], id[DG_KEY_ID_SIZE];
    dg_status st = dg_file_digests_hex(files, all, err);
    if (pseudonyms != NULL) dg_key_id(pseudonyms, id);
    if (st == DG_OK)
        st = dg_work_inputs(inputs, err, all, config, pseudonyms == NULL ? NULL : id, NULL);
    return dg_agree(w->comm, st, err);
}

/* The key of pseudonyms, where the job names one: rank 0 reads it, everybody learns it. COLLECTIVE.
 */
static dg_status read_key(const dg_work *w, dg_key *key, dg_prepare_options *o, dg_err *err)
{
    const char *path = or_null(w->job->prepare.pseudonyms);
    dg_status st = DG_OK;
    if (path == NULL) return DG_OK;
    if (w->job->cache.parsed) {
        st = DG_FAIL(err, DG_ERR_CONFIG, "%s: cache.parsed keeps ids as they are in the files",
                     w->job->file);
        return dg_err_hint(err, st, "leave out either cache.parsed or prepare.pseudonyms");
    }
    if (w->comm->rank == 0) st = dg_key_read(path, DG_KEY_PSEUDONYM, key, err);
    st = dg_agree(w->comm, st, err);
    if (st != DG_OK) return st;
    dg_bcast(w->comm, key, sizeof *key, 0);
    o->pseudonyms = key;
    return DG_OK;
}

/* Where what is parsed is kept; where nothing is, what earlier runs have kept goes. COLLECTIVE. */
static dg_status place_parsed(const dg_work *w, char path[DG_WORK_PATH], dg_prepare_options *o,
                              dg_err *err)
{
    dg_work_path(w, "parsed", path);
    if (w->job->cache.parsed && !o->scenes) o->parsed = path;
    const bool gone = o->parsed == NULL && w->comm->rank == 0;
    return dg_agree(w->comm, gone ? dg_folder_remove(path, err) : DG_OK, err);
}

static void tell_unread(const dg_job *job)
{
    static const char text[] = "%s is read by no part of this version";
    if (job->data.scenes.path.n > 0) dg_log(DG_LOG_WARN, "unread", text, "data.scenes");
    if (job->data.friends.path.n > 0) dg_log(DG_LOG_WARN, "unread", text, "data.friends");
}

dg_status dg_stage_prepare(dg_work *w, dg_err *err)
{
    static const char *const sections[] = {"seed", "data", "prepare", NULL};
    char inputs[DG_HEX_SIZE], content[DG_HEX_SIZE], parsed[DG_WORK_PATH], *config = NULL;
    dg_prepare_options o = {0};
    dg_file_digests files = {0};
    dg_key key;
    dg_pulse_stage("prepare");
    tell_unread(w->job);
    dg_status st = to_options(w->job, &o, err);
    if (st == DG_OK) st = dg_job_show(w->job, sections, &config, err);
    st = dg_agree(w->comm, st, err);
    if (st == DG_OK) st = dg_prepare_digests(w->comm, &o, &files, err);
    if (st == DG_OK) st = read_key(w, &key, &o, err);
    if (st == DG_OK) st = place_parsed(w, parsed, &o, err);
    if (st == DG_OK) st = digest_inputs(w, &files, o.pseudonyms, config, inputs, err);
    if (st == DG_OK)
        st = dg_work_is_current(w, "dataset.h5", "daogou-dataset", DG_DATASET_VERSION, inputs,
                                content, err);
    o.digests = &files;
    if (st == DG_OK && content[0] == '\0') st = make_dataset(w, &o, inputs, config, err);
    dg_key_wipe(&key);
    dg_prepare_options_free(&o);
    dg_file_digests_free(&files);
    dg_free(config);
    return st == DG_OK ? dg_leaks_heed(w, err) : st;
}
