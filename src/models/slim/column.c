#include "models/slim/column.h"

#include "base/memory.h"
#include "ranking/topk.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The candidates whose weights are above 0, packed: most passes need no others. */
typedef struct dg_slim_few {
    int64_t k;
    int64_t *of;            /* (most,) which candidates */
    double *s, *before, *r; /* (most,) */
    float *gram;            /* (k, k) */
    size_t capacity;
} dg_slim_few;

struct dg_slim_solver {
    const dg_slim_options *o;
    const dg_node_csr *gram;
    const float *diagonal;
    int64_t n;      /* items */
    int64_t most;   /* candidates */
    int64_t m;      /* of this column */
    dg_hit *room;   /* (most,) */
    int32_t *item;  /* (most,) candidates, ascending */
    int32_t *place; /* (n,) among them, or -1 */
    double *s, *r;  /* (most,) */
    int64_t *at;    /* (most,) its row of X'X over the candidates begins at rows[at]; or -1 */
    float *rows;
    size_t used, capacity;
    dg_slim_few few;
};

void dg_slim_solver_destroy(dg_slim_solver **s)
{
    if (*s == NULL) return;
    dg_free((*s)->room);
    dg_free((*s)->item);
    dg_free((*s)->place);
    dg_free((*s)->s);
    dg_free((*s)->r);
    dg_free((*s)->at);
    dg_free((*s)->rows);
    dg_free((*s)->few.of);
    dg_free((*s)->few.s);
    dg_free((*s)->few.before);
    dg_free((*s)->few.r);
    dg_free((*s)->few.gram);
    dg_free(*s);
    *s = NULL;
}

