#include "models/als/als.h"

#include "base/memory.h"
#include "base/rng.h"
#include "base/spent.h"
#include "comm/tree.h"
#include "models/als/gram.h"
#include "models/als/inside.h"

#include <math.h>
#include <string.h>

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
    if (!dg_als__has_base(m)) return DG_OK;
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
dg_als_side dg_als__side_of(const dg_model *m, bool users)
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
        {dg_als__side_of(m, true), &d->users, &d->train, &m->users},
        {dg_als__side_of(m, false), &d->items, &d->train_by_item, &m->items}};
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
dg_status dg_als__refresh_base(dg_model *m, bool users, dg_als_side *out, dg_err *err)
{
    const dg_dataset *d = m->data;
    const dg_matrix *factors = users ? &m->items : &m->users;
    if (!dg_als__has_base(m)) return DG_OK;
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
    *out = dg_als__side_of(m, users);
    out->half = dg_als_table_half(table);
    out->unscale = table->unscale;
    dg_spent_lap(DG_PHASE_EXCHANGE, table->factors->own.end - table->factors->own.begin, 0, 0);
    return dg_als__refresh_base(m, users, out, err);
}

/* For CG: turns both sides into the features' eigenbasis and publishes the features. COLLECTIVE. */
static dg_status prepare_in_basis(dg_model *m, bool users, dg_als_side *out, dg_err *err)
{
    const dg_dataset *d = m->data;
    dg_als_table *table = users ? &m->from_items : &m->from_users;
    const dg_status st =
        dg_als_basis_enter(m->comm, &m->basis, users ? &d->items : &d->users, table,
                           users ? &d->train_by_item : &d->train, !dg_als__has_base(m),
                           users ? &d->users : &d->items, users ? &m->users : &m->items, err);
    if (st != DG_OK) return st;
    for (int k = 0; k < m->d; k++) {
        const bool factor = k < m->basis.k; /* a bias is a feature of 1 for everybody */
        const double value = factor ? m->basis.value[k] : 0;
        m->diagonal[k] = (float)(m->options->law.unobserved_weight * fmax(value, 0));
        m->average[k] = factor ? m->basis.average[k] : 1;
    }
    *out = dg_als__side_of(m, users);
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
        if (st == DG_OK && dg_als__has_base(m)) st = sum_squares(m, &squares, err);
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
    .scorer = dg_als__scorer,
    .factors = dg_als__factors,
    .export = dg_als__export,
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
    .scorer = dg_als__scorer,
    .factors = dg_als__factors,
    .export = dg_als__export,
    .figures = figures,
    .destroy = destroy,
};
