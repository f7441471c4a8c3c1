#include "evaluate/users.h"

#include "artifact/container.h"
#include "base/memory.h"
#include "store/writer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char format[] = "daogou-metrics";

int dg_user_columns(const dg_evaluate_options *o)
{
    dg_user_layout layout;
    dg_user_layout_make(o, &layout);
    return layout.n;
}

double *dg_user_metrics_add(dg_user_metrics *m, int64_t user)
{
    const size_t n = (size_t)m->n, cols = (size_t)m->n_cols;
    int64_t *users = dg_grow(m->user, n, n + 1, &m->user_capacity, sizeof *users);
    if (users == NULL) return NULL;
    m->user = users;
    double *values =
        dg_grow(m->value, n * cols, (n + 1) * cols, &m->value_capacity, sizeof *values);
    if (values == NULL) return NULL;
    m->value = values;
    m->user[m->n++] = user;
    memset(values + n * cols, 0, cols * sizeof *values);
    return values + n * cols;
}

void dg_user_metrics_free(dg_user_metrics *m)
{
    dg_free(m->user);
    dg_free(m->value);
    *m = (dg_user_metrics){0};
}

/* ---- the digest of a split ---- */

/* A sum of digests, in 32-bit lanes: the same in any order, on any ranks. */
typedef struct dg_lanes {
    uint64_t at[4];
} dg_lanes;

static void add_digest(dg_lanes *sum, const void *bytes, size_t n)
{
    const dg_digest d = dg_digest_of(bytes, n);
    sum->at[0] += d.low & UINT32_MAX;
    sum->at[1] += d.low >> 32;
    sum->at[2] += d.high & UINT32_MAX;
    sum->at[3] += d.high >> 32;
}

static void add_user(const dg_dataset *d, int64_t user, dg_row targets, const int64_t *item_hash,
                     dg_lanes *sum)
{
    size_t n;
    const char *id = dg_strings_at(&d->user_id, user - d->train.begin, &n);
    const bool cold = dg_csr_row(&d->train, user).n == 0 && dg_csr_row(&d->fold_in, user).n == 0;
    const uint64_t hash = dg_id_hash(id, n), whole[2] = {hash, cold};
    add_digest(sum, whole, sizeof whole);
    for (int64_t t = 0; t < targets.n; t++) {
        uint64_t pair[3] = {hash, (uint64_t)item_hash[targets.index[t]], 0};
        memcpy(&pair[2], &targets.value[t], sizeof targets.value[t]);
        add_digest(sum, pair, sizeof pair);
    }
}

/* Hashes of all items' ids, everywhere. COLLECTIVE. */
static void share_hashes(const dg_comm *c, const dg_dataset *d, int64_t *hash)
{
    const int64_t n = d->items.begin[d->items.n], part = 1 << 24;
    const dg_range own = dg_shards_rows(&d->items, c->rank, c->size);
    for (int64_t r = own.begin; r < own.end; r++) {
        size_t length;
        const char *id = dg_strings_at(&d->item_id, r - own.begin, &length);
        hash[r] = (int64_t)dg_id_hash(id, length);
    }
    for (int64_t at = 0; at < n; at += part) /* all others have zeros there */
        dg_sum_int64(c, hash + at, (int)(n - at < part ? n - at : part));
}

dg_status dg_evaluate_split(const dg_comm *c, const dg_dataset *d, const dg_evaluate_options *o,
                            char hex[DG_HEX_SIZE], dg_err *err)
{
    const dg_csr *targets = o->part == DG_PART_TEST ? &d->test : &d->valid;
    int64_t *hash = dg_alloc((size_t)d->items.begin[d->items.n], sizeof *hash);
    int64_t all[6] = {0};
    dg_lanes sum = {{0}};
    const dg_status st = dg_agree(
        c, hash == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for hashes of items") : DG_OK,
        err);
    if (st == DG_OK) {
        share_hashes(c, d, hash);
        for (int64_t u = targets->begin; u < targets->end; u++) {
            const dg_row row = dg_csr_row(targets, u);
            if (row.n > 0) add_user(d, u, row, hash, &sum);
            all[4] += row.n;
        }
        for (int k = 0; k < 4; k++) all[k] = (int64_t)(sum.at[k] & UINT32_MAX);
        dg_sum_int64(c, all, 5);
        for (int k = 0; k < 4; k++) all[k] &= UINT32_MAX;
        all[5] = o->exclude_seen;
        dg_digest_hex(all, sizeof all, hex);
    }
    dg_free(hash);
    return st;
}

/* ---- writing ---- */

