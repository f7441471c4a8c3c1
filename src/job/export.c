#include "job/rounding.h"
#include "job/stages.h"

#include "artifact/seal.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/pulse.h"
#include "job/model_card.h"
#include "job/segments.h"
#include "ranking/topk.h"

#include <stdlib.h>
#include <string.h>

enum { ARTIFACT_VERSION = 1 };

static const char format[] = "daogou-artifact";

typedef struct dg_hashed {
    uint64_t hash;
    int32_t row;
} dg_hashed;

static int by_hash(const void *a, const void *b, void *ids)
{
    const dg_hashed *x = a, *y = b;
    if (x->hash != y->hash) return x->hash < y->hash ? -1 : 1;
    size_t nx, ny;
    const char *p = dg_strings_at(ids, x->row, &nx), *q = dg_strings_at(ids, y->row, &ny);
    const int order = memcmp(p, q, nx < ny ? nx : ny);
    return order != 0 ? order : (nx > ny) - (nx < ny);
}

/* Shards hold consecutive stretches of hashes, so sorting each own shard sorts them all. */
static dg_status sort_ids(const dg_comm *c, const dg_shards *shards, dg_strings *ids,
                          int32_t **sorted, int64_t **rows, dg_err *err)
{
    const dg_run run = dg_shards_run(shards->n, c->rank, c->size);
    const int64_t first = shards->begin[run.begin];
    dg_hashed *at = dg_alloc((size_t)ids->n, sizeof *at);
    *sorted = dg_alloc((size_t)ids->n, sizeof **sorted);
    *rows = dg_alloc((size_t)(run.end - run.begin), sizeof **rows);
    if (at == NULL || *sorted == NULL || *rows == NULL) {
        dg_free(at);
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory sorting ids");
    }
    for (int64_t k = 0; k < ids->n; k++) {
        size_t n;
        const char *id = dg_strings_at(ids, k, &n);
        at[k] = (dg_hashed){dg_id_hash(id, n), (int32_t)k};
    }
    for (int s = run.begin; s < run.end; s++) {
        const int64_t from = shards->begin[s] - first, to = shards->begin[s + 1] - first;
        qsort_r(at + from, (size_t)(to - from), sizeof *at, by_hash, ids);
        (*rows)[s - run.begin] = to - from;
    }
    for (int64_t k = 0; k < ids->n; k++) (*sorted)[k] = (int32_t)(first + at[k].row);
    dg_free(at);
    return DG_OK;
}

static void write_ids(const dg_comm *c, dg_writer *w, const char *array, const dg_shards *shards,
                      dg_strings *ids)
{
    char path[64];
    int32_t *sorted = NULL;
    int64_t *rows = NULL;
    dg_err err = {.text = ""};
    dg_writer_strings(w, array, shards, ids);
    const dg_status st = dg_agree(c, sort_ids(c, shards, ids, &sorted, &rows, &err), &err);
    snprintf(path, sizeof path, "%s/by_hash", array);
    if (st == DG_OK)
        dg_writer_array(w, path, &(dg_piece){DG_I32, 1, shards->n, rows, sorted});
    else
        dg_writer_fail(w, st, &err);
    dg_free(sorted);
    dg_free(rows);
}

typedef struct dg_history {
    int64_t *ptr;            /* (own users + 1,) of the whole array */
    int32_t *index;          /* (own entries,) */
    int64_t *rows, *entries; /* (own shards,) */
} dg_history;

static void free_history(dg_history *h)
{
    dg_free(h->ptr);
    dg_free(h->index);
    dg_free(h->rows);
    dg_free(h->entries);
}

