/* taste.h - what is known of whoever asks for a list: a stored user, a user with events of this
 * minute, or a session without a name. */
#ifndef DG_SERVE_RANK_TASTE_H
#define DG_SERVE_RANK_TASTE_H
#include "artifact/artifact.h"

/* Everything is borrowed. */
typedef struct dg_taste {
    int64_t user;        /* row of the artifact, or -1 */
    const float *factor; /* (n_cols,) for a model of factors; NULL: nothing learned */
    const int32_t *item; /* (n,) ascending: the profile, for a model of weights */
    const float *value;  /* (n,) */
    int64_t n;
    double base; /* added to every score where the model has user_base */
} dg_taste;

/**
 * What the artifact knows of a user; of row -1 nothing. A row of factors whose taste columns are
 * all 0 counts as nothing learned; without taste columns any column counts. LOCAL, O(n_cols).
 * @param[in]  room  (n_cols,), DG_FACTORS_ROOM is always enough: where the factors are made if the
 *                   file does not hold them as floats; outlives the taste
 */
dg_taste dg_taste_of(const dg_artifact *a, int64_t user, float *room);

#endif