typedef struct dg_table { /* own rows in the order of the file */
    dg_shards shards;     /* of the rows that are in the file */
    dg_strings id;
    double *value;
    int64_t *rows; /* (own shards,) */
} dg_table;

typedef struct dg_place {
    uint64_t hash;
    int64_t at; /* row of dg_user_metrics */
    const char *id;
    size_t n;
} dg_place;

static int by_hash(const void *a, const void *b)
{
    const dg_place *x = a, *y = b;
    if (x->hash != y->hash) return x->hash < y->hash ? -1 : 1;
    const int order = memcmp(x->id, y->id, x->n < y->n ? x->n : y->n);
    return order != 0 ? order : (x->n > y->n) - (x->n < y->n);
}

/* Shards hold consecutive stretches of hashes, so sorting each own one sorts them all. */
static dg_status fill_table(const dg_comm *c, const dg_dataset *d, const dg_user_metrics *m,
                            dg_table *t, dg_err *err)
{
    const dg_run run = dg_shards_run(d->users.n, c->rank, c->size);
    dg_place *place = dg_alloc((size_t)m->n, sizeof *place);
    t->value = dg_alloc((size_t)m->n * (size_t)m->n_cols, sizeof *t->value);
    t->rows = dg_alloc((size_t)(run.end - run.begin), sizeof *t->rows);
    dg_status st = place == NULL || t->value == NULL || t->rows == NULL
                       ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for measures of users")
                       : DG_OK;
    for (int64_t k = 0; k < m->n && st == DG_OK; k++) {
        dg_place *p = &place[k];
        p->at = k;
        p->id = dg_strings_at(&d->user_id, m->user[k] - d->train.begin, &p->n);
        p->hash = dg_id_hash(p->id, p->n);
    }
    int64_t begin = 0;
    for (int s = run.begin; s < run.end && st == DG_OK; s++) {
        int64_t end = begin;
        while (end < m->n && m->user[end] < d->users.begin[s + 1]) end++;
        qsort(place + begin, (size_t)(end - begin), sizeof *place, by_hash);
        t->rows[s - run.begin] = end - begin;
        begin = end;
    }
    const size_t cols = (size_t)m->n_cols;
    for (int64_t k = 0; k < m->n && st == DG_OK; k++) {
        memcpy(t->value + (size_t)k * cols, m->value + (size_t)place[k].at * cols,
               cols * sizeof *t->value);
        st = dg_strings_add(&t->id, place[k].id, place[k].n, err);
    }
    dg_free(place);
    return st == DG_OK ? dg_shards_create(d->users.n, &t->shards, err) : st;
}

static void free_table(dg_table *t)
{
    dg_shards_destroy(&t->shards);
    dg_strings_free(&t->id);
    dg_free(t->value);
    dg_free(t->rows);
}

/* Where each shard's rows begin. COLLECTIVE. */
static void cut_table(const dg_comm *c, dg_table *t)
{
    const dg_run run = dg_shards_run(t->shards.n, c->rank, c->size);
    for (int s = run.begin; s < run.end; s++) t->shards.begin[s + 1] = t->rows[s - run.begin];
    dg_sum_int64(c, t->shards.begin, t->shards.n + 1);
    for (int s = 0; s < t->shards.n; s++) t->shards.begin[s + 1] += t->shards.begin[s];
}

static void name_columns(const dg_evaluate_options *o, dg_text *out)
{
    dg_user_layout layout;
    dg_user_layout_make(o, &layout);
    for (int k = 0; k < layout.n; k++) dg_text_add(out, "%s ", layout.at[k].name);
}

dg_status dg_user_metrics_write(const dg_comm *c, const dg_dataset *d, const dg_evaluate_options *o,
                                const dg_user_metrics *m, const char *inputs, const char *split,
                                const char *path, dg_err *err)
{
    dg_table t = {0};
    dg_text columns = {0};
    dg_writer *w = NULL;
    name_columns(o, &columns);
    dg_status st = columns.failed ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for names") : DG_OK;
    if (st == DG_OK) st = fill_table(c, d, m, &t, err);
    st = dg_agree(c, st, err);
    if (st == DG_OK) st = dg_writer_create(c, path, format, DG_USERS_VERSION, &w, err);
    if (st == DG_OK) {
        cut_table(c, &t);
        dg_writer_text(w, "inputs", inputs);
        dg_writer_text(w, "split", split);
        dg_writer_text(w, "columns", columns.at);
        dg_writer_strings(w, "ids/user", &t.shards, &t.id);
        dg_writer_array(w, "value", &(dg_piece){DG_F64, m->n_cols, t.shards.n, t.rows, t.value});
        st = dg_writer_commit(&w, NULL, err);
    }
    dg_text_free(&columns);
    free_table(&t);
    return st;
}

