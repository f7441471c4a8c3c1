#include "models/neighbors/knn.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "ingest/transpose.h"
#include "models/neighbors/state.h"
#include "store/sparse.h"

#include <math.h>
#include <string.h>

static const dg_shards *compared(const dg_model *m)
{
    return m->users ? &m->data->users : &m->data->items;
}

static void destroy(dg_model **m)
{
    if (*m == NULL) return;
    dg_csr_free(&(*m)->lists);
    dg_baseline_free(&(*m)->baseline);
    dg_node_csr_destroy(&(*m)->all);
    dg_free(*m);
    *m = NULL;
}

static dg_status create(const dg_comm *c, const dg_dataset *data, const dg_knn_options *o,
                        uint64_t seed, bool users, dg_model **out, dg_err *err)
{
    dg_model *m = *out = dg_alloc(1, sizeof *m);
    dg_status st = m == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a model") : DG_OK;
    if (st == DG_OK) {
        *m = (dg_model){.comm = c, .data = data, .options = o, .seed = seed, .users = users};
        m->rule = (dg_tally_rule){.norm = o->prediction, .k = o->k, .min_k = o->min_k};
        const dg_range own = dg_shards_rows(compared(m), c->rank, c->size);
        st = dg_csr_create(own.begin, own.end, 0, &m->lists, err);
    }
    st = dg_agree(c, st, err);
    if (st == DG_OK) st = dg_baseline_create(c, data, o->center, o->damping, &m->baseline, err);
    if (st != DG_OK) {
        destroy(out);
        return st;
    }
    if (o->prediction != DG_TALLY_SUM && o->center == DG_CENTER_NONE)
        m->rule.fallback = (float)m->baseline.mean;
    return DG_OK;
}

static dg_status create_items(const dg_comm *c, const dg_dataset *data, const void *options,
                              uint64_t seed, dg_model **out, dg_err *err)
{
    return create(c, data, options, seed, false, out, err);
}

static dg_status create_users(const dg_comm *c, const dg_dataset *data, const void *options,
                              uint64_t seed, dg_model **out, dg_err *err)
{
    return create(c, data, options, seed, true, out, err);
}

/* One: all lists are found at once. */
static int64_t sweeps(const void *options)
{
    (void)options;
    return 1;
}

/* ---- user-knn with held-out users: they get neighbours, but are nobody's ---- */

/* A row of each, merged; no column is in both. */
static int64_t merge_rows(dg_row a, dg_row b, int32_t *index, float *value)
{
    int64_t n = 0, i = 0, j = 0;
    while (i < a.n || j < b.n) {
        const bool from_a = j == b.n || (i < a.n && a.index[i] < b.index[j]);
        index[n] = from_a ? a.index[i] : b.index[j];
        value[n++] = from_a ? a.value[i++] : b.value[j++];
    }
    return n;
}

static dg_status merge(const dg_csr *a, const dg_csr *b, dg_csr *out, dg_err *err)
{
    const dg_status st =
        dg_csr_create(a->begin, a->end, dg_csr_count(a) + dg_csr_count(b), out, err);
    if (st != DG_OK) return st;
    for (int64_t r = a->begin; r < a->end; r++) {
        int64_t *ptr = out->ptr + (r - a->begin);
        ptr[1] = ptr[0] + merge_rows(dg_csr_row(a, r), dg_csr_row(b, r), out->index + ptr[0],
                                     out->value + ptr[0]);
    }
    return DG_OK;
}

/* Who has training ratings; the same on every rank. COLLECTIVE. */
static dg_status find_trained(const dg_model *m, bool **out, dg_err *err)
{
    const dg_csr *train = &m->data->train;
    const int64_t n = m->data->users.begin[m->data->users.n];
    int64_t *counted = dg_alloc((size_t)n, sizeof *counted);
    *out = dg_alloc((size_t)n, sizeof **out);
    dg_status st = counted == NULL || *out == NULL
                       ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for users")
                       : DG_OK;
    st = dg_agree(m->comm, st, err);
    if (st == DG_OK) {
        for (int64_t u = train->begin; u < train->end; u++) counted[u] = dg_csr_row(train, u).n;
        dg_max_int64(m->comm, counted, (int)n);
        for (int64_t u = 0; u < n; u++) (*out)[u] = counted[u] > 0;
    }
    dg_free(counted);
    return st;
}

static dg_status compare_with_held_out(dg_model *m, dg_csr *lists, dg_similarity_report *report,
                                       dg_err *err)
{
    const dg_dataset *d = m->data;
    dg_csr shown = {0}, rows = {0};
    bool *trained = NULL;
    dg_status st = find_trained(m, &trained, err);
    if (st == DG_OK) st = dg_transpose(m->comm, &d->fold_in, &d->items, 0, &shown, err);
    if (st == DG_OK) st = dg_agree(m->comm, merge(&d->train_by_item, &shown, &rows, err), err);
    dg_csr_free(&shown);
    if (st == DG_OK)
        st = dg_similarity(m->comm, &rows, &d->users, trained, &m->options->similarity, m->seed,
                           lists, report, err);
    dg_csr_free(&rows);
    dg_free(trained);
    return st;
}

