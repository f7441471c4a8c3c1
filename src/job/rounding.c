#include "job/rounding.h"

#include "artifact/scan.h"
#include "base/log.h"
#include "base/memory.h"
#include "comm/exchange.h"
#include "comm/matrix.h"
#include "dense/half.h"
#include "dense/panel.h"
#include "evaluate/evaluate.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static const char *const names[] = {
    [DG_PRECISION_F32] = "f32", [DG_PRECISION_F16] = "f16", [DG_PRECISION_INT8] = "int8"};

void dg_rounding_free(dg_rounding *r)
{
    dg_model_factors_free(&r->f);
    dg_free(r->user);
    dg_free(r->item);
    dg_free(r->user_scale);
    dg_free(r->item_scale);
    json_decref(r->loss);
    *r = (dg_rounding){0};
}

/* ---- rounding ---- */

/* One side's own rows; the floats become what is read back. */
static dg_status round_rows(dg_precision precision, int64_t n, int n_cols, float *row, void **small,
                            float **scale, dg_err *err)
{
    const bool whole = precision == DG_PRECISION_INT8;
    *small = dg_alloc((size_t)n * (size_t)n_cols, whole ? 1 : sizeof(uint16_t));
    *scale = dg_alloc(whole ? (size_t)n : 0, sizeof **scale);
    if (*small == NULL || *scale == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory rounding factors");
    for (int64_t r = 0; r < n; r++, row += n_cols) {
        for (int c = 0; c < n_cols; c++)
            if (!isfinite(row[c]))
                return DG_FAIL(err, DG_ERR_NUMERIC,
                               "a factor that is not finite cannot be rounded");
        int8_t *codes = (int8_t *)*small + (whole ? r * n_cols : 0);
        uint16_t *halves = (uint16_t *)*small + (whole ? 0 : r * n_cols);
        if (whole) (*scale)[r] = dg_scan_code(row, n_cols, codes).scale;
        for (int c = 0; c < n_cols; c++) {
            if (!whole) halves[c] = dg_half_of_float(row[c]);
            row[c] = whole ? (*scale)[r] * (float)codes[c] : dg_half_to_float(halves[c]);
            if (!isfinite(row[c]))
                return DG_FAIL(err, DG_ERR_GATE,
                               "export.precision: a factor is too large for f16, whose largest "
                               "number is 65504");
        }
    }
    return DG_OK;
}

static int64_t own_rows(const dg_comm *c, const dg_shards *s)
{
    const dg_range own = dg_shards_rows(s, c->rank, c->size);
    return own.end - own.begin;
}

static dg_status round_all(const dg_work *w, dg_rounding *r, dg_err *err)
{
    const int n_cols = r->f.n_cols;
    dg_status st = DG_OK;
    if (n_cols > DG_FACTORS_ROOM)
        st = DG_FAIL(err, DG_ERR_CONFIG,
                     "export.precision: rows of %d columns can only be f32; others have at most %d",
                     n_cols, DG_FACTORS_ROOM);
    if (st == DG_OK)
        st = round_rows(r->precision, own_rows(w->comm, &w->data.users), n_cols, r->f.user,
                        &r->user, &r->user_scale, err);
    if (st == DG_OK)
        st = round_rows(r->precision, own_rows(w->comm, &w->data.items), n_cols, r->f.item,
                        &r->item, &r->item_scale, err);
    return dg_agree(w->comm, st, err);
}

/* ---- lists of such factors, for evaluation ---- */

typedef struct listed {
    const dg_panel_kernels *kernels;
    dg_matrix items;
    const float *user; /* own rows */
    int64_t first_user;
    float *loaded; /* (DG_SCORER_TILE, n_cols) */
    float start[DG_SCORER_TILE];
    int n;
} listed;

static dg_status load(void *self, const int64_t *user, int n, dg_err *err)
{
    listed *l = self;
    const int64_t n_cols = l->items.n_cols;
    (void)err;
    l->n = n;
    for (int i = 0; i < n; i++)
        memcpy(l->loaded + i * n_cols, l->user + (user[i] - l->first_user) * n_cols,
               (size_t)n_cols * sizeof *l->loaded);
    return DG_OK;
}

static void score_marked(void *self, int64_t begin, int64_t end, const float *threshold, float *out,
                         uint16_t *mark)
{
    const listed *l = self;
    const size_t width = (size_t)l->items.n_cols;
    const dg_queries q = {l->n, l->items.n_cols, width, l->loaded, l->start, NULL};
    l->kernels->scores(&q, (int)(end - begin), dg_matrix_row(&l->items, begin), width, threshold,
                       out, mark);
}

static void score(void *self, int64_t begin, int64_t end, float *out)
{
    score_marked(self, begin, end, NULL, out, NULL);
}

static float score_one(void *self, int i, int64_t item)
{
    const listed *l = self;
    return l->kernels->score_one(l->items.n_cols, l->loaded + (int64_t)i * l->items.n_cols,
                                 dg_matrix_row(&l->items, item), l->start[i]);
}

static dg_status open_listed(const dg_work *w, const dg_model_factors *f, listed *l, dg_err *err)
{
    dg_status st = dg_matrix_create(w->comm, &w->data.items, f->n_cols, &l->items, err);
    if (st != DG_OK) return st;
    l->kernels = dg_panel();
    l->first_user = dg_shards_rows(&w->data.users, w->comm->rank, w->comm->size).begin;
    l->loaded = dg_alloc((size_t)DG_SCORER_TILE * (size_t)f->n_cols, sizeof *l->loaded);
    for (int i = 0; i < DG_SCORER_TILE; i++) l->start[i] = (float)f->offset;
    st = l->loaded == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for scoring") : DG_OK;
    return dg_agree(w->comm, st, err);
}

static dg_status judge(const dg_work *w, const dg_model_factors *f, listed *l,
                       const dg_evaluate_options *o, dg_metrics *out, dg_err *err)
{
    const dg_dataset *d = &w->data;
    const dg_scorer scorer = {.self = l,
                              .n_items = d->items.begin[d->items.n],
                              .rates = w->class->rates,
                              .clip_min = d->value_min,
                              .clip_max = d->value_max,
                              .load = load,
                              .score = score,
                              .score_marked = score_marked,
                              .score_one = score_one};
    const int64_t own = l->items.own.end - l->items.own.begin;
    if (own > 0)
        memcpy(dg_matrix_row(&l->items, l->items.own.begin), f->item,
               (size_t)own * (size_t)f->n_cols * sizeof *f->item);
    l->user = f->user;
    dg_matrix_share(&l->items);
    return dg_evaluate(w->comm, d, &scorer, o, out, err);
}

/* ---- what it costs ---- */

/* The metrics to measure, as evaluate's options: those of max_loss, or one. */
static dg_status read_metrics(const dg_work *w, const dg_map *limits, dg_evaluate_options *o,
                              dg_err *err)
{
    dg_strings k = {0}, metrics = {0};
    dg_status st = DG_OK;
    for (int64_t j = 0; j < limits->key.n && st == DG_OK; j++) {
        size_t n;
        const char *name = dg_strings_at(&limits->key, j, &n), *at = memchr(name, '@', n);
        if (at == NULL) continue; /* rmse and mae go without saying */
        st = dg_strings_add(&metrics, name, (size_t)(at - name), err);
        if (st == DG_OK) st = dg_strings_add(&k, at + 1, (size_t)(name + n - at - 1), err);
    }
    if (st == DG_OK && k.n == 0) {
        st = dg_strings_add(&metrics, "recall", 6, err);
        if (st == DG_OK) st = dg_strings_add(&k, "20", 2, err);
    }
    if (st == DG_OK) st = dg_evaluate_parse(&k, &metrics, o, err);
    dg_strings_free(&k);
    dg_strings_free(&metrics);
    o->part = w->data.n_test > 0 ? DG_PART_TEST : DG_PART_VALID;
    o->exclude_seen = w->job->evaluate.exclude_seen;
    return st;
}

static double share_lost(const char *name, double before, double after)
{
    const bool lower_is_better = strcmp(name, "rmse") == 0 || strcmp(name, "mae") == 0;
    const double lost = lower_is_better ? after - before : before - after;
    if (fabs(lost) < 1e-12) return 0; /* the order of a sum */
    return before != 0 ? lost / before : INFINITY;
}

static dg_status note_loss(dg_rounding *r, const char *name, double limit, const dg_metrics *before,
                           const dg_metrics *after, dg_err *err)
{
    const dg_measure *a = dg_metrics_find(before, name), *b = dg_metrics_find(after, name);
    if (a == NULL || b == NULL)
        return DG_FAIL(err, DG_ERR_CONFIG, "export.max_loss: this model has no metric \"%s\"",
                       name);
    const double lost = share_lost(name, a->value, b->value);
    json_object_set_new(r->loss, name,
                        json_pack("{s:f, s:f, s:f}", "f32", a->value, names[r->precision], b->value,
                                  "loss", isfinite(lost) ? lost : 1));
    dg_log(DG_LOG_INFO, "rounded", "%s: %s %.4f, in f32 %.4f, a loss of %.3g %%",
           names[r->precision], name, b->value, a->value, 100 * lost);
    if (lost <= limit) return DG_OK;
    const dg_status st =
        DG_FAIL(err, DG_ERR_GATE,
                "%s costs %.3g %% of %s (%.6g, in f32 %.6g); "
                "export.max_loss allows %.3g %%",
                names[r->precision], 100 * lost, name, b->value, a->value, 100 * limit);
    return dg_err_hint(err, st, "export in f32%s, or allow more",
                       r->precision == DG_PRECISION_INT8 ? " or f16" : "");
}

static dg_status note_losses(const dg_work *w, dg_rounding *r, const dg_metrics *before,
                             const dg_metrics *after, dg_err *err)
{
    const dg_map *limits = &w->job->export.max_loss;
    dg_status st = DG_OK;
    r->loss = json_object();
    if (r->loss == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for metrics");
    if (limits->key.n == 0)
        return note_loss(r, w->class->rates ? "rmse" : "recall@20", INFINITY, before, after, err);
    for (int64_t j = 0; j < limits->key.n && st == DG_OK; j++) {
        char name[64];
        size_t n, n_value;
        double limit = 0;
        const char *key = dg_strings_at(&limits->key, j, &n);
        const char *value = dg_strings_at(&limits->value, j, &n_value);
        snprintf(name, sizeof name, "%.*s", (int)(n < 63 ? n : 63), key);
        if (!dg_parse_double(value, n_value, &limit)) limit = 0; /* checked with the job */
        st = note_loss(r, name, limit, before, after, err);
    }
    return st;
}

/* Judge the floats, round, judge again. */
static dg_status round_and_measure(const dg_work *w, dg_rounding *r, dg_err *err)
{
    dg_evaluate_options o = {0};
    dg_metrics *m = dg_alloc(2, sizeof *m);
    listed l = {0};
    dg_status st = m == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for metrics")
                             : read_metrics(w, &w->job->export.max_loss, &o, err);
    st = dg_agree(w->comm, st, err);
    if (st == DG_OK) st = open_listed(w, &r->f, &l, err);
    if (st == DG_OK) st = judge(w, &r->f, &l, &o, m, err);
    if (st == DG_OK) st = round_all(w, r, err);
    if (st == DG_OK) st = judge(w, &r->f, &l, &o, m + 1, err);
    if (st == DG_OK) st = dg_agree(w->comm, note_losses(w, r, m, m + 1, err), err);
    dg_matrix_destroy(&l.items);
    dg_free(l.loaded);
    dg_free(m);
    return st;
}

dg_status dg_rounding_make(dg_work *w, dg_rounding *out, dg_err *err)
{
    static const dg_precision precisions[] = {[DG_JOB_F32] = DG_PRECISION_F32,
                                              [DG_JOB_F16] = DG_PRECISION_F16,
                                              [DG_JOB_INT8] = DG_PRECISION_INT8};
    const bool held_out = w->data.n_test > 0 || w->data.n_valid > 0;
    *out = (dg_rounding){.precision = precisions[w->job->export.precision]};
    dg_status st = w->class->factors(w->model, &out->f, err);
    if (st == DG_OK && out->precision != DG_PRECISION_F32) {
        if (!held_out && w->job->export.max_loss.key.n > 0)
            st = DG_FAIL(err, DG_ERR_CONFIG,
                         "export.max_loss: nothing is held out that it could be measured on; see "
                         "prepare.split");
        else
            st = held_out ? round_and_measure(w, out, err) : round_all(w, out, err);
    }
    if (st != DG_OK) dg_rounding_free(out);
    return st;
}

/* ---- writing ---- */

static void write_side(const dg_work *w, const dg_rounding *r, const char *array,
                       const dg_shards *s, const void *small, const float *scale, dg_writer *to)
{
    char scales[64];
    const bool whole = r->precision == DG_PRECISION_INT8;
    dg_write_rows(w->comm, s, to, array, whole ? DG_I8 : DG_F16, r->f.n_cols, small);
    snprintf(scales, sizeof scales, "%s_scale", array);
    if (whole) dg_write_rows(w->comm, s, to, scales, DG_F32, 1, scale);
}

/* A coded row on its way to rank 0: what dg_scan_code says of it, then the codes. */
static dg_status code_own(const dg_work *w, const dg_model_factors *f, size_t record, char **out,
                          dg_err *err)
{
    const int64_t n = own_rows(w->comm, &w->data.items);
    *out = dg_alloc((size_t)n, record);
    if (*out == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for the search copy");
    for (int64_t r = 0; r < n; r++) {
        char *at = *out + (size_t)r * record;
        const dg_scan_row row =
            dg_scan_code(f->item + r * f->n_cols, f->n_cols, (int8_t *)at + sizeof row);
        memcpy(at, &row, sizeof row);
    }
    return DG_OK;
}

static dg_status pack(const char *all, int64_t n, int n_cols, dg_scan *out, dg_err *err)
{
    const size_t record = sizeof(dg_scan_row) + (size_t)n_cols;
    dg_scan_row *row = dg_alloc((size_t)n, sizeof *row);
    int8_t *code = dg_alloc((size_t)n, (size_t)n_cols);
    dg_status st = row == NULL || code == NULL
                       ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for the search copy")
                       : DG_OK;
    for (int64_t r = 0; st == DG_OK && r < n; r++) {
        memcpy(row + r, all + (size_t)r * record, sizeof *row);
        memcpy(code + r * n_cols, all + (size_t)r * record + sizeof *row, (size_t)n_cols);
    }
    if (st == DG_OK) st = dg_scan_pack(n, n_cols, row, code, out, err);
    dg_free(row);
    dg_free(code);
    return st;
}

/* All items' codes on rank 0, in the order of rows, packed there. COLLECTIVE. */
static dg_status gather_scan(const dg_work *w, const dg_model_factors *f, dg_scan *out, dg_err *err)
{
    const dg_comm *c = w->comm;
    const size_t record = sizeof(dg_scan_row) + (size_t)f->n_cols;
    char *own = NULL;
    void *all = NULL;
    int64_t *count = dg_alloc(2 * (size_t)c->size, sizeof *count);
    dg_status st = count == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for the search copy")
                                 : code_own(w, f, record, &own, err);
    st = dg_agree(c, st, err);
    if (st == DG_OK) {
        count[0] = own_rows(c, &w->data.items);
        st = dg_exchange(c, own, record, count, &all, count + c->size, err);
    }
    if (st == DG_OK && c->rank == 0)
        st = pack(all, w->data.items.begin[w->data.items.n], f->n_cols, out, err);
    dg_free(own);
    dg_free(all);
    dg_free(count);
    return dg_agree(c, st, err);
}

static void write_inverse_norms(const dg_work *w, const dg_model_factors *f, dg_writer *to)
{
    const int64_t n = own_rows(w->comm, &w->data.items);
    dg_err err = {.text = ""};
    float *inverse = dg_alloc((size_t)n, sizeof *inverse);
    dg_status st =
        inverse == NULL ? DG_FAIL(&err, DG_ERR_NOMEM, "out of memory for item norms") : DG_OK;
    for (int64_t r = 0; st == DG_OK && r < n; r++)
        inverse[r] = dg_scan_inverse_norm(f->item + r * f->n_cols, f->similar_cols);
    st = dg_agree(w->comm, st, &err);
    if (st == DG_OK)
        dg_write_rows(w->comm, &w->data.items, to, "scan/inverse_norm", DG_F32, 1, inverse);
    else
        dg_writer_fail(to, st, &err);
    dg_free(inverse);
}

static void write_scan(const dg_work *w, const dg_rounding *r, dg_writer *to)
{
    dg_scan s = {0};
    dg_err err = {.text = ""};
    const dg_status st = gather_scan(w, &r->f, &s, &err);
    if (st == DG_OK) {
        const int64_t n = w->data.items.begin[w->data.items.n], groups = dg_scan_groups(n);
        const int64_t bytes = dg_scan_group_bytes(r->f.n_cols);
        double bounds[] = {s.fine_rest, s.code_norm};
        dg_bcast(w->comm, bounds, sizeof bounds, 0);
        dg_writer_real(to, "scan_fine_rest", bounds[0]);
        dg_writer_real(to, "scan_code_norm", bounds[1]);
        dg_writer_small(to, "scan/high", DG_U8, groups, bytes, s.high);
        dg_writer_small(to, "scan/low", DG_U8, groups, bytes, s.low);
        dg_writer_small(to, "scan/scale", DG_F32, groups * 16, 1, s.scale);
        dg_writer_small(to, "scan/order", DG_I32, n, 1, s.order);
        dg_writer_small(to, "scan/norm", DG_F32, groups, 1, s.norm);
        dg_writer_small(to, "scan/coarse_rest", DG_F32, groups, 1, s.coarse_rest);
        write_inverse_norms(w, &r->f, to);
    } else {
        dg_writer_fail(to, st, &err);
    }
    dg_scan_free(&s);
}

void dg_rounding_write(const dg_work *w, const dg_rounding *r, dg_writer *to)
{
    const dg_dataset *d = &w->data;
    if (r->precision == DG_PRECISION_F32) {
        dg_model_factors_write(w->comm, &r->f, to);
    } else {
        dg_model_factors_meta(&r->f, to);
        dg_writer_text(to, "requires",
                       names[r->precision]); /* what knows floats alone must not try */
        write_side(w, r, "factors/user", &d->users, r->user, r->user_scale, to);
        write_side(w, r, "factors/item", &d->items, r->item, r->item_scale, to);
    }
    char *loss =
        r->loss == NULL ? NULL : json_dumps(r->loss, JSON_COMPACT | JSON_REAL_PRECISION(9));
    if (loss != NULL) dg_writer_text(to, "precision_loss", loss);
    free(loss);
    if (r->f.n_cols <= DG_FACTORS_ROOM) write_scan(w, r, to);
}
