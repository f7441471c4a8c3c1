#include "models/als/als.h"

#include "base/memory.h"
#include "base/rng.h"
#include "base/spent.h"
#include "comm/tree.h"
#include "dense/panel.h"
#include "models/als/basis.h"
#include "models/als/blocks.h"
#include "models/als/exchange.h"
#include "models/als/gram.h"
#include "models/als/rows.h"
#include "store/sparse.h"

#include <math.h>
#include <string.h>

struct dg_model {
    const dg_comm *comm;
    const dg_dataset *data;
    const dg_als_options *options;
    int d;           /* columns of a row: factors, and the bias */
    dg_matrix users; /* (n_users, d) */
    dg_matrix items; /* (n_items, d) */
    dg_nodes nodes;
    dg_als_exchange for_users, for_items; /* what reaches those who solve users, or items */
    dg_als_table from_users, from_items;  /* as the other side's rows are solved from them */
    double mean;                          /* global mean of the training ratings */
    double *gram;          /* (d, d) of the side last asked for; not kept up to date */
    double *other;         /* (d, d) second Gram, for the loss */
    float *base;           /* (d, d) unobserved_weight * Gram of the features, for row solves */
    dg_als_basis basis;    /* of the factor columns; k == 0 where the solver needs none */
    float *diagonal;       /* (d,) what rows share in that basis */
    float *average;        /* (d,) see rows.h */
    dg_als_blocks *blocks; /* of solver ialspp, else NULL */
};

static bool has_base(const dg_model *m) { return m->options->law.loss != DG_ALS_RATINGS; }

static bool has_basis(const dg_model *m) { return m->basis.k > 0; }

/* Entries N(0, sigma*^2 / d), a pure function of seed and row; biases start at 0. */
static void start_items(dg_model *m, uint64_t seed)
{
    const int64_t n_factors = m->options->n_factors;
    const double std = m->options->init_std / sqrt((double)n_factors);
    for (int64_t r = m->items.own.begin; r < m->items.own.end; r++) {
        dg_rng rng = dg_rng_at(seed, DG_RNG_INIT_ITEM, (uint64_t)r);
        float *row = dg_matrix_row(&m->items, r);
        for (int64_t k = 0; k < n_factors; k++) row[k] = (float)(std * dg_rng_normal(&rng));
    }
}

/* Mean of all training values, summed in the shards' fixed order. */
static dg_status find_mean(dg_model *m, dg_err *err)
{
    const dg_dataset *d = m->data;
    dg_tree *tree = NULL;
    double sum = 0;
    dg_status st = dg_agree(m->comm, dg_tree_create(m->comm, d->users.n, 1, &tree, err), err);
    const dg_run run = dg_shards_run(d->users.n, m->comm->rank, m->comm->size);
    for (int s = run.begin; s < run.end && st == DG_OK; s++) {
        double *leaf = dg_tree_leaf(tree);
        const int64_t first = d->train.ptr[d->users.begin[s] - d->train.begin];
        const int64_t end = d->train.ptr[d->users.begin[s + 1] - d->train.begin];
        for (int64_t k = first; k < end; k++) *leaf += d->train.value[k];
        dg_tree_push(tree);
    }
    if (st == DG_OK) dg_tree_sum(tree, &sum);
    dg_tree_destroy(&tree);
    m->mean = d->n_train > 0 ? sum / (double)d->n_train : 0;
    return st;
}

static dg_status allocate(dg_model *m, dg_err *err)
{
    const size_t square = (size_t)m->d * (size_t)m->d;
    if (dg_als_wants_basis(m->options)) {
        const dg_status st = dg_als_basis_create((int)m->options->n_factors, &m->basis, err);
        if (st != DG_OK) return st;
        m->diagonal = dg_alloc((size_t)m->d, sizeof *m->diagonal);
        m->average = dg_alloc((size_t)m->d, sizeof *m->average);
        if (m->diagonal == NULL || m->average == NULL)
            return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for %d factors", m->d);
    }
    if (!has_base(m)) return DG_OK;
    m->gram = dg_alloc(square, sizeof *m->gram);
    m->other = dg_alloc(square, sizeof *m->other);
    m->base = dg_alloc(square, sizeof *m->base);
    if (m->gram != NULL && m->other != NULL && m->base != NULL) return DG_OK;
    return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for %d factors", m->d);
}

