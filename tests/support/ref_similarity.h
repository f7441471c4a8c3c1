/* ref_similarity.h - similarities of columns, slow and obvious: one pair at a time, in doubles,
 * straight from the formulas of docs/algorithms/neighbors.md. */
#ifndef TESTS_REF_SIMILARITY_H
#define TESTS_REF_SIMILARITY_H
#include "models/neighbors/similarity.h"

/* A whole matrix, NAN where there is nothing. */
typedef struct ref_matrix {
    int64_t n_rows, n_columns;
    const double *at; /* (n_rows, n_columns) */
} ref_matrix;

/** What the measure takes from each entry: a matrix of the same shape, dg_free when done. */
double *ref_weigh(const ref_matrix *m, const dg_similarity_options *o);

/** Similarity of `neighbor` for the list of `column`, of weighed entries; 0 where it is not
 *  defined, NAN where the two have too few rows in common. */
double ref_similarity(const ref_matrix *weighed, const dg_similarity_options *o, int64_t column,
                      int64_t neighbor);

#endif
