/* artifact_file.h - artifact files for tests: whole ones, and ones wrong in a chosen way.
 *
 * A model is made in memory as the named arrays and attributes of docs/formats.md, may then be
 * spoiled by the test, and is written with right digests and seal: what a reader refuses
 * afterwards, it refuses for what was spoiled. Written with serial HDF5, independent of store/. */
#ifndef TESTS_ARTIFACT_FILE_H
#define TESTS_ARTIFACT_FILE_H
#include "als/law.h"
#include "artifact/container.h"

enum { PARTS = 64, EXTRAS = 4 };

typedef struct made_part {
    const char *array; /* path; NULL: leave it out */
    dg_type type;
    int64_t n_rows, n_cols;
    void *at;
} made_part;

typedef struct made_artifact {
    int64_t n_users, n_items, n_cols, similar_cols;
    double offset, clip_min, clip_max;
    bool clipped;
    const char *format, *name, *algorithm, *config, *dataset, *model, *created,
        *metrics; /* or NULL */
    int64_t version;
    struct {
        const char *name; /* NULL: none */
        int64_t value;
    } extra[EXTRAS];       /* more whole numbers of /meta */
    const dg_als_law *law; /* what folding in needs; NULL: none */
    double reg;
    const char *event_weights, *duplicates; /* or NULL */
    const char *requires, *card;            /* or NULL */
    double scan_fine_rest, scan_code_norm;  /* with a search copy */
    made_part part[PARTS];
} made_artifact;

/**
 * Ids "u0", "u1"… and "item 0"…, titles "Title <n>", factors and histories from `seed`.
 * The last two of n_cols columns are the folded biases, as `als` exports them. User 0 has neither
 * history nor profile; user 1 (if any) has seen every item; the last item has no taste vector.
 */
made_artifact *make_artifact(int64_t n_users, int64_t n_items, int64_t n_cols, uint64_t seed);

/**
 * The same with sparse weights of `side`, "item" or "user", and profiles instead of factors. User 0
 * has no profile; the last item is in no profile and has no weights.
 */
made_artifact *make_weights_artifact(int64_t n_users, int64_t n_items, const char *side,
                                     uint64_t seed);

/**
 * A model of factors that new users can be folded into, and profiles of values 1 to 5; by a law of
 * ratings with biases. Users' factors are drawn, not solved. User 0 has no profile. The law is
 * borrowed until the artifact is freed.
 */
made_artifact *make_fold_artifact(int64_t n_users, int64_t n_items, int64_t n_factors,
                                  const dg_als_law *law, double reg, uint64_t seed);

/** Round its factors to halves (DG_F16) or int8 with scales (DG_I8). */
void round_factors(made_artifact *m, dg_type type);

/** Add the items' search copy and what goes with it, of the factors as they are. */
void add_scan(made_artifact *m);

/** One more array, its elements copied. */
void made_add(made_artifact *m, const char *array, dg_type type, int64_t n_rows, const void *at);

/** The array at a path, to be spoiled. */
made_part *made_array(made_artifact *m, const char *array);

/** Write it; aborts where that fails. */
void write_artifact(const made_artifact *m, const char *path);

void free_artifact(made_artifact **m);

#endif
