#include "models/neighbors/measures.h"

#include "base/memory.h"

#include <math.h>

#if defined(__x86_64__)
#define WIDEST_VECTORS __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define WIDEST_VECTORS
#endif

static bool needs_count(const dg_similarity_options *o)
{
    return o->shrinkage > 0 || o->min_overlap > 1;
}

int dg_rule_planes(const dg_similarity_options *o, const dg_weighed *w, dg_plane plane[DG_PLANES])
{
    int n = 0;
    const bool counted =
        o->measure == DG_SIMILARITY_JACCARD || o->measure == DG_SIMILARITY_CONDITIONAL;
    if (counted || (w->unit && o->support == DG_SUPPORT_FULL)) {
        plane[n++] = DG_PLANE_N;
        return n;
    }
    plane[n++] = DG_PLANE_XY;
    if (o->support == DG_SUPPORT_CORATED) {
        plane[n++] = DG_PLANE_XX;
        plane[n++] = DG_PLANE_YY;
        if (o->measure == DG_SIMILARITY_PEARSON) {
            plane[n++] = DG_PLANE_X;
            plane[n++] = DG_PLANE_Y;
        }
    }
    if (needs_count(o) || n == 5) plane[n++] = DG_PLANE_N;
    return n;
}

static void set_factors(dg_rule *r, const dg_weighed *w, const dg_pairs *p)
{
    for (int32_t t = 0; t < p->n; t++) {
        const double n = (double)w->count[p->id[t]], norm = w->norm[p->id[t]];
        r->count[t] = n;
        switch ((dg_similarity_measure)r->o->measure) {
        case DG_SIMILARITY_JACCARD: r->as_list[t] = r->as_neighbor[t] = 1; break;
        case DG_SIMILARITY_CONDITIONAL:
            r->as_list[t] = n > 0 ? pow(n, -r->o->popularity) : 0;
            r->as_neighbor[t] = n > 0 ? 1 / n : 0;
            break;
        case DG_SIMILARITY_BM25: /* a dot product */
            r->as_list[t] = r->as_neighbor[t] = ldexp(1, -w->shift);
            break;
        default: r->as_list[t] = r->as_neighbor[t] = norm > 0 ? 1 / norm : 0; break;
        }
    }
}

dg_status dg_rule_create(const dg_similarity_options *o, const dg_weighed *w, const dg_pairs *p,
                         dg_rule *out, dg_err *err)
{
    const size_t n = (size_t)p->n;
    *out = (dg_rule){.o = o};
    for (int k = 0; k < DG_PLANES; k++) out->at[k] = -1;
    for (int k = 0; k < p->n_planes; k++) out->at[p->plane[k]] = k;
    out->as_list = dg_alloc(n, sizeof(double));
    out->as_neighbor = dg_alloc(n, sizeof(double));
    out->count = dg_alloc(n, sizeof(double));
    if (out->as_list == NULL || out->as_neighbor == NULL || out->count == NULL) {
        dg_rule_free(out);
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for %d columns", (int)p->n);
    }
    set_factors(out, w, p);
    return DG_OK;
}

void dg_rule_free(dg_rule *r)
{
    dg_free(r->as_list);
    dg_free(r->as_neighbor);
    dg_free(r->count);
    *r = (dg_rule){0};
}

static bool is_product(const dg_rule *r)
{
    return r->o->measure != DG_SIMILARITY_JACCARD && r->o->support == DG_SUPPORT_FULL;
}

bool dg_rule_is_plain(const dg_rule *r) { return is_product(r) && !needs_count(r->o); }

WIDEST_VECTORS
void dg_rule_score_plain(const dg_rule *r, int32_t t, int32_t begin, int32_t n,
                         const int32_t *product, bool t_is_list, float *restrict out)
{
    const double own = t_is_list ? r->as_list[t] : r->as_neighbor[t];
    const double *other = (t_is_list ? r->as_neighbor : r->as_list) + begin;
    const float least = (float)r->o->min_similarity;
    for (int32_t k = 0; k < n; k++) {
        const float s = (float)((double)product[k] * own * other[k]);
        out[k] = (s > least) & (s != 0) ? s : -INFINITY;
    }
}