static void say(const dg_model *m, const dg_similarity_report *r)
{
    char products[32], rows[32], cut[32];
    const char *what = m->users ? "users" : "items";
    dg_log(DG_LOG_INFO, "similarity",
           "%s products of ratings of %s, in %lld tiles, %lld of them sparse%s",
           dg_show_count(r->products, products, sizeof products), what, (long long)r->tiles,
           (long long)r->sparse_tiles, r->exact ? "; all sums exact" : "");
    if (!r->exact)
        dg_log(DG_LOG_INFO, "rounding",
               "what is summed was rounded by at most %.1e of its largest value", r->rounding);
    if (r->capped_rows > 0)
        dg_log(DG_LOG_WARN, "max_history",
               "%s long histories were cut to %lld ratings: %s are not compared",
               dg_show_count(r->capped_rows, rows, sizeof rows),
               (long long)m->options->similarity.max_history,
               dg_show_count(r->cut_entries, cut, sizeof cut));
    if (r->deviation > 0)
        dg_log(DG_LOG_INFO, "dimsum",
               "dimsum keeps %.1f %% of the ratings; a similarity of %g between two sampled %s has "
               "a relative standard error of at most %.1f %%",
               100 * (double)r->kept_entries / fmax(1, (double)r->entries),
               m->options->similarity.threshold, what, 100 * r->deviation);
}

static dg_status sweep(dg_model *m, dg_loss *loss, dg_err *err)
{
    const dg_dataset *d = m->data;
    dg_similarity_report report;
    dg_csr lists = {0};
    *loss = (dg_loss){0};
    const dg_status st =
        m->users && d->n_fold_in > 0
            ? compare_with_held_out(m, &lists, &report, err)
            : dg_similarity(m->comm, m->users ? &d->train_by_item : &d->train, compared(m), NULL,
                            &m->options->similarity, m->seed, &lists, &report, err);
    if (st != DG_OK) return st;
    say(m, &report);
    dg_csr_free(&m->lists);
    m->lists = lists;
    return DG_OK;
}

static const char *place_of(const dg_model *m)
{
    return m->users ? "similar/user" : "similar/item";
}

static void save(const dg_model *m, dg_writer *w)
{
    dg_sparse_write(m->comm, w, place_of(m), compared(m), &m->lists);
}

static dg_status check(const dg_model *m, const dg_container *f, const dg_csr *lists, dg_err *err)
{
    for (int64_t r = lists->begin; r < lists->end; r++) {
        const dg_row row = dg_csr_row(lists, r);
        for (int64_t k = 0; k < row.n; k++)
            if (!isfinite(row.value[k]) || row.index[k] == r)
                return DG_FAIL(err, DG_ERR_DATA, "%s: %s: row %lld is not a list of neighbours",
                               dg_container_path(f), place_of(m), (long long)r);
    }
    return DG_OK;
}

static dg_status load(dg_model *m, const dg_container *f, dg_err *err)
{
    const dg_shards *shards = compared(m);
    const int64_t n = shards->begin[shards->n];
    char path[32];
    dg_csr lists = {0};
    dg_array_info info = {0};
    snprintf(path, sizeof path, "%s/ptr", place_of(m));
    dg_status st = dg_container_info(f, path, &info, err);
    if (st == DG_OK && (info.n_rows != n + 1 || info.n_shards != shards->n))
        st = DG_FAIL(err, DG_ERR_DATA, "%s: %s has %lld rows, the job needs %lld",
                     dg_container_path(f), place_of(m), (long long)info.n_rows - 1, (long long)n);
    if (st == DG_OK) st = dg_sparse_load(m->comm, f, place_of(m), shards, n, &lists, err);
    if (st == DG_OK) st = check(m, f, &lists, err);
    st = dg_agree(m->comm, st, err);
    if (st == DG_OK) {
        dg_csr_free(&m->lists);
        m->lists = lists;
    } else {
        dg_csr_free(&lists);
    }
    return st;
}

const dg_model_class dg_item_knn_class = {
    .name = "item-knn",
    .summary = "goods like those the user has: similarities of items, for ratings or ranking",
    .option = dg_knn__options,
    .options_size = sizeof(dg_knn_options),
    .n_options = DG_KNN_N,
    .settle = dg_knn__settle,
    .sweeps = sweeps,
    .create = create_items,
    .sweep = sweep,
    .save = save,
    .load = load,
    .scorer = dg_knn__scorer,
    .export = dg_knn__export,
    .destroy = destroy,
};

const dg_model_class dg_user_knn_class = {
    .name = "user-knn",
    .summary = "what users like this one have: similarities of users, for ratings or ranking",
    .option = dg_knn__options,
    .options_size = sizeof(dg_knn_options),
    .n_options = DG_KNN_N,
    .settle = dg_knn__settle,
    .sweeps = sweeps,
    .create = create_users,
    .sweep = sweep,
    .save = save,
    .load = load,
    .scorer = dg_knn__scorer,
    .export = dg_knn__export,
    .destroy = destroy,
};