static dg_status build_history(const dg_comm *c, const dg_dataset *d, dg_history *h, dg_err *err)
{
    const dg_run run = dg_shards_run(d->users.n, c->rank, c->size);
    const int64_t first = d->train.begin, n = d->train.end - first;
    h->ptr = dg_alloc((size_t)n + 1, sizeof *h->ptr);
    h->rows = dg_alloc((size_t)(run.end - run.begin), sizeof *h->rows);
    h->entries = dg_alloc((size_t)(run.end - run.begin), sizeof *h->entries);
    if (h->ptr == NULL || h->rows == NULL || h->entries == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for histories");
    for (int64_t u = 0; u < n; u++)
        h->ptr[u + 1] = h->ptr[u] + dg_dataset_history(d, first + u, NULL);
    h->index = dg_alloc((size_t)h->ptr[n], sizeof *h->index);
    if (h->index == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for histories");
    for (int64_t u = 0; u < n; u++) dg_dataset_history(d, first + u, h->index + h->ptr[u]);
    for (int s = run.begin; s < run.end; s++) {
        const int64_t from = d->users.begin[s] - first, to = d->users.begin[s + 1] - first;
        h->rows[s - run.begin] = to - from + (s == d->users.n - 1);
        h->entries[s - run.begin] = h->ptr[to] - h->ptr[from];
    }
    return DG_OK;
}

static void write_history(const dg_comm *c, dg_writer *w, const dg_dataset *d)
{
    dg_history h = {0};
    dg_err err = {.text = ""};
    const dg_status st = dg_agree(c, build_history(c, d, &h, &err), &err);
    if (st == DG_OK) {
        const int64_t n = d->train.end - d->train.begin;
        const int64_t before = dg_prefix_int64(c, h.ptr[n]);
        for (int64_t u = 0; u <= n; u++) h.ptr[u] += before;
        dg_writer_array(w, "history/ptr", &(dg_piece){DG_I64, 1, d->users.n, h.rows, h.ptr});
        dg_writer_array(w, "history/index", &(dg_piece){DG_I32, 1, d->users.n, h.entries, h.index});
    } else {
        dg_writer_fail(w, st, &err);
    }
    free_history(&h);
}

typedef struct dg_popular {
    int64_t count;
    int32_t row;
} dg_popular;

static int by_count(const void *a, const void *b)
{
    const dg_popular *x = a, *y = b;
    if (x->count != y->count) return x->count > y->count ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

static dg_status rank_popular(const int64_t *count, int64_t n, int32_t *order, dg_err *err)
{
    dg_popular *at = dg_alloc((size_t)n, sizeof *at);
    if (at == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for popularity");
    for (int64_t k = 0; k < n; k++) at[k] = (dg_popular){count[k], (int32_t)k};
    qsort(at, (size_t)n, sizeof *at, by_count);
    for (int64_t k = 0; k < n; k++) order[k] = at[k].row;
    dg_free(at);
    return DG_OK;
}

/* Training counts of all items on every rank: 12 bytes an item, the least serving needs anyway. */
static void write_popularity(const dg_comm *c, dg_writer *w, const dg_dataset *d)
{
    const int64_t n = d->items.begin[d->items.n];
    int64_t *count = dg_alloc((size_t)n, sizeof *count);
    int32_t *order = dg_alloc((size_t)n, sizeof *order);
    dg_err err = {.text = ""};
    dg_status st = count == NULL || order == NULL
                       ? DG_FAIL(&err, DG_ERR_NOMEM, "out of memory for popularity")
                       : DG_OK;
    st = dg_agree(c, st, &err);
    if (st == DG_OK) {
        for (int64_t r = d->train_by_item.begin; r < d->train_by_item.end; r++)
            count[r] = dg_csr_row(&d->train_by_item, r).n;
        dg_sum_int64(c, count, (int)n);
        if (c->rank == 0) st = rank_popular(count, n, order, &err);
        st = dg_agree(c, st, &err);
    }
    if (st == DG_OK) {
        dg_writer_small(w, "popularity/count", DG_I64, n, 1, count);
        dg_writer_small(w, "popularity/order", DG_I32, n, 1, order);
    } else {
        dg_writer_fail(w, st, &err);
    }
    dg_free(count);
    dg_free(order);
}

/* What the artifact says of itself, beside its arrays. */
typedef struct dg_card {
    char *config;  /* effective name, model and export sections */
    char *weights; /* of kinds of event, "view=1,buy=8"; "" for none */
    char *duplicates;
    int64_t newest; /* time of the newest event; INT64_MIN where the data has no times */
    char *metrics;  /* one line of JSON, or NULL */
    char *about;    /* the model card */
    char inputs[DG_HEX_SIZE];
    dg_rounding factors; /* of a model of factors */
} dg_card;

static dg_status write_artifact(dg_work *work, const dg_card *card, const char *path,
                                char content[DG_HEX_SIZE], dg_err *err)
{
    const dg_comm *c = work->comm;
    dg_dataset *d = &work->data;
    dg_writer *w = NULL;
    const dg_status st = dg_writer_create(c, path, format, ARTIFACT_VERSION, &w, err);
    if (st != DG_OK) return st;
    int64_t titles = d->item_title.n;
    dg_max_int64(c, &titles, 1);
    dg_writer_text(w, "inputs", card->inputs);
    dg_writer_text(w, "name", work->job->name);
    dg_writer_text(w, "algorithm", work->class->name);
    dg_writer_text(w, "dataset", d->content);
    dg_writer_text(w, "model", work->model_content);
    dg_writer_text(w, "config", card->config);
    dg_writer_int(w, "n_users", d->users.begin[d->users.n]);
    dg_writer_int(w, "n_items", d->items.begin[d->items.n]);
    if (work->class->rates) {
        dg_writer_real(w, "clip_min", d->value_min);
        dg_writer_real(w, "clip_max", d->value_max);
    }
    if (card->metrics != NULL) dg_writer_text(w, "metrics", card->metrics);
    dg_writer_text(w, "card", card->about);
    if (card->weights[0] != '\0') dg_writer_text(w, "event_weights", card->weights);
    dg_writer_text(w, "duplicates", card->duplicates);
    if (card->newest != INT64_MIN) dg_writer_int(w, "newest", card->newest);
    if (work->class->factors != NULL) dg_rounding_write(work, &card->factors, w);
    work->class->export(work->model, w);
    write_ids(c, w, "ids/user", &d->users, &d->user_id);
    write_ids(c, w, "ids/item", &d->items, &d->item_id);
    if (titles > 0) dg_writer_strings(w, "titles/item", &d->items, &d->item_title);
    dg_attribute_columns_write(c, w, "attributes/item", &d->items, &d->item_attributes);
    dg_attribute_columns_write(c, w, "attributes/user", &d->users, &d->user_attributes);
    write_history(c, w, d);
    write_popularity(c, w, d);
    dg_segments_write(c, w, work->job, d);
    return dg_writer_commit(&w, content, err);
}

static dg_status export_if_needed(dg_work *w, dg_card *card, char content[DG_HEX_SIZE], dg_err *err)
{
    char path[DG_WORK_PATH];
    dg_status st =
        dg_work_is_current(w, "artifact.h5", format, ARTIFACT_VERSION, card->inputs, content, err);
    if (st != DG_OK || content[0] != '\0') return st;
    if (w->class->factors != NULL) st = dg_rounding_make(w, &card->factors, err);
    if (st == DG_OK)
        st = write_artifact(w, card, dg_work_path(w, "artifact.h5", path), content, err);
    return st;
}

/* Rank 0. Who signs decides nothing about what is in the file, so a current one is signed as it is.
 */
static dg_status sign_file(const dg_work *w, dg_err *err)
{
    char path[DG_WORK_PATH];
    dg_key key;
    dg_status st = dg_key_read(w->job->export.sign, DG_KEY_SIGN, &key, err);
    if (st == DG_OK) st = dg_seal_sign(dg_work_path(w, "artifact.h5", path), &key, err);
    dg_key_wipe(&key);
    return st;
}

/* COLLECTIVE. */
static dg_status make_card(dg_work *w, dg_card *card, dg_err *err)
{
    static const char *const sections[] = {"name", "model", "export", NULL};
    dg_status st = dg_stage_metrics(w, &card->metrics, err);
    if (st != DG_OK) return st;
    st = dg_job_show(w->job, sections, &card->config, err);
    if (st == DG_OK) st = dg_job_show_key(w->job, "prepare.event_weights", &card->weights, err);
    if (st == DG_OK) st = dg_job_show_key(w->job, "prepare.duplicates", &card->duplicates, err);
    if (st == DG_OK) st = dg_model_card(w, &card->about, &card->newest, err);
    if (st == DG_OK)
        st = dg_work_inputs(card->inputs, err, w->model_content, w->data.content, card->config,
                            card->metrics == NULL ? "" : card->metrics, NULL);
    return dg_agree(w->comm, st, err);
}

dg_status dg_stage_export(dg_work *w, dg_err *err)
{
    const double started = dg_now();
    char content[DG_HEX_SIZE] = "";
    dg_card card = {.inputs = ""};
    dg_pulse_stage("export");
    dg_status st = dg_work_model(w, err);
    if (st == DG_OK) st = dg_agree(w->comm, dg_segments_check(w->job, &w->data, err), err);
    if (st == DG_OK && w->class->factors == NULL && w->job->export.precision != DG_JOB_F32)
        return DG_FAIL(err, DG_ERR_CONFIG, "export.precision: models of %s are written in f32 only",
                       w->class->name);
    if (st == DG_OK) st = make_card(w, &card, err);
    if (st == DG_OK) st = export_if_needed(w, &card, content, err);
    if (st == DG_OK && w->job->export.sign[0] != '\0')
        st = dg_agree(w->comm, w->comm->rank == 0 ? sign_file(w, err) : DG_OK, err);
    dg_free(card.config);
    dg_free(card.weights);
    dg_free(card.duplicates);
    dg_free(card.metrics);
    dg_free(card.about);
    dg_rounding_free(&card.factors);
    if (st == DG_OK)
        dg_work_record(w, "export", started,
                       w->comm->rank == 0 ? json_pack("{s:s}", "content_digest", content) : NULL);
    return st;
}
