#include "job/recommend.h"

#include "base/fault.h"
#include "base/log.h"
#include "base/memory.h"
#include "comm/exchange.h"
#include "evaluate/rank.h"
#include "store/open.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What one rank needs to make lists; all its own. */
typedef struct dg_lister {
    const dg_work *work;
    const dg_recommend_options *options;
    dg_scorer scorer;
    dg_tile_ranker *ranker;
    dg_strings item_id; /* of all items */
    dg_container *data; /* what the selector reads */
    dg_selector *selector;
    dg_chosen_item *room; /* (k,) of a list under filter and rules */
} dg_lister;

static dg_status open_data(dg_lister *l, dg_err *err)
{
    char path[DG_WORK_PATH];
    const dg_work *w = l->work;
    const dg_status st = dg_store_open(w->comm, dg_work_path(w, "dataset.h5", path),
                                       "daogou-dataset", DG_DATASET_VERSION, &l->data, err);
    if (st != DG_OK) return st;
    return dg_agree(w->comm,
                    dg_dataset_load_strings(l->data, "ids/item", &w->data.items,
                                            (dg_run){0, w->data.items.n}, &l->item_id, err),
                    err);
}

static void close_lister(dg_lister *l)
{
    dg_selector_close(&l->selector);
    dg_container_close(&l->data);
    dg_free(l->room);
    dg_tile_ranker_destroy(&l->ranker);
    if (l->scorer.destroy != NULL) l->scorer.destroy(&l->scorer);
    dg_strings_free(&l->item_id);
}

static bool selects(const dg_recommend_options *o)
{
    return o->select.filter != NULL || o->select.rules != NULL;
}

