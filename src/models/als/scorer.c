#include "models/als/inside.h"

#include "base/memory.h"
#include "dense/panel.h"

#include <string.h>

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
    s->side = dg_als__side_of(m, true);
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

dg_status dg_als__scorer(dg_model *m, dg_scorer *out, dg_err *err)
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
    if (st == DG_OK) st = dg_als__refresh_base(m, true, &s->side, err);
    if (st != DG_OK) destroy_scorer(out);
    return st;
}

/* Own users' rows as scoring sees them: those of held-out users are folded in. COLLECTIVE. */
dg_status dg_als__fold_users(dg_model *m, float **out, dg_err *err)
{
    dg_scorer fold;
    dg_status st = dg_als__scorer(m, &fold, err);
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
