/* similarity.h - the columns most similar to every column of a sparse matrix, by sums over its rows
 * that are combined from all ranks.
 *
 * The columns are what is compared: items, of a matrix whose rows are users, or users, of one whose
 * rows are items. Entries become small integers times one power of two (weigh.h), so every sum over
 * rows is exact, in any order: lists are the same bits for any number of ranks and threads.
 *
 * Source  Sarwar, Karypis, Konstan, Riedl 2001, "Item-based collaborative filtering recommendation
 *         algorithms"; Deshpande, Karypis 2004, "Item-based top-N recommendation algorithms";
 *         Zadeh, Carlsson 2013, arXiv 1304.1467 (DIMSUM). docs/algorithms/neighbors.md. */
#ifndef DG_MODELS_NEIGHBORS_SIMILARITY_H
#define DG_MODELS_NEIGHBORS_SIMILARITY_H
#include "comm/shards.h"
#include "sparse/csr.h"

#include <stdbool.h>

typedef enum dg_similarity_measure {
    DG_SIMILARITY_COSINE,
    DG_SIMILARITY_PEARSON,         /* values less the mean of their column */
    DG_SIMILARITY_ADJUSTED_COSINE, /* values less the mean of their row */
    DG_SIMILARITY_JACCARD,
    DG_SIMILARITY_CONDITIONAL, /* share of the neighbour's rows that have the column too */
    DG_SIMILARITY_TFIDF,       /* cosine of sqrt(value) * idf(row) */
    DG_SIMILARITY_BM25         /* dot product of BM25 weights */
} dg_similarity_measure;

typedef enum dg_similarity_support {
    DG_SUPPORT_FULL,   /* norms over all of a column's rows */
    DG_SUPPORT_CORATED /* norms, and Pearson's means, over the rows both columns have */
} dg_similarity_support;

typedef enum dg_similarity_approximation {
    DG_APPROXIMATE_NONE,
    DG_APPROXIMATE_DIMSUM
} dg_similarity_approximation;

typedef struct dg_similarity_options {
    int measure;            /* dg_similarity_measure */
    int support;            /* dg_similarity_support */
    int64_t n_neighbors;    /* M: longest list */
    double shrinkage;       /* beta: similarities are multiplied by n_ij / (n_ij + beta) */
    int64_t min_overlap;    /* pairs with fewer common rows are no neighbours */
    double min_similarity;  /* nor those whose similarity is not above this; 0 never is kept */
    double popularity;      /* conditional: divides by (rows of the list's own column)^this */
    double bm25_k1, bm25_b; /* saturation, and weight of a column's length */
    int64_t max_history;    /* entries kept of a longer row, drawn by hash; 0: all */
    int approximate;        /* dg_similarity_approximation */
    double threshold;       /* dimsum: the similarity that is to be estimated well */
    double tile_mb;         /* memory for partial sums of a rank */
} dg_similarity_options;

typedef struct dg_similarity_report { /* over all ranks */
    int64_t tiles, sparse_tiles;
    int64_t products;                 /* products of entries summed */
    int64_t capped_rows, cut_entries; /* by max_history */
    int64_t kept_entries, entries;    /* after dimsum's coins, and before */
    bool exact;       /* values are small multiples of a power of two, none was rounded */
    double rounding;  /* else: the most a value was rounded by, as a share of the largest */
    double deviation; /* dimsum: bound of the relative standard deviation at `threshold` */
} dg_similarity_report;

/**
 * Lists of the most similar columns. COLLECTIVE.
 *
 * @param[in]  rows       own rows; their index is a global column
 * @param[in]  columns    shards of the columns
 * @param[in]  candidate  (n_columns,) may this column be anybody's neighbour, and count in a row's
 *                        own mean and length? NULL: all may. The same on every rank
 * @param[in]  seed       of the coins and of what max_history draws
 * @param[out] out        rows: own columns; entries: their neighbours, ascending, and the
 *                        similarities, which are finite and not 0. Which of equal ones are kept
 *                        goes by number. Caller frees
 *
 * Cost    half of sum over rows of (entries^2) products, fewer by the share that is done as dense
 *         matrix products; memory of a rank 16 bytes an own entry, 8 (M + 8) bytes a column, and
 *         tile_mb.
 * Errors  DG_ERR_NOMEM; DG_ERR_DATA more than 2^32 entries on one rank; DG_ERR_NUMERIC a value is
 *         not finite. Agreed.
 */
dg_status dg_similarity(const dg_comm *c, const dg_csr *rows, const dg_shards *columns,
                        const bool *candidate, const dg_similarity_options *o, uint64_t seed,
                        dg_csr *out, dg_similarity_report *report, dg_err *err);

#endif
