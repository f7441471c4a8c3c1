#include "ingest/passage.h"

#include "artifact/container.h"
#include "base/memory.h"
#include "store/dataset.h"
#include "store/writer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char format[] = "daogou-parsed";

static dg_status flatten(const dg_events *e, dg_passage *p, dg_err *err)
{
    const size_t n = (size_t)e->n;
    int32_t *user = dg_alloc(n, sizeof *user), *item = dg_alloc(n, sizeof *item);
    float *value = dg_alloc(n, sizeof *value);
    int64_t *time = e->timed ? dg_alloc(n, sizeof *time) : NULL;
    p->user_code = user;
    p->item_code = item;
    p->value = value;
    p->time = time;
    if (user == NULL || item == NULL || value == NULL || (e->timed && time == NULL))
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory keeping %zu events", n);
    for (int64_t k = 0; k < e->n; k++) {
        const dg_rating r = dg_events_at(e, k);
        user[k] = r.user;
        item[k] = r.item;
        value[k] = r.value;
        if (e->timed) time[k] = r.time;
    }
    p->n = e->n;
    return DG_OK;
}

dg_status dg_passage_take(dg_ids *user, dg_ids *item, dg_events *events, dg_passage *out,
                          dg_err *err)
{
    const dg_status st = flatten(events, out, err);
    out->user = user->text;
    out->item = item->text;
    user->text = item->text = (dg_strings){0};
    dg_ids_free(user);
    dg_ids_free(item);
    dg_events_free(events);
    if (st != DG_OK) dg_passage_free(out);
    return st;
}

static void write_bad(dg_writer *w, const dg_reading_tally *t, dg_err *err)
{
    int64_t bad[DG_PREPARE_QUOTES][3];
    dg_strings reason = {0};
    dg_status st = DG_OK;
    for (int64_t k = 0; k < t->n_bad && st == DG_OK; k++) {
        const dg_reject *r = &t->bad[k].reject;
        memcpy(bad[k], (const int64_t[3]){r->cause, r->line, r->column}, sizeof bad[k]);
        st = dg_strings_add(&reason, r->reason, strlen(r->reason), err);
    }
    int64_t begin[] = {0, reason.n};
    dg_writer_fail(w, st, err);
    dg_writer_small(w, "bad/record", DG_I64, t->n_bad, 3, bad);
    dg_writer_strings(w, "bad/reason", &(dg_shards){1, begin}, &reason);
    dg_strings_free(&reason);
}

static void write_meta(dg_writer *w, const dg_passage *p, const char *key)
{
    dg_writer_text(w, "key", key);
    dg_writer_int(w, "n_events", p->n);
    dg_writer_int(w, "n_users", p->user.n);
    dg_writer_int(w, "n_items", p->item.n);
    dg_writer_int(w, "dated", p->dated);
    dg_writer_int(w, "lines", p->lines);
    dg_writer_int(w, "first", p->first);
    dg_writer_int(w, "end", p->end);
    dg_writer_int(w, "rejected", p->tally.rejected);
    dg_writer_int(w, "late", p->tally.late);
    dg_writer_int(w, "late_oldest", p->tally.late_oldest);
    dg_writer_int(w, "late_newest", p->tally.late_newest);
}

dg_status dg_passage_write(const dg_comm *alone, const dg_passage *p, const char *path,
                           const char *key, dg_err *err)
{
    dg_writer *w = NULL;
    const dg_status st = dg_writer_create(alone, path, format, DG_PASSAGE_VERSION, &w, err);
    if (st != DG_OK) return st;
    int64_t users[] = {0, p->user.n}, items[] = {0, p->item.n};
    write_meta(w, p, key);
    dg_writer_strings(w, "ids/user", &(dg_shards){1, users}, &p->user);
    dg_writer_strings(w, "ids/item", &(dg_shards){1, items}, &p->item);
    dg_writer_small(w, "events/user", DG_I32, p->n, 1, p->user_code);
    dg_writer_small(w, "events/item", DG_I32, p->n, 1, p->item_code);
    dg_writer_small(w, "events/value", DG_F32, p->n, 1, p->value);
    if (p->time != NULL) dg_writer_small(w, "events/time", DG_I64, p->n, 1, p->time);
    dg_writer_small(w, "filtered", DG_I64, DG_FILTERS_MAX, 1, p->tally.filtered);
    write_bad(w, &p->tally, err);
    return dg_writer_commit(&w, NULL, err);
}

static dg_status not_fitting(const dg_container *f, const char *what, dg_err *err)
{
    return DG_FAIL(err, DG_ERR_DATA, "%s: %s does not fit the rest", dg_container_path(f), what);
}

