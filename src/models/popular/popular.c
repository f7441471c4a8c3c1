#include "models/popular/popular.h"

#include "base/memory.h"
#include "comm/matrix.h"

#include <math.h>
#include <string.h>

typedef enum dg_popular_weigh { DG_POPULAR_COUNT, DG_POPULAR_SUM } dg_popular_weigh;

typedef struct dg_popular_options {
    int weigh; /* dg_popular_weigh */
} dg_popular_options;

struct dg_model {
    const dg_comm *comm;
    const dg_dataset *data;
    const dg_popular_options *options;
    dg_matrix score; /* (n_items, 1), all of it on every node */
};

static const char *const weighs[] = {"count", "sum", NULL};

static const dg_option options_table[] = {
    {.key = "model.weigh",
     .type = DG_OPT_CHOICE,
     .offset = offsetof(dg_popular_options, weigh),
     .fallback = "count",
     .choices = weighs,
     .help = "count: by users; sum: by values, after event weights and decay"},
};

static int64_t sweeps(const void *options)
{
    (void)options;
    return 1;
}

static void destroy(dg_model **m)
{
    if (*m == NULL) return;
    dg_matrix_destroy(&(*m)->score);
    dg_free(*m);
    *m = NULL;
}

static dg_status create(const dg_comm *c, const dg_dataset *data, const void *options,
                        uint64_t seed, dg_model **out, dg_err *err)
{
    (void)seed;
    dg_model *m = *out = dg_alloc(1, sizeof *m);
    dg_status st = m == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a model") : DG_OK;
    st = dg_agree(c, st, err);
    if (st == DG_OK) {
        *m = (dg_model){.comm = c, .data = data, .options = options};
        st = dg_matrix_create(c, &data->items, 1, &m->score, err);
    }
    if (st != DG_OK) destroy(out);
    return st;
}

static double popularity(const dg_model *m, dg_row users)
{
    double sum = 0;
    if (m->options->weigh == DG_POPULAR_COUNT) return (double)users.n;
    for (int64_t k = 0; k < users.n; k++) sum += (double)users.value[k];
    return sum;
}

static dg_status sweep(dg_model *m, dg_loss *loss, dg_err *err)
{
    dg_status st = DG_OK;
    *loss = (dg_loss){0};
    for (int64_t i = m->score.own.begin; i < m->score.own.end && st == DG_OK; i++) {
        const float score = (float)popularity(m, dg_csr_row(&m->data->train_by_item, i));
        if (!isfinite(score))
            st = DG_FAIL(err, DG_ERR_NUMERIC, "item row %lld: its popularity is not finite",
                         (long long)i);
        *dg_matrix_row(&m->score, i) = score;
    }
    st = dg_agree(m->comm, st, err);
    if (st == DG_OK) dg_matrix_share(&m->score);
    return st;
}

/* ---- files ---- */

/* One value a row, cut over shards: own rows of items as they are, or 1 for each own user. */
static void write_column(const dg_comm *c, dg_writer *w, const char *array, const dg_shards *s,
                         const float *own)
{
    const dg_run run = dg_shards_run(s->n, c->rank, c->size);
    const int64_t first = s->begin[run.begin], n = s->begin[run.end] - first;
    int64_t *rows = dg_alloc((size_t)(run.end - run.begin), sizeof *rows);
    float *ones = dg_alloc(own == NULL ? (size_t)n : 0, sizeof *ones);
    dg_err err = {.text = ""};
    dg_status st = rows == NULL || ones == NULL
                       ? DG_FAIL(&err, DG_ERR_NOMEM, "out of memory writing popularity")
                       : DG_OK;
    st = dg_agree(c, st, &err);
    if (st == DG_OK) {
        for (int k = run.begin; k < run.end; k++)
            rows[k - run.begin] = s->begin[k + 1] - s->begin[k];
        for (int64_t r = 0; own == NULL && r < n; r++) ones[r] = 1;
        dg_writer_array(w, array, &(dg_piece){DG_F32, 1, s->n, rows, own == NULL ? ones : own});
    } else {
        dg_writer_fail(w, st, &err);
    }
    dg_free(rows);
    dg_free(ones);
}

