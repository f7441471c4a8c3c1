/* measures.h - from the sums of a pair of columns to their similarity. Internal to
 * models/neighbors.
 *
 * Every measure is, of exact sums, one formula in doubles rounded to float once. A similarity that
 * is not defined (a norm of 0: no entries, or all of them equal to what is subtracted) is 0, which
 * is never kept. */
#ifndef DG_MODELS_NEIGHBORS_MEASURES_H
#define DG_MODELS_NEIGHBORS_MEASURES_H
#include "models/neighbors/pairs.h"

typedef struct dg_rule {
    const dg_similarity_options *o;
    int at[DG_PLANES];   /* which of the summed planes is which, or -1 */
    double *as_list;     /* (n,) by place: factor of a column whose list is made */
    double *as_neighbor; /* (n,) factor of its neighbour */
    double *count;       /* (n,) entries of each place */
    double unit;         /* of products of q */
} dg_rule;

/** The planes a measure needs, into plane; returns how many. LOCAL. */
int dg_rule_planes(const dg_similarity_options *o, const dg_weighed *w, dg_plane plane[DG_PLANES]);

/** Per-column factors. LOCAL. Errors DG_ERR_NOMEM. */
dg_status dg_rule_create(const dg_similarity_options *o, const dg_weighed *w, const dg_pairs *p,
                         dg_rule *out, dg_err *err);

/** LOCAL, twice-safe. */
void dg_rule_free(dg_rule *r);

/**
 * Similarities of place t with places [begin, begin + n), n <= DG_RULE_BLOCK. LOCAL.
 * @param[in]  sum         (n_planes,) each (n,) sums of the pairs, as whole numbers
 * @param[in]  t_is_list   the list is t's and the others are neighbours, or the other way round
 * @param[out] out         (n,) similarity; -inf where the pair is not to be kept
 */
enum { DG_RULE_BLOCK = 512 };
void dg_rule_score(const dg_rule *r, int32_t t, int32_t begin, int32_t n,
                   int64_t *const sum[DG_PLANES], bool t_is_list, float *out);

/** Is the similarity one sum times a factor of each column, without a count? LOCAL. */
bool dg_rule_is_plain(const dg_rule *r);

/** dg_rule_score of such a rule, of narrow sums as they lie in a tile: the same bits. LOCAL. */
void dg_rule_score_plain(const dg_rule *r, int32_t t, int32_t begin, int32_t n,
                         const int32_t *product, bool t_is_list, float *out);

#endif