dg_status dg_slim_solver_create(const dg_slim_options *o, const dg_node_csr *gram,
                                const float *diagonal, dg_slim_solver **out, dg_err *err)
{
    dg_slim_solver *s = *out = dg_alloc(1, sizeof *s);
    if (s == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for coordinate descent");
    const int64_t n = gram->n_rows,
                  most = o->candidates > 0 && o->candidates < n ? o->candidates : n;
    *s = (dg_slim_solver){.o = o, .gram = gram, .diagonal = diagonal, .n = n, .most = most};
    s->room = dg_alloc((size_t)most, sizeof *s->room);
    s->item = dg_alloc((size_t)most, sizeof *s->item);
    s->place = dg_alloc((size_t)n, sizeof *s->place);
    s->s = dg_alloc((size_t)most, sizeof *s->s);
    s->r = dg_alloc((size_t)most, sizeof *s->r);
    s->at = dg_alloc((size_t)most, sizeof *s->at);
    s->few.of = dg_alloc((size_t)most, sizeof *s->few.of);
    s->few.s = dg_alloc((size_t)most, sizeof *s->few.s);
    s->few.before = dg_alloc((size_t)most, sizeof *s->few.before);
    s->few.r = dg_alloc((size_t)most, sizeof *s->few.r);
    if (s->room == NULL || s->item == NULL || s->place == NULL || s->s == NULL || s->r == NULL ||
        s->at == NULL || s->few.of == NULL || s->few.s == NULL || s->few.before == NULL ||
        s->few.r == NULL) {
        dg_slim_solver_destroy(out);
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for coordinate descent");
    }
    for (int64_t i = 0; i < n; i++) s->place[i] = -1;
    return DG_OK;
}

static int by_index(const void *a, const void *b)
{
    const dg_hit *x = a, *y = b;
    return (x->index > y->index) - (x->index < y->index);
}

/* The most similar items, ascending, with r where s is 0. */
static dg_status choose(dg_slim_solver *s, int64_t j, dg_err *err)
{
    const dg_node_row row = dg_node_csr_row(s->gram, j);
    dg_topk best = dg_topk_start(s->room, (int)s->most);
    for (int64_t e = 0; e < row.n; e++) {
        const int32_t i = row.entry[e].index;
        const double norms = sqrt((double)s->diagonal[i] * (double)s->diagonal[j]);
        const float cosine = norms > 0 ? (float)((double)row.entry[e].value / norms) : 0;
        if (i == j || cosine == 0) continue;
        const dg_status st = dg_topk_push(&best, &cosine, i, 1, NULL, 0, err);
        if (st != DG_OK) return st;
    }
    s->m = dg_topk_finish(&best);
    qsort(s->room, (size_t)s->m, sizeof *s->room, by_index);
    int64_t e = 0;
    for (int64_t b = 0; b < s->m; b++) {
        while (row.entry[e].index < s->room[b].index) e++;
        s->item[b] = s->room[b].index;
        s->place[s->item[b]] = (int32_t)b;
        s->s[b] = 0;
        s->r[b] = (double)row.entry[e].value;
        s->at[b] = -1;
    }
    s->used = 0;
    return DG_OK;
}

/* The candidate's row of X'X over the candidates, gathered once a column. */
static const float *row_of(dg_slim_solver *s, int64_t b)
{
    if (s->at[b] >= 0) return s->rows + s->at[b];
    const size_t m = (size_t)s->m;
    float *grown = dg_grow(s->rows, s->used, s->used + m, &s->capacity, sizeof *grown);
    if (grown == NULL) return NULL;
    s->rows = grown;
    float *out = s->rows + s->used;
    s->at[b] = (int64_t)s->used;
    s->used += m;
    memset(out, 0, m * sizeof *out);
    const dg_node_row row = dg_node_csr_row(s->gram, s->item[b]);
    for (int64_t e = 0; e < row.n; e++) {
        const int32_t a = s->place[row.entry[e].index];
        if (a >= 0) out[a] = row.entry[e].value;
    }
    return out;
}

/* By how much a weight misses its optimality condition. */
static double violation(const dg_slim_solver *s, int64_t b)
{
    const double slope = s->r[b] - s->o->l2 * s->s[b] - s->o->l1;
    return s->s[b] > 0 ? fabs(slope) : slope > 0 ? slope : 0;
}

/* Put one weight to its minimum; false without memory. */
static bool descend(dg_slim_solver *s, int64_t b)
{
    const double g = (double)s->diagonal[s->item[b]];
    const double best = (s->r[b] + g * s->s[b] - s->o->l1) / (g + s->o->l2);
    const double change = (best > 0 ? best : 0) - s->s[b];
    if (change == 0) return true;
    const float *row = row_of(s, b);
    if (row == NULL) return false;
    for (int64_t a = 0; a < s->m; a++) s->r[a] -= change * (double)row[a];
    s->s[b] += change;
    return true;
}

/* The greatest violation over all candidates. */
static double worst_of(const dg_slim_solver *s)
{
    double worst = 0;
    for (int64_t b = 0; b < s->m; b++) worst = fmax(worst, violation(s, b));
    return worst;
}

/* Gather what passes over the weights above 0 read, and nothing else, into `few`. */
static bool gather_few(dg_slim_solver *s)
{
    dg_slim_few *f = &s->few;
    f->k = 0;
    for (int64_t b = 0; b < s->m; b++)
        if (s->s[b] > 0) f->of[f->k++] = b;
    const size_t square = (size_t)(f->k * f->k);
    float *grown = dg_grow(f->gram, 0, square, &f->capacity, sizeof *grown);
    if (grown == NULL) return false;
    f->gram = grown;
    for (int64_t i = 0; i < f->k; i++) {
        const float *row = row_of(s, f->of[i]);
        if (row == NULL) return false;
        for (int64_t a = 0; a < f->k; a++) f->gram[i * f->k + a] = row[f->of[a]];
        f->s[i] = f->before[i] = s->s[f->of[i]];
        f->r[i] = s->r[f->of[i]];
    }
    return true;
}

/* Passes over the few until they hold; how many. */
static int64_t descend_few(dg_slim_solver *s, double bound, int64_t passes)
{
    const dg_slim_few *f = &s->few;
    const double l1 = s->o->l1, l2 = s->o->l2;
    for (int64_t pass = 1; pass <= passes; pass++) {
        double worst = 0;
        for (int64_t i = 0; i < f->k; i++) {
            const float *row = f->gram + i * f->k;
            const double g = (double)row[i], best = (f->r[i] + g * f->s[i] - l1) / (g + l2);
            const double change = (best > 0 ? best : 0) - f->s[i];
            worst = fmax(worst, fabs(change) * (g + l2)); /* what it missed its condition by */
            for (int64_t a = 0; a < f->k; a++) f->r[a] -= change * (double)row[a];
            f->s[i] += change;
        }
        if (worst <= bound) return pass;
    }
    return passes;
}

/* Bring all candidates up to date with the few. */
static void spread_few(dg_slim_solver *s)
{
    const dg_slim_few *f = &s->few;
    for (int64_t i = 0; i < f->k; i++) {
        const int64_t b = f->of[i];
        const double change = f->s[i] - f->before[i];
        s->s[b] = f->s[i];
        if (change == 0) continue;
        const float *row = s->rows + s->at[b];
        for (int64_t a = 0; a < s->m; a++) s->r[a] -= change * (double)row[a];
    }
}

/* A pass over all candidates, then passes over those above 0 alone, until all hold. */
static bool descend_all(dg_slim_solver *s, double bound)
{
    int64_t passes = 0;
    while (passes < s->o->passes && worst_of(s) > bound) {
        for (int64_t b = 0; b < s->m; b++)
            if (!descend(s, b)) return false;
        if (!gather_few(s)) return false;
        passes += 1 + descend_few(s, bound / 2, s->o->passes - passes);
        spread_few(s);
    }
    return true;
}

/* Before any step r = g_j, so |x - X s|^2 = g_jj - s' g_j - s' r. */
static void measure(const dg_slim_solver *s, int64_t j, dg_slim_solution *out)
{
    const dg_node_row row = dg_node_csr_row(s->gram, j);
    double fitted = 0, squares = 0, sum = 0;
    int64_t e = 0;
    for (int64_t b = 0; b < s->m; b++) {
        while (row.entry[e].index < s->item[b]) e++;
        fitted += s->s[b] * ((double)row.entry[e].value + s->r[b]);
        squares += s->s[b] * s->s[b];
        sum += s->s[b];
        out->n_positive += s->s[b] > 0;
        out->violation = fmax(out->violation, violation(s, b));
    }
    if (s->diagonal[j] > 0) out->violation /= (double)s->diagonal[j];
    out->terms = (dg_column_terms){.residual = ((double)s->diagonal[j] - fitted) / 2,
                                   .regularization = s->o->l2 * squares / 2 + s->o->l1 * sum,
                                   .squares = squares};
}

dg_status dg_slim_solve(dg_slim_solver *s, int64_t j, dg_slim_solution *out, dg_err *err)
{
    const dg_status st = choose(s, j, err);
    if (st != DG_OK) return st;
    const bool good = descend_all(s, s->o->tolerance * (double)s->diagonal[j]);
    *out = (dg_slim_solution){.item = s->item, .weight = s->s, .n = s->m};
    if (good) measure(s, j, out);
    for (int64_t b = 0; b < s->m; b++) s->place[s->item[b]] = -1;
    if (good) return DG_OK;
    return DG_FAIL(err, DG_ERR_NOMEM, "item row %lld: out of memory for coordinate descent",
                   (long long)j);
}
