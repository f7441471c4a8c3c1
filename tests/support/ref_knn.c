#include "ref_knn.h"

#include "base/memory.h"
#include "ranking/tally.h"

#include <math.h>
#include <stdlib.h>

static double at(const ref_matrix *m, int64_t u, int64_t i) { return m->at[u * m->n_columns + i]; }

/* Mean over what is there of value less two biases, damped. */
static double bias(const ref_matrix *m, int64_t row, bool of_user, double mean, const double *other,
                   double damping)
{
    const int64_t n = of_user ? m->n_columns : m->n_rows;
    double sum = 0, count = 0;
    for (int64_t k = 0; k < n; k++) {
        const double x = of_user ? at(m, row, k) : at(m, k, row);
        if (!isnan(x)) sum += x - mean - (other == NULL ? 0 : other[k]), count++;
    }
    return count > 0 ? sum / (count + damping) : 0;
}

typedef struct bases {
    double mean, *user, *item;
} bases;

static bases find_bases(const ref_matrix *m, const dg_knn_options *o)
{
    bases b = {0, dg_alloc((size_t)m->n_rows, sizeof(double)),
               dg_alloc((size_t)m->n_columns, sizeof(double))};
    double n = 0;
    for (int64_t k = 0; k < m->n_rows * m->n_columns; k++)
        if (!isnan(m->at[k])) b.mean += m->at[k], n++;
    b.mean /= n;
    for (int64_t i = 0; i < m->n_columns; i++) {
        const double own = bias(m, i, false, b.mean, NULL, o->damping);
        b.item[i] = o->center == DG_CENTER_ITEM   ? b.mean + own
                    : o->center == DG_CENTER_BOTH ? own
                                                  : 0;
    }
    for (int64_t u = 0; u < m->n_rows; u++) {
        const double *item = o->center == DG_CENTER_BOTH ? b.item : NULL;
        if (o->center == DG_CENTER_USER || o->center == DG_CENTER_BOTH)
            b.user[u] = b.mean + bias(m, u, true, b.mean, item, o->damping);
    }
    return b;
}

typedef struct neighbor {
    double weight, value;
    int64_t row;
    bool rated;
} neighbor;

static int best_first(const void *a, const void *b)
{
    const neighbor *x = a, *y = b;
    if (x->weight != y->weight) return x->weight > y->weight ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

static double predict(const dg_knn_options *o, neighbor *list, int64_t n, double base, double empty)
{
    double top = 0, below = 0;
    int64_t used = 0;
    qsort(list, (size_t)n, sizeof *list, best_first);
    for (int64_t k = 0; k < n && k < o->similarity.n_neighbors; k++) {
        if (!list[k].rated || (o->k > 0 && used == o->k)) continue;
        top += list[k].weight * list[k].value;
        below += o->prediction == DG_TALLY_MEAN ? fabs(list[k].weight) : list[k].weight;
        used++;
    }
    if (o->prediction == DG_TALLY_SUM) return used >= o->min_k ? top : 0;
    return used < o->min_k || !(below > 0) ? empty : base + top / below;
}

double *ref_knn(const ref_matrix *m, bool of_users, const dg_knn_options *o)
{
    const int64_t n_users = m->n_rows, n_items = m->n_columns, n = of_users ? n_users : n_items;
    double *out = dg_alloc((size_t)(n_users * n_items), sizeof *out);
    double *turned = dg_alloc((size_t)(n_users * n_items), sizeof *turned);
    neighbor *list = dg_alloc((size_t)n, sizeof *list);
    const bases b = find_bases(m, o);
    for (int64_t u = 0; u < n_users; u++)
        for (int64_t i = 0; i < n_items; i++) turned[i * n_users + u] = at(m, u, i);
    const ref_matrix rows = of_users ? (ref_matrix){n_items, n_users, turned} : *m;
    const ref_matrix weighed = {rows.n_rows, rows.n_columns, ref_weigh(&rows, &o->similarity)};
    for (int64_t u = 0; u < n_users; u++)
        for (int64_t i = 0; i < n_items; i++) {
            const int64_t self = of_users ? u : i;
            const double base = b.user[u] + b.item[i];
            int64_t found = 0;
            for (int64_t r = 0; r < n; r++) {
                const double s =
                    r == self ? NAN : ref_similarity(&weighed, &o->similarity, self, r);
                const int64_t v = of_users ? r : u, j = of_users ? i : r;
                if (isnan(s) || fabs(s) < 1e-9 || s <= o->similarity.min_similarity) continue;
                list[found++] =
                    (neighbor){s, at(m, v, j) - b.user[v] - b.item[j], r, !isnan(at(m, v, j))};
            }
            out[u * n_items + i] =
                predict(o, list, found, base, o->center == DG_CENTER_NONE ? b.mean : base);
        }
    dg_free((void *)(uintptr_t)weighed.at);
    dg_free(turned);
    dg_free(list);
    dg_free(b.user);
    dg_free(b.item);
    return out;
}
