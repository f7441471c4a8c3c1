#include "online/read.h"

#include "base/memory.h"
#include "table/window.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One rank's reading. */
typedef struct reader {
    const dg_logs_options *o;
    dg_logs *out;
    dg_shown *room; /* (DG_ITEMS_SHOWN,) */
    bool events;
} reader;

static void reject(dg_logs *l, const char *path, int64_t at, const char *why)
{
    if (l->rejected++ == 0)
        snprintf(l->first, sizeof l->first, "%.120s: byte %lld: %.120s", path, (long long)at, why);
}

static dg_status keep_shown(dg_logs *l, const dg_shown *from, int n, dg_err *err)
{
    const size_t have = (size_t)l->n_shown;
    dg_shown *grown = dg_grow(l->shown, have, have + (size_t)n, &l->shown_capacity, sizeof *grown);
    if (grown == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for %zu items shown", have);
    l->shown = grown;
    memcpy(grown + have, from, (size_t)n * sizeof *grown);
    l->n_shown += n;
    return DG_OK;
}

static dg_status keep_done(dg_logs *l, const dg_done *from, dg_err *err)
{
    const size_t have = (size_t)l->n_done;
    dg_done *grown = dg_grow(l->done, have, have + 1, &l->done_capacity, sizeof *grown);
    if (grown == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for %zu events", have);
    l->done = grown;
    grown[l->n_done++] = *from;
    return DG_OK;
}

static dg_status read_line(reader *r, const char *path, int64_t at, const char *line, size_t n,
                           dg_err *err)
{
    dg_logs *l = r->out;
    char why[160];
    while (n > 0 && (line[n - 1] == '\r' || line[n - 1] == ' ')) n--;
    if (n == 0) return DG_OK;
    l->lines++;
    if (r->events) {
        dg_done done;
        if (!dg_log_done(line, n, r->o->kind, r->o->n_kinds, &done, why, sizeof why)) {
            reject(l, path, at, why);
            return DG_OK;
        }
        l->events++;
        if (done.time > l->end) l->end = done.time;
        return done.kind < 0 ? DG_OK : keep_done(l, &done, err);
    }
    const int items = dg_log_shown(line, n, &l->arms, r->room, why, sizeof why);
    if (items < 0) reject(l, path, at, why);
    if (items <= 0) return DG_OK;
    l->lists++;
    if (r->room[0].time > l->end) l->end = r->room[0].time;
    return keep_shown(l, r->room, items, err);
}

/* The lines that begin in [begin, end) of a file. */
static dg_status read_part(reader *r, const dg_source *source, int64_t begin, int64_t end,
                           dg_err *err)
{
    dg_window w = {0};
    dg_status st = begin < end ? DG_OK : DG_ERR_USAGE;
    if (st != DG_OK) return DG_OK; /* nothing of it is ours */
    st = dg_window_open(&w, source, begin > 0 ? begin - 1 : 0, end, err);
    if (st == DG_OK && begin > 0) st = dg_window_skip_line(&w, end, NULL, err);
    while (st == DG_OK && w.position + (int64_t)w.at < end) {
        char *line = w.bytes + w.at;
        const char *feed = memchr(line, '\n', w.n - w.at);
        if (feed == NULL && !w.drained && w.n - w.at <= DG_RECORD_MAX) {
            st = dg_window_refill(&w, err);
            continue;
        }
        const int64_t at = w.position + (int64_t)w.at;
        if (feed == NULL && w.n - w.at > DG_RECORD_MAX) {
            r->out->lines++;
            reject(r->out, source->path, at, "a line of more than 1 MB");
            st = dg_window_skip_line(&w, INT64_MAX, NULL, err);
            continue;
        }
        const size_t n = feed != NULL ? (size_t)(feed - line) : w.n - w.at;
        if (n == 0 && feed == NULL) break;
        st = read_line(r, source->path, at, line, n, err);
        w.at += n + (feed != NULL);
    }
    dg_window_close(&w);
    return st;
}

static dg_status read_files(const dg_comm *c, reader *r, const dg_sources *files, dg_err *err)
{
    dg_status st = DG_OK;
    for (int64_t f = 0; f < files->n && st == DG_OK; f++) {
        const dg_source *s = &files->at[f];
        const int64_t n = dg_source_content(s);
        if (n >= 0)
            st = read_part(r, s, n * c->rank / c->size, n * (c->rank + 1) / c->size, err);
        else if (f % c->size == c->rank)
            st = read_part(r, s, 0, INT64_MAX, err);
    }
    return st;
}

static dg_status read_all(const dg_comm *c, const dg_logs_options *o, dg_logs *out, dg_err *err)
{
    reader r = {.o = o, .out = out};
    const dg_strings *paths[] = {o->impressions, o->events};
    dg_status st = DG_OK;
    r.room = dg_alloc(DG_ITEMS_SHOWN, sizeof *r.room);
    if (r.room == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory reading logs");
    for (int k = 0; k < 2 && st == DG_OK; k++) {
        dg_sources files = {0};
        r.events = k == 1;
        if (paths[k]->n == 0) continue;
        st = dg_sources_find(paths[k], &files, err);
        if (st == DG_OK) st = read_files(c, &r, &files, err);
        dg_sources_free(&files);
    }
    dg_free(r.room);
    return st;
}

static int by_name(const void *a, const void *b) { return strcmp(a, b); }

/* The control goes first. */
static dg_status put_first(dg_arm_names *arms, const char *control, dg_err *err)
{
    char name[DG_ARM_NAME];
    int at = 0;
    while (at < arms->n && strcmp(arms->at[at], control != NULL ? control : "champion") != 0) at++;
    if (at == arms->n && control != NULL)
        return DG_FAIL(err, DG_ERR_CONFIG, "--control: no list was shown by an arm called \"%s\"",
                       control);
    if (at == arms->n) return DG_OK;
    memcpy(name, arms->at[at], DG_ARM_NAME);
    memmove(arms->at[1], arms->at[0], (size_t)at * DG_ARM_NAME);
    memcpy(arms->at[0], name, DG_ARM_NAME);
    return DG_OK;
}

/* All ranks' names of arms, in order; this rank's numbers follow. COLLECTIVE. */
static dg_status share_arms(const dg_comm *c, dg_logs *l, const char *control, dg_err *err)
{
    dg_arm_names all = {0}, own = l->arms;
    int place[DG_ARMS], too_many = 0;
    for (int rank = 0; rank < c->size; rank++) {
        dg_arm_names theirs = own;
        dg_bcast(c, &theirs, sizeof theirs, rank);
        for (int k = 0; k < theirs.n; k++) {
            int at = 0;
            while (at < all.n && strcmp(all.at[at], theirs.at[k]) != 0) at++;
            if (at == DG_ARMS) too_many = 1;
            if (at < all.n || at == DG_ARMS) continue;
            memcpy(all.at[all.n++], theirs.at[k], DG_ARM_NAME);
        }
    }
    if (too_many)
        return DG_FAIL(err, DG_ERR_DATA, "the log of impressions has more than %d arms", DG_ARMS);
    qsort(all.at, (size_t)all.n, DG_ARM_NAME, by_name);
    const dg_status st = put_first(&all, control, err);
    if (st != DG_OK) return st; /* alike on all ranks */
    for (int k = 0; k < own.n; k++)
        for (int at = 0; at < all.n; at++)
            if (strcmp(all.at[at], own.at[k]) == 0) place[k] = at;
    for (int64_t k = 0; k < l->n_shown; k++) l->shown[k].arm = place[l->shown[k].arm];
    l->arms = all;
    return DG_OK;
}

/* COLLECTIVE. */
static dg_status judge_lines(const dg_comm *c, const dg_logs_options *o, dg_logs *l, dg_err *err)
{
    int64_t n[4] = {l->lines, l->lists, l->events, l->rejected};
    int64_t who[1] = {l->rejected > 0 ? -c->rank : -c->size};
    dg_sum_int64(c, n, 4);
    dg_max_int64(c, &l->end, 1);
    dg_max_int64(c, who, 1);
    l->lines = n[0];
    l->lists = n[1];
    l->events = n[2];
    l->rejected = n[3];
    if (l->rejected > 0) dg_bcast(c, l->first, sizeof l->first, (int)-who[0]);
    if ((double)l->rejected > o->max_rejects * (double)l->lines) {
        const dg_status st = DG_FAIL(err, DG_ERR_DATA, "%s (%lld of %lld lines are bad)", l->first,
                                     (long long)l->rejected, (long long)l->lines);
        return dg_err_hint(err, st, "--max-rejects=SHARE lets more of them pass");
    }
    if (l->lists == 0) return DG_FAIL(err, DG_ERR_DATA, "no list was shown in these logs");
    return DG_OK;
}

dg_status dg_logs_read(const dg_comm *c, const dg_logs_options *o, dg_logs *out, dg_err *err)
{
    *out = (dg_logs){.end = INT64_MIN};
    dg_status st = dg_agree(c, read_all(c, o, out, err), err);
    if (st == DG_OK) st = share_arms(c, out, o->control, err);
    if (st == DG_OK) st = judge_lines(c, o, out, err);
    if (st != DG_OK) dg_logs_free(out);
    return st;
}

void dg_logs_free(dg_logs *l)
{
    dg_free(l->shown);
    dg_free(l->done);
    l->shown = NULL;
    l->done = NULL;
    l->n_shown = l->n_done = 0;
    l->shown_capacity = l->done_capacity = 0;
}