static void save(const dg_model *m, dg_writer *w)
{
    write_column(m->comm, w, "popularity/score", &m->data->items,
                 dg_matrix_row(&m->score, m->score.own.begin));
}

static dg_status load(dg_model *m, const dg_container *f, dg_err *err)
{
    const int64_t n = m->score.own.end - m->score.own.begin;
    const dg_run run = dg_shards_run(m->data->items.n, m->comm->rank, m->comm->size);
    dg_array_info info;
    int64_t begin, n_rows;
    void *own = NULL;
    dg_status st = dg_container_info(f, "popularity/score", &info, err);
    if (st == DG_OK && info.n_rows != m->score.n_rows)
        st = DG_FAIL(err, DG_ERR_DATA, "%s: popularity/score has %lld rows, not %lld",
                     dg_container_path(f), (long long)info.n_rows, (long long)m->score.n_rows);
    if (st == DG_OK)
        st = dg_container_read(f, "popularity/score", DG_F32, run.begin, run.end, &own, &begin,
                               &n_rows, err);
    if (st == DG_OK && (begin != m->score.own.begin || n_rows != n))
        st = DG_FAIL(err, DG_ERR_DATA, "%s: popularity/score is cut into other shards",
                     dg_container_path(f));
    st = dg_agree(m->comm, st, err);
    for (int64_t r = 0; r < n && st == DG_OK; r++)
        *dg_matrix_row(&m->score, m->score.own.begin + r) = ((float *)own)[r];
    dg_free(own);
    if (st == DG_OK) dg_matrix_share(&m->score);
    return st;
}

static void export(dg_model *m, dg_writer *w)
{
    dg_writer_int(w, "n_cols", 1);
    dg_writer_int(w, "similar_cols", 0);
    dg_writer_real(w, "offset", 0);
    write_column(m->comm, w, "factors/user", &m->data->users, NULL);
    write_column(m->comm, w, "factors/item", &m->data->items,
                 dg_matrix_row(&m->score, m->score.own.begin));
}

/* ---- scoring ---- */

typedef struct state {
    const dg_model *model;
    int n; /* users loaded */
} state;

static dg_status load_users(void *self, const int64_t *user, int n, dg_err *err)
{
    (void)user, (void)err;
    ((state *)self)->n = n;
    return DG_OK;
}

static void score(void *self, int64_t begin, int64_t end, float *out)
{
    const state *s = self;
    const size_t bytes = (size_t)(end - begin) * sizeof *out;
    for (int i = 0; i < s->n; i++)
        memcpy(out + i * (end - begin), dg_matrix_row(&s->model->score, begin), bytes);
}

static void score_row(void *self, int i, float *out)
{
    const state *s = self;
    (void)i;
    memcpy(out, s->model->score.at, (size_t)s->model->score.n_rows * sizeof *out);
}

static float score_one(void *self, int i, int64_t item)
{
    (void)i;
    return *dg_matrix_row(&((state *)self)->model->score, item);
}

static void destroy_scorer(dg_scorer *s)
{
    dg_free(s->self);
    s->self = NULL;
}

static dg_status scorer(dg_model *m, dg_scorer *out, dg_err *err)
{
    state *s = dg_alloc(1, sizeof *s);
    *out = (dg_scorer){.self = s,
                       .n_items = m->score.n_rows,
                       .load = load_users,
                       .score = score,
                       .score_row = score_row,
                       .score_one = score_one,
                       .destroy = destroy_scorer};
    if (s != NULL) s->model = m;
    const dg_status st = dg_agree(
        m->comm, s == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for scoring") : DG_OK, err);
    if (st != DG_OK) destroy_scorer(out);
    return st;
}

const dg_model_class dg_popular_class = {
    .name = "popular",
    .summary = "the same goods for everybody, most chosen first",
    .option = options_table,
    .options_size = sizeof(dg_popular_options),
    .n_options = sizeof options_table / sizeof *options_table,
    .sweeps = sweeps,
    .create = create,
    .sweep = sweep,
    .save = save,
    .load = load,
    .scorer = scorer,
    .export = export,
    .destroy = destroy,
};