/* Under filter and rules a list may need any good, so all are ranked. */
static dg_status open_ranker(dg_lister *l, dg_err *err)
{
    const int k = selects(l->options) ? (int)l->scorer.n_items : l->options->k;
    l->room = dg_alloc((size_t)l->options->k, sizeof *l->room);
    if (l->room == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for lists");
    return dg_tile_ranker_create(&l->scorer, k, &l->ranker, err);
}

static dg_status open_lister(dg_work *w, const dg_recommend_options *o, dg_lister *l, dg_err *err)
{
    *l = (dg_lister){.work = w, .options = o};
    dg_status st = dg_work_model(w, err);
    if (st == DG_OK) st = w->class->scorer(w->model, &l->scorer, err);
    if (st != DG_OK) return st;
    st = open_data(l, err);
    if (st == DG_OK && selects(o))
        st = dg_selector_open(w, l->data, &l->item_id, &o->select, &l->selector, err);
    if (st == DG_OK) st = dg_agree(w->comm, open_ranker(l, err), err);
    return st;
}

/* A field as RFC 4180 wants it: in quotes where it holds a separator, quote or line end. */
static void add_field(dg_text *out, const char *s, size_t n)
{
    if (memchr(s, ',', n) == NULL && memchr(s, '"', n) == NULL && memchr(s, '\n', n) == NULL &&
        memchr(s, '\r', n) == NULL) {
        dg_text_bytes(out, s, n);
        return;
    }
    dg_text_bytes(out, "\"", 1);
    for (size_t k = 0; k < n; k++)
        dg_text_bytes(out, s[k] == '"' ? "\"\"" : s + k, s[k] == '"' ? 2 : 1);
    dg_text_bytes(out, "\"", 1);
}

static void add_line(const dg_lister *l, int64_t user, int place, int32_t item, float score,
                     dg_text *out)
{
    size_t n_id, n_item;
    const dg_dataset *d = &l->work->data;
    const char *id = dg_strings_at(&d->user_id, user - d->train.begin, &n_id);
    const char *name = dg_strings_at(&l->item_id, item, &n_item);
    add_field(out, id, n_id);
    dg_text_add(out, ",%d,", place);
    add_field(out, name, n_item);
    dg_text_add(out, ",%.6g\n", (double)score);
}

static dg_status add_list(dg_lister *l, int64_t user, int i, dg_text *out, dg_err *err)
{
    int n;
    const dg_hit *hit = dg_tile_ranker_list(l->ranker, i, &n);
    dg_chosen chosen = {.at = l->room};
    if (l->selector == NULL) {
        for (int r = 0; r < n; r++) add_line(l, user, r + 1, hit[r].index, hit[r].score, out);
        return DG_OK;
    }
    const dg_status st = dg_selector_choose(l->selector, user, hit, n, l->options->k, &chosen, err);
    for (int r = 0; r < chosen.n && st == DG_OK; r++)
        add_line(l, user, r + 1, chosen.at[r].item, chosen.at[r].score, out);
    return st;
}

/* Lists of n <= DG_SCORER_TILE own users, appended to out. LOCAL. */
static dg_status list_tile(dg_lister *l, const int64_t *user, int n, dg_text *out, dg_err *err)
{
    const dg_dataset *d = &l->work->data;
    const dg_csr *const seen[] = {&d->train, &d->fold_in, &d->valid, &d->test};
    dg_status st =
        dg_tile_ranker_rank(l->ranker, user, n, seen, l->options->exclude_seen ? 4 : 0, err);
    if (st != DG_OK) return st;
    for (int i = 0; i < n && st == DG_OK; i++) st = add_list(l, user[i], i, out, err);
    if (st != DG_OK) return st;
    return out->failed ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for lists") : DG_OK;
}

static dg_status write_part(const char *folder, int shard, const dg_text *text, dg_err *err)
{
    char path[DG_WORK_PATH + 32], temporary[DG_WORK_PATH + 40];
    snprintf(path, sizeof path, "%s/part-%04d.csv", folder, shard);
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    FILE *file = fopen(temporary, "w");
    if (file == NULL) {
        dg_err_errno(err, temporary, "cannot create");
        return DG_ERR_CANTCREATE;
    }
    bool good = fwrite(text->at, 1, text->n, file) == text->n && !dg_fault("write");
    good = fflush(file) == 0 && fsync(fileno(file)) == 0 && good;
    good = fclose(file) == 0 && good;
    if (good && rename(temporary, path) == 0) return DG_OK;
    unlink(temporary);
    return DG_FAIL(err, DG_ERR_IO, "%s: cannot write", path);
}

static dg_status list_shard(dg_lister *l, const char *folder, int shard, dg_err *err)
{
    const int64_t *begin = l->work->data.users.begin;
    dg_text text = {0};
    dg_status st = DG_OK;
    dg_text_add(&text, "user,rank,item,score\n");
    for (int64_t u = begin[shard]; u < begin[shard + 1] && st == DG_OK; u += DG_SCORER_TILE) {
        int64_t user[DG_SCORER_TILE];
        int n = 0;
        for (; n < DG_SCORER_TILE && u + n < begin[shard + 1]; n++) user[n] = u + n;
        st = list_tile(l, user, n, &text, err);
        dg_progress(u - l->work->data.train.begin, NULL);
    }
    if (st == DG_OK) st = write_part(folder, shard, &text, err);
    dg_text_free(&text);
    return st;
}

static dg_status make_folder(const dg_work *w, const char *folder, dg_err *err)
{
    dg_status st = DG_OK;
    if (w->comm->rank == 0 && mkdir(folder, 0777) != 0 && errno != EEXIST) {
        dg_err_errno(err, folder, "cannot create");
        st = DG_ERR_CANTCREATE;
    }
    return dg_agree(w->comm, st, err);
}

dg_status dg_recommend_all(dg_work *w, const dg_recommend_options *o, int64_t *n_users, dg_err *err)
{
    char folder[DG_WORK_PATH];
    dg_lister l;
    dg_status st = open_lister(w, o, &l, err);
    if (st == DG_OK) st = make_folder(w, dg_work_path(w, "recommendations", folder), err);
    if (st == DG_OK) {
        const dg_run run = dg_shards_run(w->data.users.n, w->comm->rank, w->comm->size);
        dg_progress_begin("recommending", "users", w->data.train.end - w->data.train.begin);
        for (int s = run.begin; s < run.end && st == DG_OK; s++)
            st = list_shard(&l, folder, s, err);
        dg_progress_end();
        st = dg_agree(w->comm, st, err);
        *n_users = w->data.users.begin[w->data.users.n];
    }
    close_lister(&l);
    return st;
}

/* Own rows of the wanted ids; found (n,) is marked for those met. Cost O(own users * n). */
static int64_t find_own(const dg_dataset *d, const dg_strings *wanted, int64_t *row, int64_t *found)
{
    int64_t n = 0;
    for (int64_t u = 0; u < d->user_id.n; u++) {
        size_t na, nb;
        const char *a = dg_strings_at(&d->user_id, u, &na);
        for (int64_t k = 0; k < wanted->n; k++) {
            const char *b = dg_strings_at(wanted, k, &nb);
            if (na != nb || memcmp(a, b, na) != 0) continue;
            if (found[k] == 0) row[n++] = d->train.begin + u;
            found[k] = 1;
        }
    }
    return n;
}

static dg_status check_found(const dg_comm *c, const dg_strings *wanted, int64_t *found,
                             dg_err *err)
{
    dg_max_int64(c, found, (int)wanted->n);
    for (int64_t k = 0; k < wanted->n; k++) {
        size_t n;
        const char *id = dg_strings_at(wanted, k, &n);
        if (found[k] == 0)
            return DG_FAIL(err, DG_ERR_NOINPUT, "no user \"%.*s\" in the data", (int)n, id);
    }
    return DG_OK;
}

/* Every rank's text to rank 0, in rank order. */
static dg_status collect(const dg_comm *c, const dg_text *mine, dg_text *out, dg_err *err)
{
    int64_t *count = dg_alloc(2 * (size_t)c->size, sizeof *count), n = 0;
    void *all = NULL;
    dg_status st = count == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for lists") : DG_OK;
    st = dg_agree(c, st, err);
    if (st == DG_OK) {
        count[0] = (int64_t)mine->n;
        st = dg_exchange(c, mine->at, 1, count, &all, count + c->size, err);
    }
    for (int r = 0; r < c->size && st == DG_OK; r++) n += count[c->size + r];
    if (st == DG_OK) dg_text_bytes(out, all, (size_t)n);
    if (out->failed) st = DG_FAIL(err, DG_ERR_NOMEM, "out of memory for lists");
    dg_free(count);
    dg_free(all);
    return dg_agree(c, st, err);
}

static dg_status list_own(dg_lister *l, const int64_t *row, int64_t n, dg_text *out, dg_err *err)
{
    dg_status st = DG_OK;
    for (int64_t k = 0; k < n && st == DG_OK; k += DG_SCORER_TILE)
        st =
            list_tile(l, row + k, (int)(n - k < DG_SCORER_TILE ? n - k : DG_SCORER_TILE), out, err);
    return st;
}

dg_status dg_recommend_some(dg_work *w, const dg_recommend_options *o, dg_text *out, dg_err *err)
{
    dg_lister l;
    dg_text mine = {0};
    dg_status st = open_lister(w, o, &l, err);
    int64_t *row = dg_alloc((size_t)o->users->n, sizeof *row);
    int64_t *found = dg_alloc((size_t)o->users->n, sizeof *found);
    if (st == DG_OK) {
        if (row == NULL || found == NULL)
            st = DG_FAIL(err, DG_ERR_NOMEM, "out of memory for users");
        st = dg_agree(w->comm, st, err);
    }
    if (st == DG_OK) {
        const int64_t n = find_own(&w->data, o->users, row, found);
        st = check_found(w->comm, o->users, found, err); /* the same answer everywhere */
        if (st == DG_OK) st = dg_agree(w->comm, list_own(&l, row, n, &mine, err), err);
    }
    if (st == DG_OK) st = collect(w->comm, &mine, out, err);
    dg_text_free(&mine);
    dg_free(row);
    dg_free(found);
    close_lister(&l);
    return st;
}