static dg_status read_meta(const dg_container *f, const char *key, dg_passage *p, dg_err *err)
{
    int64_t dated = -1;
    const struct {
        const char *name;
        int64_t *to;
        int64_t least;
    } whole[] = {{"n_events", &p->n, 0},
                 {"n_users", &p->user.n, 0},
                 {"n_items", &p->item.n, 0},
                 {"dated", &dated, 0},
                 {"lines", &p->lines, 0},
                 {"first", &p->first, DG_NO_RECORD},
                 {"end", &p->end, 0},
                 {"rejected", &p->tally.rejected, 0},
                 {"late", &p->tally.late, 0},
                 {"late_oldest", &p->tally.late_oldest, INT64_MIN},
                 {"late_newest", &p->tally.late_newest, INT64_MIN}};
    char *text = NULL;
    dg_status st = dg_container_text(f, "/meta", "key", &text, err);
    if (st == DG_OK && strcmp(text, key) != 0)
        st = DG_FAIL(err, DG_ERR_DATA, "%s: is of another file", dg_container_path(f));
    dg_free(text);
    for (size_t k = 0; k < sizeof whole / sizeof *whole && st == DG_OK; k++) {
        st = dg_container_int(f, "/meta", whole[k].name, whole[k].to, err);
        if (st == DG_OK && *whole[k].to < whole[k].least) st = not_fitting(f, whole[k].name, err);
    }
    p->dated = dated == 1;
    if (st == DG_OK && (p->user.n > p->n || p->item.n > p->n)) st = not_fitting(f, "ids", err);
    if (st == DG_OK && p->tally.late > p->tally.rejected) st = not_fitting(f, "late", err);
    return st;
}

static dg_status read_ids(const dg_container *f, const char *array, dg_strings *ids, dg_err *err)
{
    int64_t begin[] = {0, ids->n};
    dg_status st =
        dg_dataset_load_strings(f, array, &(dg_shards){1, begin}, (dg_run){0, 1}, ids, err);
    for (int64_t k = 0; k < ids->n && st == DG_OK; k++) {
        const int64_t n = ids->offset[k + 1] - ids->offset[k];
        if (n < 1 || n > DG_ID_MAX) st = not_fitting(f, array, err);
    }
    return st;
}

static dg_status read_column(const dg_container *f, const char *array, dg_type type, int64_t n,
                             void **out, dg_err *err)
{
    int64_t rows = 0;
    const dg_status st = dg_container_read_all(f, array, type, out, &rows, err);
    return st == DG_OK && rows != n ? not_fitting(f, array, err) : st;
}

/* In place: the whole file has just been checked, and is copied once, to where its events go. */
static dg_status map_column(const dg_container *f, const char *array, dg_type type, int64_t n,
                            const void **out, dg_err *err)
{
    dg_array_info info;
    dg_status st = dg_container_info(f, array, &info, err);
    if (st == DG_OK && (info.n_rows != n || info.n_cols != 1)) st = not_fitting(f, array, err);
    return st == DG_OK ? dg_container_map(f, array, type, out, err) : st;
}

static dg_status check_events(const dg_container *f, const dg_passage *p, dg_err *err)
{
    for (int64_t k = 0; k < p->n; k++)
        if (p->user_code[k] < 0 || p->user_code[k] >= p->user.n || p->item_code[k] < 0 ||
            p->item_code[k] >= p->item.n || !isfinite(p->value[k]))
            return not_fitting(f, "events", err);
    return DG_OK;
}

static dg_status read_events(const dg_container *f, dg_passage *p, dg_err *err)
{
    dg_status st = map_column(f, "events/user", DG_I32, p->n, (const void **)&p->user_code, err);
    if (st == DG_OK)
        st = map_column(f, "events/item", DG_I32, p->n, (const void **)&p->item_code, err);
    if (st == DG_OK)
        st = map_column(f, "events/value", DG_F32, p->n, (const void **)&p->value, err);
    if (st == DG_OK && dg_container_has(f, "events/time"))
        st = map_column(f, "events/time", DG_I64, p->n, (const void **)&p->time, err);
    if (st == DG_OK)
        st = read_ids(f, "ids/user", &p->user, err); /* no more than there are events */
    if (st == DG_OK) st = read_ids(f, "ids/item", &p->item, err);
    return st == DG_OK ? check_events(f, p, err) : st;
}

static dg_status take_bad(const dg_container *f, const int64_t (*bad)[3], const dg_strings *reason,
                          dg_reading_tally *t, dg_err *err)
{
    for (int64_t k = 0; k < t->n_bad; k++) {
        size_t n;
        const char *text = dg_strings_at(reason, k, &n);
        dg_reject *r = &t->bad[k].reject;
        if (bad[k][0] < 0 || bad[k][0] >= DG_N_REJECT_CAUSES || bad[k][1] < 0 || bad[k][2] < 0 ||
            bad[k][2] > INT32_MAX || n >= sizeof r->reason)
            return not_fitting(f, "bad", err);
        *r = (dg_reject){
            .cause = (dg_reject_cause)bad[k][0], .line = bad[k][1], .column = (int32_t)bad[k][2]};
        memcpy(r->reason, text, n);
    }
    return DG_OK;
}

