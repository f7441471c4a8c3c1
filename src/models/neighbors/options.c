#include "models/neighbors/options.h"

#include "ranking/tally.h"

static const char *const measures[] = {
    "cosine", "pearson", "adjusted_cosine", "jaccard", "conditional", "tfidf", "bm25", NULL};
static const char *const supports[] = {"full", "corated", NULL};
static const char *const predictions[] = {"sum", "weighted_mean", "signed_mean", NULL};
static const char *const centers[] = {"none", "user", "item", "both", NULL};
static const char *const approximations[] = {"none", "dimsum", NULL};

/* What peers call the same thing (docs/algorithms/neighbors.md). */
static const char *const as_neighbors[] = {"n_neighbors", "model_size", "save_nbrs", "K", NULL};
static const char *const as_k[] = {"max_nbrs", "nnbrs", "max_k", NULL};
static const char *const as_min_k[] = {"min_nbrs", NULL};
static const char *const as_similarity[] = {"measure", "sim", "metric", NULL};
static const char *const as_shrinkage[] = {"shrink", "beta", NULL};
static const char *const as_overlap[] = {"min_support", NULL};
static const char *const as_least[] = {"min_sim", NULL};
static const char *const as_prediction[] = {"aggregate", NULL};
static const char *const as_popularity[] = {"alpha", NULL};
static const char *const as_k1[] = {"K1", NULL};
static const char *const as_b[] = {"B", NULL};

#define FIELD(f) offsetof(dg_knn_options, f)

const dg_option dg_knn__options[DG_KNN_N] = {
    {.key = "model.neighbors",
     .type = DG_OPT_INT,
     .offset = FIELD(similarity.n_neighbors),
     .fallback = "100",
     .min = 1,
     .max = 1e6,
     .aliases = as_neighbors,
     .help = "M: neighbours kept of every item, or user"},
    {.key = "model.similarity",
     .type = DG_OPT_CHOICE,
     .offset = FIELD(similarity.measure),
     .fallback = "cosine",
     .choices = measures,
     .aliases = as_similarity,
     .help = "how two items, or users, are compared"},
    {.key = "model.support",
     .type = DG_OPT_CHOICE,
     .offset = FIELD(similarity.support),
     .fallback = "full",
     .choices = supports,
     .help = "norms over all ratings of each, or over those both have"},
    {.key = "model.shrinkage",
     .type = DG_OPT_REAL,
     .offset = FIELD(similarity.shrinkage),
     .fallback = "0",
     .min = 0,
     .max = 1e9,
     .aliases = as_shrinkage,
     .help = "beta: times n / (n + beta), n the ratings both have"},
    {.key = "model.min_overlap",
     .type = DG_OPT_INT,
     .offset = FIELD(similarity.min_overlap),
     .fallback = "1",
     .min = 1,
     .max = 1e9,
     .aliases = as_overlap,
     .help = "fewer ratings in common make no neighbours"},
    {.key = "model.min_similarity",
     .type = DG_OPT_REAL,
     .offset = FIELD(similarity.min_similarity),
     .fallback = "0",
     .min = -1e9,
     .max = 1e9,
     .aliases = as_least,
     .help = "neighbours are more similar than this; one of exactly 0 never is kept"},
    {.key = "model.prediction",
     .type = DG_OPT_CHOICE,
     .offset = FIELD(prediction),
     .fallback = "sum",
     .choices = predictions,
     .aliases = as_prediction,
     .help = "sum of w r; divided by the sum of |w|, or of w: then it predicts ratings"},
    {.key = "model.center",
     .type = DG_OPT_CHOICE,
     .offset = FIELD(center),
     .fallback = "none",
     .choices = centers,
     .help = "what is taken off ratings before averaging: mean of user, of item, biases of both"},
    {.key = "model.k",
     .type = DG_OPT_INT,
     .offset = FIELD(k),
     .fallback = "0",
     .min = 0,
     .max = DG_TALLY_MOST,
     .aliases = as_k,
     .help = "most neighbours that count in one prediction; 0: all kept"},
    {.key = "model.min_k",
     .type = DG_OPT_INT,
     .offset = FIELD(min_k),
     .fallback = "1",
     .min = 1,
     .max = DG_TALLY_MOST,
     .aliases = as_min_k,
     .help = "fewer neighbours say nothing: the mean, or nothing, is predicted"},
    {.key = "model.damping",
     .type = DG_OPT_REAL,
     .offset = FIELD(damping),
     .fallback = "0",
     .min = 0,
     .max = 1e9,
     .help = "ratings of the global mean added to every mean of center"},
    {.key = "model.popularity",
     .type = DG_OPT_REAL,
     .offset = FIELD(similarity.popularity),
     .fallback = "0",
     .min = 0,
     .max = 2,
     .aliases = as_popularity,
     .help = "conditional: divided by (ratings of what is predicted)^this"},
    {.key = "model.bm25_k1",
     .type = DG_OPT_REAL,
     .offset = FIELD(similarity.bm25_k1),
     .fallback = "1.2",
     .min = 0,
     .max = 1e9,
     .aliases = as_k1,
     .help = "bm25: how slowly large values saturate"},
    {.key = "model.bm25_b",
     .type = DG_OPT_REAL,
     .offset = FIELD(similarity.bm25_b),
     .fallback = "0.75",
     .min = 0,
     .max = 1,
     .aliases = as_b,
     .help = "bm25: how much long histories are held against"},
    {.key = "model.max_history",
     .type = DG_OPT_INT,
     .offset = FIELD(similarity.max_history),
     .fallback = "0",
     .min = 0,
     .max = 1e12,
     .help = "ratings of one user (of an item: user-knn) that are compared, drawn; 0: all"},
    {.key = "model.approximate",
     .type = DG_OPT_CHOICE,
     .offset = FIELD(similarity.approximate),
     .fallback = "none",
     .choices = approximations,
     .help = "dimsum: sample the ratings of popular items; the error is printed"},
    {.key = "model.threshold",
     .type = DG_OPT_REAL,
     .offset = FIELD(similarity.threshold),
     .fallback = "0.1",
     .min = 1e-6,
     .max = 1e6,
     .help = "dimsum: the similarity that is to be estimated well"},
    {.key = "model.tile_mb",
     .type = DG_OPT_REAL,
     .offset = FIELD(similarity.tile_mb),
     .fallback = "64",
     .min = 1,
     .max = 4096,
     .help = "MB of sums of pairs held at a time, per rank"},
};