static void destroy(dg_model **m)
{
    if (*m == NULL) return;
    dg_als_blocks_destroy(&(*m)->blocks);
    dg_als_table_destroy(&(*m)->from_users);
    dg_als_table_destroy(&(*m)->from_items);
    dg_als_exchange_destroy(&(*m)->for_users);
    dg_als_exchange_destroy(&(*m)->for_items);
    dg_nodes_close(&(*m)->nodes);
    dg_matrix_destroy(&(*m)->users);
    dg_matrix_destroy(&(*m)->items);
    dg_free((*m)->gram);
    dg_free((*m)->other);
    dg_free((*m)->base);
    dg_als_basis_free(&(*m)->basis);
    dg_free((*m)->diagonal);
    dg_free((*m)->average);
    dg_free(*m);
    *m = NULL;
}

/* What solving the users, or the items, reads; without what their rows share. */
static dg_als_side side_of(const dg_model *m, bool users)
{
    const dg_als_options *o = m->options;
    return (dg_als_side){.options = o,
                         .features = dg_als_table_read(users ? &m->from_items : &m->from_users),
                         .long_rows = (users ? &m->for_users : &m->for_items)->long_rows,
                         .observes = !users, /* once a sweep, after its last half */
                         .reg = users ? o->reg_user : o->reg_item,
                         .mean = m->mean,
                         .biases = o->law.loss == DG_ALS_RATINGS && o->biases};
}

static dg_status create_blocks(dg_model *m, dg_err *err)
{
    const dg_dataset *d = m->data;
    const dg_als_blocks_half half[2] = {
        {side_of(m, true), &d->users, &d->train, &m->users},
        {side_of(m, false), &d->items, &d->train_by_item, &m->items}};
    return dg_als_blocks_create(m->comm, half, &m->blocks, err);
}

/* Solving block by block has panels of its own, and reads no user's row but the own ones. */
static dg_status open_side_of_blocks(dg_model *m, bool users, dg_err *err)
{
    const dg_shards *own = users ? &m->data->users : &m->data->items;
    dg_matrix *factors = users ? &m->users : &m->items;
    const dg_status st = users ? dg_matrix_create_own(m->comm, own, m->d, factors, err)
                               : dg_matrix_create(m->comm, own, m->d, factors, err);
    if (st != DG_OK) return st;
    return dg_als_table_create(m->comm, own, factors, false, NULL,
                               users ? &m->from_users : &m->from_items, err);
}

/* One side's factors, and how they get to those who solve the other side from them. */
static dg_status open_side(dg_model *m, bool users, dg_err *err)
{
    const dg_dataset *data = m->data;
    if (m->options->solver == DG_ALS_IALSPP) return open_side_of_blocks(m, users, err);
    const dg_shards *own = users ? &data->users : &data->items;
    const dg_shards *other = users ? &data->items : &data->users;
    const bool half = dg_als_wants_half(m->options, own->begin[own->n], m->d);
    const dg_als_half readers = {.options = m->options,
                                 .d = m->d,
                                 .solved = other,
                                 .other = own,
                                 .ratings = users ? &data->train_by_item : &data->train,
                                 .by_other = users ? &data->train : &data->train_by_item};
    dg_als_exchange *x = users ? &m->for_items : &m->for_users;
    dg_matrix *factors = users ? &m->users : &m->items;
    dg_status st = dg_als_exchange_create(&m->nodes, &readers, dg_als_table_columns(m->d, half),
                                          users, x, err);
    if (st != DG_OK) return st;
    dg_als_exchange_tell(x, users ? "user factors" : "item factors");
    st = x->rows == NULL ? dg_matrix_create(m->comm, own, m->d, factors, err)
                         : dg_matrix_create_own(m->comm, own, m->d, factors, err);
    if (st != DG_OK) return st;
    return dg_als_table_create(m->comm, own, factors, half, x->rows,
                               users ? &m->from_users : &m->from_items, err);
}

