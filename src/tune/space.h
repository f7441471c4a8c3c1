/* space.h - what a search may try: for each key a range or a list, and the point of a trial.
 *
 * The values of tune.space are written as
 *     choice(cosine, jaccard)   one of the words
 *     uniform(0, 1)             a number between
 *     log(0.001, 10)            one whose logarithm is uniform
 *     int(10, 200)              a whole number, both ends included
 *     double(16, 256)           16, 32, 64, 128 or 256
 * A key may begin with the algorithm it is meant for, as ease/model.regularization.
 *
 * A trial's point is a function of seed, method and number alone, so that any process can run any
 * trial, and a search that was killed goes on with the same ones. */
#ifndef DG_TUNE_SPACE_H
#define DG_TUNE_SPACE_H
#include "base/option.h"

enum { DG_SPACE_KEYS = 32, DG_SPACE_VALUE = 64 }; /* most keys; bytes of a value, with its NUL */

typedef enum dg_space_kind {
    DG_SPACE_CHOICE,
    DG_SPACE_UNIFORM,
    DG_SPACE_LOG,
    DG_SPACE_INT,
    DG_SPACE_DOUBLE
} dg_space_kind;

typedef struct dg_space_key {
    char *algorithm; /* "" for every one that knows the key */
    char *key;       /* "model.regularization" */
    dg_space_kind kind;
    double low, high;
    dg_strings choice;
} dg_space_key;

/* Zero-initialise; free with dg_space_free. */
typedef struct dg_space {
    dg_space_key at[DG_SPACE_KEYS]; /* (n,) in the job's order */
    int n;
} dg_space;

typedef enum dg_space_draw {
    DG_SPACE_RANDOM, /* independent, uniform */
    DG_SPACE_QUASI   /* Halton's sequence, shifted by the seed */
} dg_space_draw;

/** Read tune.space. LOCAL. Errors DG_ERR_CONFIG `tune.space: KEY: what is wrong`; DG_ERR_NOMEM.
 *  Either way free `out`. */
dg_status dg_space_read(const dg_map *map, dg_space *out, dg_err *err);

/** LOCAL, twice-safe. */
void dg_space_free(dg_space *s);

/**
 * The point of a trial: one number in [0, 1) for each key. LOCAL.
 *
 * @param[in]  trial  from 1
 * @param[out] u      (s->n,)
 * Source  Halton 1960; the shift: Cranley and Patterson 1976.
 */
void dg_space_point(const dg_space *s, dg_space_draw how, uint64_t seed, int64_t trial, double *u);

/** The value at u in [0, 1), as a job file would have it: numbers have four digits. LOCAL. */
const char *dg_space_value(const dg_space_key *k, double u, char out[DG_SPACE_VALUE]);

#endif