static dg_status read_tally(const dg_container *f, dg_reading_tally *t, dg_err *err)
{
    int64_t *filtered = NULL, *bad = NULL;
    dg_array_info info = {0};
    dg_strings reason = {0};
    dg_status st = read_column(f, "filtered", DG_I64, DG_FILTERS_MAX, (void **)&filtered, err);
    if (st == DG_OK) memcpy(t->filtered, filtered, sizeof t->filtered);
    if (st == DG_OK) st = dg_container_info(f, "bad/record", &info, err);
    if (st == DG_OK)
        st = dg_container_read_all(f, "bad/record", DG_I64, (void **)&bad, &t->n_bad, err);
    if (st == DG_OK && (info.n_cols != 3 || t->n_bad > DG_PREPARE_QUOTES || t->n_bad > t->rejected))
        st = not_fitting(f, "bad", err);
    if (st == DG_OK) {
        int64_t begin[] = {0, t->n_bad};
        st = dg_dataset_load_strings(f, "bad/reason", &(dg_shards){1, begin}, (dg_run){0, 1},
                                     &reason, err);
    }
    if (st == DG_OK) st = take_bad(f, (const int64_t(*)[3])bad, &reason, t, err);
    dg_free(filtered);
    dg_free(bad);
    dg_strings_free(&reason);
    return st;
}

dg_status dg_passage_read(const char *path, const char *key, dg_passage *out, dg_err *err)
{
    dg_container *f = NULL;
    *out = (dg_passage){0};
    dg_status st = dg_container_open(path, format, DG_PASSAGE_VERSION, &f, err);
    if (st == DG_OK) st = read_meta(f, key, out, err);
    if (st == DG_OK) st = read_events(f, out, err);
    if (st == DG_OK) st = read_tally(f, &out->tally, err);
    out->file = f;
    if (st != DG_OK) dg_passage_free(out);
    return st;
}

bool dg_passage_tells_all(const dg_passage *p, dg_range window)
{
    return !p->dated || p->tally.late == 0 ||
           (p->tally.late_oldest >= window.begin && p->tally.late_newest < window.end);
}

/* Codes of the reading for those of a passage, given as they are met: -1 before. */
static dg_status code_of(dg_ids *ids, const dg_strings *text, int32_t at, int32_t *code,
                         dg_err *err)
{
    size_t n;
    if (code[at] >= 0) return DG_OK;
    const char *id = dg_strings_at(text, at, &n);
    return dg_ids_code(ids, id, n, &code[at], err);
}

static dg_status add_events(const dg_passage *p, dg_range window, dg_input_kind kind, int32_t *user,
                            int32_t *item, dg_reading *to, dg_err *err)
{
    dg_reading_tally *tally = &to->tally[kind];
    dg_status st = DG_OK;
    for (int64_t k = 0; k < p->n && st == DG_OK; k++) {
        const int64_t time = p->time == NULL ? 0 : p->time[k];
        if (p->dated && (time < window.begin || time >= window.end)) {
            tally->outside++;
            continue;
        }
        st = code_of(&to->user, &p->user, p->user_code[k], user, err);
        if (st == DG_OK) st = code_of(&to->item, &p->item, p->item_code[k], item, err);
        if (st != DG_OK) break;
        const dg_rating rating = {user[p->user_code[k]], item[p->item_code[k]], p->value[k], time};
        st = dg_events_add(&to->events[kind], rating, err);
        tally->records++;
        dg_tally_span(time, &tally->oldest, &tally->newest);
    }
    return st;
}

dg_status dg_passage_add(const dg_passage *p, dg_range window, dg_input_kind kind, int64_t stretch,
                         dg_reading *to, dg_err *err)
{
    int32_t *user = dg_alloc((size_t)p->user.n, sizeof *user);
    int32_t *item = dg_alloc((size_t)p->item.n, sizeof *item);
    dg_status st = user != NULL && item != NULL
                       ? DG_OK
                       : DG_FAIL(err, DG_ERR_NOMEM, "out of memory for the ids of a piece");
    if (st == DG_OK) {
        memset(user, -1, (size_t)p->user.n * sizeof *user);
        memset(item, -1, (size_t)p->item.n * sizeof *item);
        st = add_events(p, window, kind, user, item, to, err);
    }
    dg_free(user);
    dg_free(item);
    dg_reading_tally *tally = &to->tally[kind];
    for (int64_t k = 0; k < p->tally.n_bad; k++)
        dg_tally_bad(tally, stretch, &p->tally.bad[k].reject);
    tally->rejected += p->tally.rejected - p->tally.n_bad;
    for (int k = 0; k < DG_FILTERS_MAX; k++) tally->filtered[k] += p->tally.filtered[k];
    to->lines[stretch] = p->lines;
    to->first[stretch] = p->first;
    to->end[stretch] = p->end;
    return st;
}

void dg_passage_free(dg_passage *p)
{
    dg_container *file = (dg_container *)(uintptr_t)p->file;
    dg_strings_free(&p->user);
    dg_strings_free(&p->item);
    if (file == NULL) {
        dg_free((void *)(uintptr_t)p->user_code);
        dg_free((void *)(uintptr_t)p->item_code);
        dg_free((void *)(uintptr_t)p->value);
        dg_free((void *)(uintptr_t)p->time);
    }
    dg_container_close(&file);
    *p = (dg_passage){0};
}