static dg_status create(const dg_comm *c, const dg_dataset *data, const void *options,
                        uint64_t seed, dg_model **out, dg_err *err)
{
    const dg_als_options *o = options;
    dg_model *m = *out = dg_alloc(1, sizeof *m);
    dg_status st = m == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a model") : DG_OK;
    if (st == DG_OK) {
        *m = (dg_model){.comm = c, .data = data, .options = o};
        m->d = (int)o->n_factors + (o->law.loss == DG_ALS_RATINGS && o->biases);
        st = allocate(m, err);
    }
    st = dg_agree(c, st, err);
    if (st == DG_OK) st = dg_nodes_open(c, &m->nodes, err);
    if (st == DG_OK) st = open_side(m, true, err);
    if (st == DG_OK) st = open_side(m, false, err);
    if (st == DG_OK && o->law.loss == DG_ALS_RATINGS) st = find_mean(m, err);
    if (st == DG_OK && o->solver == DG_ALS_IALSPP) st = create_blocks(m, err);
    if (st == DG_OK)
        start_items(m, seed);
    else
        destroy(out);
    return st;
}

static int64_t sweeps(const void *options) { return ((const dg_als_options *)options)->iterations; }

/* What exact solves share: alpha0 times the Gram of the other side's factors. COLLECTIVE. */
static dg_status refresh_base(dg_model *m, bool users, dg_als_side *out, dg_err *err)
{
    const dg_dataset *d = m->data;
    const dg_matrix *factors = users ? &m->items : &m->users;
    if (!has_base(m)) return DG_OK;
    const dg_status st =
        dg_als_gram(m->comm, users ? &d->items : &d->users, factors, m->d, NULL, m->gram, err);
    const int64_t n_own = factors->own.end - factors->own.begin;
    dg_spent_lap(DG_PHASE_SHARED, n_own, n_own * m->d * (m->d + 1), 0);
    if (st != DG_OK) return st;
    for (size_t k = 0; k < (size_t)m->d * (size_t)m->d; k++)
        m->base[k] = (float)(m->options->law.unobserved_weight * m->gram[k]);
    out->base = m->base;
    return DG_OK;
}

/* For exact solves: publishes the features and refreshes the Gram base. COLLECTIVE. */
static dg_status prepare_exact(dg_model *m, bool users, dg_als_side *out, dg_err *err)
{
    dg_als_table *table = users ? &m->from_items : &m->from_users;
    dg_als_table_publish(m->comm, table);
    *out = side_of(m, users);
    out->half = dg_als_table_half(table);
    out->unscale = table->unscale;
    dg_spent_lap(DG_PHASE_EXCHANGE, table->factors->own.end - table->factors->own.begin, 0, 0);
    return refresh_base(m, users, out, err);
}

/* For CG: turns both sides into the features' eigenbasis and publishes the features. COLLECTIVE. */
static dg_status prepare_in_basis(dg_model *m, bool users, dg_als_side *out, dg_err *err)
{
    const dg_dataset *d = m->data;
    dg_als_table *table = users ? &m->from_items : &m->from_users;
    const dg_status st =
        dg_als_basis_enter(m->comm, &m->basis, users ? &d->items : &d->users, table,
                           users ? &d->train_by_item : &d->train, !has_base(m),
                           users ? &d->users : &d->items, users ? &m->users : &m->items, err);
    if (st != DG_OK) return st;
    for (int k = 0; k < m->d; k++) {
        const bool factor = k < m->basis.k; /* a bias is a feature of 1 for everybody */
        const double value = factor ? m->basis.value[k] : 0;
        m->diagonal[k] = (float)(m->options->law.unobserved_weight * fmax(value, 0));
        m->average[k] = factor ? m->basis.average[k] : 1;
    }
    *out = side_of(m, users);
    out->half = dg_als_table_half(table);
    out->unscale = table->unscale;
    out->diagonal = m->diagonal;
    out->average = m->average;
    return DG_OK;
}

/* Solve one side's rows. COLLECTIVE. */
static dg_status half_sweep(dg_model *m, bool users, dg_als_row_loss *loss, dg_err *err)
{
    const dg_dataset *d = m->data;
    dg_als_side side;
    const dg_status st =
        has_basis(m) ? prepare_in_basis(m, users, &side, err) : prepare_exact(m, users, &side, err);
    if (st != DG_OK) return st;
    return dg_als_solve_side(m->comm, &side, users ? &d->users : &d->items,
                             &(users ? &m->for_users : &m->for_items)->ratings,
                             users ? &m->users : &m->items, loss, users ? "users" : "items", err);
}