/* ---- reading ---- */

static dg_status wrong(const char *path, dg_err *err)
{
    return DG_FAIL(err, DG_ERR_DATA, "%s: its measures and users do not fit together", path);
}

static dg_status read_table(const dg_container *f, const char *path, dg_user_table *t, dg_err *err)
{
    dg_array_info info = {0};
    int64_t n_offsets = 0, n = 0;
    dg_status st = dg_container_text(f, "/meta", "columns", &t->columns, err);
    if (st == DG_OK) st = dg_container_text(f, "/meta", "split", &t->split, err);
    if (st == DG_OK) st = dg_container_info(f, "value", &info, err);
    if (st == DG_OK)
        st = dg_container_read_all(f, "ids/user/offsets", DG_I64, (void **)&t->offset, &n_offsets,
                                   err);
    if (st == DG_OK)
        st =
            dg_container_read_all(f, "ids/user/bytes", DG_U8, (void **)&t->bytes, &t->n_bytes, err);
    if (st == DG_OK) st = dg_container_read_all(f, "value", DG_F64, (void **)&t->value, &n, err);
    if (st != DG_OK) return st;
    int names = 0;
    for (const char *s = t->columns; *s != '\0'; s++) names += *s == ' ';
    if (n < 1 || n_offsets != n + 1 || info.n_cols != names || names < DG_USER_LISTS ||
        t->offset[0] != 0 || t->offset[n] != t->n_bytes)
        return wrong(path, err);
    for (int64_t r = 0; r < n; r++)
        if (t->offset[r + 1] < t->offset[r]) return wrong(path, err);
    t->n = n;
    t->n_cols = names;
    t->hash = dg_alloc((size_t)n, sizeof *t->hash);
    if (t->hash == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", path);
    for (int64_t r = 0; r < n; r++)
        t->hash[r] = dg_id_hash(t->bytes + t->offset[r], (size_t)(t->offset[r + 1] - t->offset[r]));
    return DG_OK;
}

dg_status dg_user_table_read(const char *path, dg_user_table *out, dg_err *err)
{
    dg_container *f = NULL;
    *out = (dg_user_table){0};
    dg_status st = dg_container_open(path, format, DG_USERS_VERSION, &f, err);
    if (st == DG_OK) st = read_table(f, path, out, err);
    dg_container_close(&f);
    if (st != DG_OK) dg_user_table_free(out);
    return st;
}

int dg_user_table_column(const dg_user_table *t, const char *name)
{
    const size_t n = strlen(name);
    int k = 0;
    for (const char *at = t->columns; *at != '\0'; at = strchr(at, ' ') + 1, k++)
        if (strncmp(at, name, n) == 0 && at[n] == ' ') return k;
    return -1;
}

bool dg_user_table_measure(const dg_user_table *t, const char *name, dg_user_ratio *out)
{
    static const struct {
        const char *name, *over, *by;
    } others[] = {{"rmse", "squares", "targets"},
                  {"mae", "misses", "targets"},
                  {"logloss", "logloss", "targets"},
                  {"auc", "auc", "auc_users"},
                  {"gauc", "gauc", "auc_targets"}};
    const char *over = strchr(name, '@') != NULL ? name : NULL, *by = "ranked";
    for (size_t k = 0; k < sizeof others / sizeof *others; k++)
        if (strcmp(name, others[k].name) == 0) over = others[k].over, by = others[k].by;
    if (over == NULL) return false;
    *out = (dg_user_ratio){dg_user_table_column(t, over), dg_user_table_column(t, by),
                           strcmp(name, "rmse") == 0};
    return out->over >= 0 && out->by >= 0;
}

double dg_user_ratio_value(const dg_user_ratio *r, double over, double by)
{
    if (!(by > 0)) return NAN;
    return r->root ? sqrt(over / by) : over / by;
}

bool dg_user_table_pairs(const dg_user_table *a, const dg_user_table *b)
{
    return a->n == b->n && a->n_bytes == b->n_bytes &&
           memcmp(a->offset, b->offset, ((size_t)a->n + 1) * sizeof *a->offset) == 0 &&
           memcmp(a->bytes, b->bytes, (size_t)a->n_bytes) == 0;
}

void dg_user_table_free(dg_user_table *t)
{
    dg_free(t->columns);
    dg_free(t->split);
    dg_free(t->offset);
    dg_free(t->bytes);
    dg_free(t->hash);
    dg_free(t->value);
    *t = (dg_user_table){0};
}