dg_status dg_knn__settle(void *options, dg_err *err)
{
    const dg_knn_options *o = options;
    const dg_similarity_options *s = &o->similarity;
    const char *name = measures[s->measure];
    const bool normed = s->measure != DG_SIMILARITY_JACCARD &&
                        s->measure != DG_SIMILARITY_CONDITIONAL && s->measure != DG_SIMILARITY_BM25;
    if (s->support == DG_SUPPORT_CORATED && !normed)
        return DG_FAIL(err, DG_ERR_CONFIG, "model.support: corated has no meaning for %s", name);
    if (s->approximate == DG_APPROXIMATE_DIMSUM && (!normed || s->support == DG_SUPPORT_CORATED))
        return DG_FAIL(err, DG_ERR_CONFIG,
                       "model.approximate: dimsum estimates cosines over full support, not %s",
                       normed ? "corated ones" : name);
    if (s->approximate == DG_APPROXIMATE_DIMSUM && (s->shrinkage > 0 || s->min_overlap > 1))
        return DG_FAIL(err, DG_ERR_CONFIG,
                       "model.approximate: dimsum does not count the ratings two have in common, "
                       "which shrinkage and min_overlap need");
    if (o->prediction == DG_TALLY_SUM && o->center != DG_CENTER_NONE)
        return DG_FAIL(err, DG_ERR_CONFIG,
                       "model.center: a sum of weights ranks, it has no mean to be added to");
    if (o->k > 0 && o->min_k > o->k)
        return DG_FAIL(err, DG_ERR_CONFIG, "model.min_k: is above model.k");
    return DG_OK;
}