static int has_biases(const dg_model *m)
{
    return m->options->law.loss == DG_ALS_RATINGS && m->options->biases;
}

/* Is it a model whose rows mean the same as ours would? */
static dg_status check_warm(const dg_model *m, const dg_artifact *a, dg_err *err)
{
    const bool rates = m->options->law.loss == DG_ALS_RATINGS;
    const int biases = rates && m->options->biases;
    const char *name = rates ? "als" : "ials";
    if (strcmp(a->algorithm, name) != 0)
        return DG_FAIL(err, DG_ERR_CONFIG, "%s: a model of %s cannot start from one of %s", a->path,
                       name, a->algorithm);
    if (a->similar_cols != m->options->n_factors || a->n_cols != m->d + biases)
        return DG_FAIL(err, DG_ERR_CONFIG,
                       "%s: has %d factors in %d columns, this job wants %d in %d", a->path,
                       a->similar_cols, a->n_cols, (int)m->options->n_factors, m->d + biases);
    return DG_OK;
}

/* Known rows out of an artifact, where a bias and a 1 stand behind the factors (see widen). A row
 * that is not finite, or lacks the 1, counts as new. */
static void take_rows(const dg_model *m, const dg_factors *factor, int bias_at, int one_at,
                      int64_t *from, dg_matrix *x)
{
    const size_t n_factors = (size_t)m->options->n_factors;
    const bool biases = (size_t)m->d > n_factors;
    float room[DG_FACTORS_ROOM];
    for (int64_t r = x->own.begin; r < x->own.end; r++) {
        int64_t *row = &from[r - x->own.begin];
        if (*row < 0) continue;
        const float *source = dg_factors_row(factor, *row, room);
        float *to = dg_matrix_row(x, r);
        bool good = !biases || fabsf(source[one_at] - 1) < 0.05f; /* rounded, perhaps */
        for (int k = 0; k < factor->n_cols; k++) good = good && isfinite(source[k]);
        if (!good) {
            *row = -1;
            continue;
        }
        memcpy(to, source, n_factors * sizeof *to);
        if (biases) to[m->d - 1] = source[bias_at];
    }
}

/* New items as their users who are known see them; the others keep their random start. New users
 * are solved first of all in the next sweep anyway. */
static dg_status fold_items(dg_model *m, const int64_t *from, dg_err *err)
{
    dg_als_side side;
    dg_als_workspace *workspace = NULL;
    float *row = dg_alloc((size_t)m->d, sizeof *row);
    dg_status st = row == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a warm start")
                               : dg_als_workspace_create(m->d, &workspace, err);
    st = dg_agree(m->comm, st, err);
    if (st == DG_OK) st = prepare_exact(m, false, &side, err);
    if (st == DG_OK) dg_matrix_await(side.features, dg_matrix_batches(side.features) - 1);
    for (int64_t r = m->items.own.begin; r < m->items.own.end && st == DG_OK; r++) {
        const dg_row users = dg_csr_row(&m->for_items.ratings, r);
        if (from[r - m->items.own.begin] >= 0 || users.n == 0) continue;
        if (dg_als_is_long(side.long_rows, users)) continue; /* its users' rows are elsewhere */
        memset(row, 0, (size_t)m->d * sizeof *row);
        if (!dg_als_solve_row(&side, users, workspace, row, NULL)) continue;
        bool learned = false;
        for (int k = 0; k < m->d; k++) learned = learned || row[k] != 0;
        if (learned) memcpy(dg_matrix_row(&m->items, r), row, (size_t)m->d * sizeof *row);
    }
    dg_als_workspace_destroy(&workspace);
    dg_free(row);
    return dg_agree(m->comm, st, err);
}

static dg_status warm(dg_model *m, const dg_warm *w, dg_err *err)
{
    const dg_status st = dg_agree(m->comm, check_warm(m, w->from, err), err);
    if (st != DG_OK) return st;
    take_rows(m, &w->from->user_factor, m->d, m->d - 1, w->user, &m->users);
    take_rows(m, &w->from->item_factor, m->d - 1, m->d, w->item, &m->items);
    return m->blocks != NULL ? DG_OK : fold_items(m, w->item, err);
}