/* value / sqrt(a b), 0 where that is not defined; within [-1, 1]. */
static double share(double value, double a, double b)
{
    if (!(a > 0 && b > 0)) return 0;
    return fmax(-1, fmin(1, value / (sqrt(a) * sqrt(b))));
}

static void score_corated(const dg_rule *r, int32_t n, int64_t *const sum[DG_PLANES], double *s)
{
    const int64_t *xy = sum[r->at[DG_PLANE_XY]], *xx = sum[r->at[DG_PLANE_XX]];
    const int64_t *yy = sum[r->at[DG_PLANE_YY]];
    for (int32_t k = 0; k < n; k++) s[k] = share((double)xy[k], (double)xx[k], (double)yy[k]);
}

/* n sum(xy) - sum(x) sum(y) and the like are exact, so that a column that is constant over the
 * common rows has a variance of exactly 0. */
static void score_corated_pearson(const dg_rule *r, int32_t n, int64_t *const sum[DG_PLANES],
                                  double *s)
{
    const int64_t *xy = sum[r->at[DG_PLANE_XY]], *xx = sum[r->at[DG_PLANE_XX]];
    const int64_t *yy = sum[r->at[DG_PLANE_YY]], *x = sum[r->at[DG_PLANE_X]];
    const int64_t *y = sum[r->at[DG_PLANE_Y]], *m = sum[r->at[DG_PLANE_N]];
    __extension__ typedef __int128 whole;
    for (int32_t k = 0; k < n; k++) {
        const double of_x = (double)((whole)m[k] * xx[k] - (whole)x[k] * x[k]);
        const double of_y = (double)((whole)m[k] * yy[k] - (whole)y[k] * y[k]);
        s[k] = share((double)((whole)m[k] * xy[k] - (whole)x[k] * y[k]), of_x, of_y);
    }
}

static void score_jaccard(const dg_rule *r, int32_t t, int32_t begin, int32_t n,
                          const int64_t *common, double *s)
{
    for (int32_t k = 0; k < n; k++) {
        const double both = (double)common[k];
        const double either = r->count[t] + r->count[begin + k] - both;
        s[k] = either > 0 ? both / either : 0;
    }
}

static void score_product(const dg_rule *r, int32_t t, int32_t begin, int32_t n,
                          const int64_t *product, bool t_is_list, double *s)
{
    const double own = t_is_list ? r->as_list[t] : r->as_neighbor[t];
    const double *other = (t_is_list ? r->as_neighbor : r->as_list) + begin;
    for (int32_t k = 0; k < n; k++) s[k] = (double)product[k] * own * other[k];
}

static void shrink(const dg_similarity_options *o, int32_t n, const int64_t *common, double *s)
{
    const double beta = o->shrinkage;
    const int64_t least = o->min_overlap;
    for (int32_t k = 0; k < n; k++) {
        const double m = (double)common[k];
        s[k] = common[k] < least ? 0 : s[k] * (m / (m + beta));
    }
}

void dg_rule_score(const dg_rule *r, int32_t t, int32_t begin, int32_t n,
                   int64_t *const sum[DG_PLANES], bool t_is_list, float *out)
{
    double s[DG_RULE_BLOCK];
    const dg_similarity_options *o = r->o;
    const bool counted = r->at[DG_PLANE_N] >= 0;
    const float least = (float)o->min_similarity;
    if (o->measure == DG_SIMILARITY_JACCARD)
        score_jaccard(r, t, begin, n, sum[0], s);
    else if (o->support == DG_SUPPORT_CORATED && o->measure == DG_SIMILARITY_PEARSON)
        score_corated_pearson(r, n, sum, s);
    else if (o->support == DG_SUPPORT_CORATED)
        score_corated(r, n, sum, s);
    else
        score_product(r, t, begin, n, sum[0], t_is_list, s);
    if (counted && needs_count(o)) shrink(o, n, sum[r->at[DG_PLANE_N]], s);
    for (int32_t k = 0; k < n; k++) {
        const float rounded = (float)s[k];
        out[k] = rounded > least && rounded != 0 ? rounded : -INFINITY;
    }
}