/* Sum over all pairs of score^2 = <W'W, H'H>. The users' Gram is in m->gram, or diagonal in the
 * basis both sides are in. */
static dg_status sum_squares(dg_model *m, double *squares, dg_err *err)
{
    const dg_status st =
        dg_als_gram(m->comm, &m->data->items, &m->items, m->d, NULL, m->other, err);
    const int64_t n_own = m->items.own.end - m->items.own.begin;
    const size_t d = (size_t)m->d;
    dg_spent_lap(DG_PHASE_SHARED, n_own, n_own * m->d * (m->d + 1), 0);
    if (has_basis(m))
        for (size_t k = 0; k < d; k++) *squares += m->basis.value[k] * m->other[k * d + k];
    else
        for (size_t k = 0; k < d * d; k++) *squares += m->gram[k] * m->other[k];
    return st;
}

static dg_status sweep(dg_model *m, dg_loss *loss, dg_err *err)
{
    dg_als_row_loss of[2]; /* users, items */
    dg_status st;
    double squares = 0;
    dg_spent_mark();
    if (m->blocks != NULL) {
        st = dg_als_blocks_sweep(m->blocks, m->mean, of, &squares, err);
    } else {
        st = half_sweep(m, true, &of[0], err);
        if (st == DG_OK) st = half_sweep(m, false, &of[1], err);
        if (st == DG_OK && has_base(m)) st = sum_squares(m, &squares, err);
    }
    if (st != DG_OK) return st;
    *loss =
        (dg_loss){.observed = of[1].observed,
                  .unobserved = m->options->law.unobserved_weight * squares - of[1].counted_unseen,
                  .regularization = of[0].regularization + of[1].regularization};
    dg_spent_flush();
    return st;
}

/* A side's rows of this rank, (own rows, n_cols). */
static void write_matrix(const dg_model *m, dg_writer *w, const char *array, const dg_shards *s,
                         const dg_matrix *x)
{
    dg_write_rows(m->comm, s, w, array, DG_F32, x->n_cols, dg_matrix_row(x, x->own.begin));
}

static void save(const dg_model *m, dg_writer *w)
{
    dg_writer_int(w, "n_factors", m->options->n_factors);
    dg_writer_int(w, "n_cols", m->d);
    dg_writer_real(w, "mean", m->mean);
    write_matrix(m, w, "factors/user", &m->data->users, &m->users);
    write_matrix(m, w, "factors/item", &m->data->items, &m->items);
}

static dg_status load_matrix(dg_model *m, const dg_container *f, const char *array,
                             const dg_shards *s, dg_matrix *x, dg_err *err)
{
    const dg_run run = dg_shards_run(s->n, m->comm->rank, m->comm->size);
    const int64_t own = x->own.end - x->own.begin;
    dg_array_info info;
    float *rows = NULL;
    int64_t n = 0;
    dg_status st = dg_container_info(f, array, &info, err);
    if (st == DG_OK &&
        (info.n_rows != x->n_rows || info.n_cols != x->n_cols || info.n_shards != s->n))
        st = DG_FAIL(err, DG_ERR_DATA, "%s: %s is %lld x %lld, the job needs %lld x %d",
                     dg_container_path(f), array, (long long)info.n_rows, (long long)info.n_cols,
                     (long long)x->n_rows, x->n_cols);
    if (st == DG_OK)
        st = dg_container_read(f, array, DG_F32, run.begin, run.end, (void **)&rows, NULL, &n, err);
    if (st == DG_OK && n != own)
        st = DG_FAIL(err, DG_ERR_DATA, "%s: %s is cut differently from the dataset",
                     dg_container_path(f), array);
    st = dg_agree(m->comm, st, err);
    if (st == DG_OK && own > 0)
        memcpy(dg_matrix_row(x, x->own.begin), rows,
               (size_t)own * (size_t)x->n_cols * sizeof *rows);
    dg_free(rows);
    return st;
}

static dg_status load(dg_model *m, const dg_container *f, dg_err *err)
{
    dg_status st = dg_container_real(f, "/meta", "mean", &m->mean, err);
    st = dg_agree(m->comm, st, err);
    if (st == DG_OK) st = load_matrix(m, f, "factors/user", &m->data->users, &m->users, err);
    if (st == DG_OK) st = load_matrix(m, f, "factors/item", &m->data->items, &m->items, err);
    return st;
}

typedef struct dg_als_scorer {
    const dg_model *model;
    dg_als_side side; /* for fold-in */
    dg_matrix whole;  /* (n_items, d) on every node, where training does not keep them so */
    const dg_matrix *items;
    dg_als_workspace *workspace;
    const dg_panel_kernels *kernels;
    float *users;  /* (DG_SCORER_TILE, d) loaded rows, made ready for a plain dot product */
    float *start;  /* (DG_SCORER_TILE,) the mean */
    float *finish; /* (DG_SCORER_TILE,) the users' biases */
    int n;         /* users loaded */
} dg_als_scorer;

/* A trained user's row, or the fold-in of a held-out one. */
static bool user_row(dg_als_scorer *s, int64_t user, float *out)
{
    const dg_row history = dg_csr_row(&s->model->data->fold_in, user);
    if (history.n > 0) return dg_als_solve_row(&s->side, history, s->workspace, out, NULL);
    memcpy(out, dg_matrix_row(&s->model->users, user), (size_t)s->model->d * sizeof *out);
    return true;
}

static dg_status load_users(void *self, const int64_t *user, int n, dg_err *err)
{
    dg_als_scorer *s = self;
    const int d = s->model->d;
    s->n = n;
    for (int i = 0; i < n; i++) {
        float *row = s->users + (size_t)i * (size_t)d;
        if (!user_row(s, user[i], row))
            return DG_FAIL(err, DG_ERR_NUMERIC, "user row %lld: its history cannot be folded in",
                           (long long)user[i]);
        s->start[i] = (float)s->model->mean;
        if (!s->side.biases) continue;
        s->finish[i] = row[d - 1];
        row[d - 1] = 1; /* meets the item's bias */
    }
    return DG_OK;
}

static void score_marked(void *self, int64_t begin, int64_t end, const float *threshold, float *out,
                         uint16_t *mark)
{
    const dg_als_scorer *s = self;
    const size_t d = (size_t)s->model->d;
    const dg_queries q = {s->n, s->model->d, d, s->users, s->start, s->finish};
    s->kernels->scores(&q, (int)(end - begin), dg_matrix_row(s->items, begin), d, threshold, out,
                       mark);
}

static void score(void *self, int64_t begin, int64_t end, float *out)
{
    score_marked(self, begin, end, NULL, out, NULL);
}

static float score_one(void *self, int i, int64_t item)
{
    const dg_als_scorer *s = self;
    const int d = s->model->d;
    return s->kernels->score_one(d, s->users + (size_t)i * (size_t)d, dg_matrix_row(s->items, item),
                                 s->start[i]) +
           s->finish[i];
}

static void destroy_scorer(dg_scorer *out)
{
    dg_als_scorer *s = out->self;
    if (s == NULL) return;
    dg_als_workspace_destroy(&s->workspace);
    dg_matrix_destroy(&s->whole);
    dg_free(s->users);
    dg_free(s->start);
    dg_free(s->finish);
    dg_free(s);
    out->self = NULL;
}

/* Scoring looks at all items, fold-in at any. COLLECTIVE. */
static dg_status publish_items(dg_als_scorer *s, dg_model *m, dg_err *err)
{
    const dg_matrix *own = s->items = &m->items;
    s->side = side_of(m, true);
    s->side.long_rows = NULL;
    if (m->for_users.rows != NULL) {
        const dg_status st = dg_matrix_create(m->comm, &m->data->items, m->d, &s->whole, err);
        if (st != DG_OK) return st;
        if (own->own.end > own->own.begin)
            memcpy(dg_matrix_row(&s->whole, own->own.begin), own->at,
                   (size_t)(own->own.end - own->own.begin) * (size_t)m->d * sizeof(float));
        s->items = &s->whole;
    }
    s->side.features = s->items;
    dg_matrix_share(s->items);
    return DG_OK;
}

static dg_status scorer(dg_model *m, dg_scorer *out, dg_err *err)
{
    *out = (dg_scorer){.n_items = m->items.n_rows,
                       .rates = m->options->law.loss == DG_ALS_RATINGS,
                       .clip_min = m->data->value_min,
                       .clip_max = m->data->value_max,
                       .load = load_users,
                       .score = score,
                       .score_marked = score_marked,
                       .score_one = score_one,
                       .destroy = destroy_scorer};
    dg_als_scorer *s = out->self = dg_alloc(1, sizeof *s);
    dg_status st = s == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for scoring") : DG_OK;
    if (st == DG_OK) {
        s->model = m;
        s->kernels = dg_panel();
        s->users = dg_alloc((size_t)DG_SCORER_TILE * (size_t)m->d, sizeof(float));
        s->start = dg_alloc(DG_SCORER_TILE, sizeof(float));
        s->finish = dg_alloc(DG_SCORER_TILE, sizeof(float));
        st = s->users == NULL || s->start == NULL || s->finish == NULL
                 ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for scoring")
                 : dg_als_workspace_create(m->d, &s->workspace, err);
    }
    st = dg_agree(m->comm, st, err);
    if (st == DG_OK) st = publish_items(s, m, err);
    if (st == DG_OK) st = refresh_base(m, true, &s->side, err);
    if (st != DG_OK) destroy_scorer(out);
    return st;
}

/* Own users' rows as scoring sees them: those of held-out users are folded in. COLLECTIVE. */
static dg_status fold_users(dg_model *m, float **out, dg_err *err)
{
    dg_scorer fold;
    dg_status st = scorer(m, &fold, err);
    if (st != DG_OK) return st;
    const int64_t first = m->users.own.begin, n = m->users.own.end - first;
    *out = dg_alloc((size_t)n * (size_t)m->d, sizeof **out);
    if (*out == NULL) st = DG_FAIL(err, DG_ERR_NOMEM, "out of memory exporting factors");
    for (int64_t r = 0; r < n && st == DG_OK; r++)
        if (!user_row(fold.self, first + r, *out + r * m->d))
            st = DG_FAIL(err, DG_ERR_NUMERIC, "user row %lld: its history cannot be folded in",
                         (long long)(first + r));
    fold.destroy(&fold);
    return dg_agree(m->comm, st, err);
}

/* With biases a row becomes [factors, 1, own bias] for users and [factors, own bias, 1] for items,
 * so that serving needs nothing but a dot product and the mean. In this order it adds what scoring
 * here adds, one after another, and comes to the same bits. */
static dg_status widen(const dg_model *m, const float *own, int64_t rows, int bias_at, int one_at,
                       float **out, dg_err *err)
{
    const int d = m->d, biases = has_biases(m);
    *out = dg_alloc((size_t)rows * (size_t)(d + biases), sizeof **out);
    if (*out == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory exporting factors");
    for (int64_t r = 0; r < rows; r++) {
        const float *from = own + r * d;
        float *to = *out + r * (d + biases);
        memcpy(to, from, (size_t)(d - biases) * sizeof *to);
        if (!biases) continue;
        to[bias_at] = from[d - 1];
        to[one_at] = 1;
    }
    return DG_OK;
}

static dg_status factors(dg_model *m, dg_model_factors *out, dg_err *err)
{
    float *folded = NULL;
    *out = (dg_model_factors){.users = &m->data->users,
                              .items = &m->data->items,
                              .n_cols = m->d + has_biases(m),
                              .similar_cols = (int)m->options->n_factors,
                              .offset = m->mean};
    dg_status st = m->data->n_fold_in > 0 ? fold_users(m, &folded, err) : DG_OK;
    if (st == DG_OK) {
        const float *users = dg_matrix_row(&m->users, m->users.own.begin);
        const float *items = dg_matrix_row(&m->items, m->items.own.begin);
        const int64_t n_users = m->users.own.end - m->users.own.begin;
        st = widen(m, folded == NULL ? users : folded, n_users, m->d, m->d - 1, &out->user, err);
        if (st == DG_OK)
            st = widen(m, items, m->items.own.end - m->items.own.begin, m->d - 1, m->d, &out->item,
                       err);
        st = dg_agree(m->comm, st, err);
    }
    dg_free(folded);
    if (st != DG_OK) dg_model_factors_free(out);
    return st;
}

/* Own users' ratings that their rows are solved from. LOCAL. */
static dg_status profiles(const dg_model *m, dg_csr *out, dg_err *err)
{
    const dg_dataset *d = m->data;
    const int64_t first = d->train.begin,
                  most = dg_csr_count(&d->train) + dg_csr_count(&d->fold_in);
    const dg_status st = dg_csr_create(first, d->train.end, most, out, err);
    int64_t n = 0;
    for (int64_t u = first; u < d->train.end && st == DG_OK; u++) {
        const dg_row shown = dg_csr_row(&d->fold_in, u);
        const dg_row row = shown.n > 0 ? shown : dg_csr_row(&d->train, u);
        memcpy(out->index + n, row.index, (size_t)row.n * sizeof *row.index);
        memcpy(out->value + n, row.value, (size_t)row.n * sizeof *row.value);
        n += row.n;
        out->ptr[u - first + 1] = n;
    }
    return st;
}

/* What serving needs to solve users' rows itself. COLLECTIVE. */
static void export(dg_model *m, dg_writer *w)
{
    const dg_als_law *law = &m->options->law;
    const int64_t d = m->d;
    double *gram = NULL;
    dg_csr profile = {0};
    dg_err err = {.text = ""};
    dg_writer_text(w, "fold_loss", dg_als_losses[law->loss]);
    dg_writer_text(w, "fold_confidence", dg_als_confidences[law->confidence]);
    dg_writer_text(w, "fold_compat", dg_als_compats[law->compat]);
    dg_writer_real(w, "fold_unobserved_weight", law->unobserved_weight);
    dg_writer_real(w, "fold_alpha", law->alpha);
    dg_writer_real(w, "fold_epsilon", law->epsilon);
    dg_writer_real(w, "fold_reg", m->options->reg_user);
    dg_writer_real(w, "fold_reg_exponent", law->reg_exponent);
    dg_status st = profiles(m, &profile, &err);
    if (st == DG_OK && has_base(m) && (gram = dg_alloc((size_t)(d * d), sizeof *gram)) == NULL)
        st = DG_FAIL(&err, DG_ERR_NOMEM, "out of memory exporting the Gram matrix");
    st = dg_agree(m->comm, st, &err);
    if (st == DG_OK && has_base(m))
        st = dg_als_gram(m->comm, &m->data->items, &m->items, m->d, NULL, gram, &err);
    if (st == DG_OK) {
        if (has_base(m)) dg_writer_small(w, "fold/gram", DG_F64, d, d, gram);
        dg_sparse_write(m->comm, w, "profile", &m->data->users, &profile);
    } else {
        dg_writer_fail(w, st, &err);
    }
    dg_csr_free(&profile);
    dg_free(gram);
}

static json_t *figures(const dg_model *m)
{
    return json_pack("{s:{s:o, s:o}}", "exchange", "solve_users",
                     dg_als_exchange_figures(&m->for_users), "solve_items",
                     dg_als_exchange_figures(&m->for_items));
}

const dg_model_class dg_ials_class = {
    .name = "ials",
    .summary = "implicit ALS for behaviour: weighs every unseen pair, frequency-scaled lambda",
    .option = dg_als__ials_options,
    .options_size = sizeof(dg_als_options),
    .n_options = DG_ALS_N_IALS,
    .settle = dg_als__settle_ials,
    .sweeps = sweeps,
    .create = create,
    .warm = warm,
    .sweep = sweep,
    .save = save,
    .load = load,
    .scorer = scorer,
    .factors = factors,
    .export = export,
    .figures = figures,
    .destroy = destroy,
};

const dg_model_class dg_als_class = {
    .name = "als",
    .summary = "ALS for ratings: global mean, biases, lambda scaled by counts",
    .option = dg_als__ratings_options,
    .options_size = sizeof(dg_als_options),
    .n_options = DG_ALS_N_RATINGS,
    .rates = true,
    .settle = dg_als__settle_ratings,
    .sweeps = sweeps,
    .create = create,
    .warm = warm,
    .sweep = sweep,
    .save = save,
    .load = load,
    .scorer = scorer,
    .factors = factors,
    .export = export,
    .figures = figures,
    .destroy = destroy,
};
