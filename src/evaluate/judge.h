/* judge.h - all the numbers of one user: the columns of columns.h. Internal to evaluate/. */
#ifndef DG_EVALUATE_JUDGE_H
#define DG_EVALUATE_JUDGE_H
#include "evaluate/columns.h"
#include "evaluate/rank.h"
#include "evaluate/similar.h"

typedef struct dg_user_judge {
    const dg_dataset *d;
    const dg_scorer *scorer;
    const dg_evaluate_options *o;
    const dg_csr *targets;
    const dg_popularity *popularity;
    const dg_tile_ranker
        *ranker;         /* has ranked the tile; NULL where nothing of lists is asked for */
    dg_similar *similar; /* NULL: ils is not asked for */
    dg_user_layout layout;
    double *room;   /* (DG_METRIC_OF_USER, n_k) */
    int32_t *drawn; /* (o->sampled,) */
    float *row;     /* (n_items,) of one user, where scores of all items at once are cheaper */
    double *value;  /* of one user's targets */
    float *labels;  /* those of labels above 1/2 */
    size_t value_capacity, label_capacity;
} dg_user_judge;

/** Room for the options; d … similar are filled in by the caller. LOCAL. Errors DG_ERR_NOMEM;
 *  dg_user_judge_free in either case. */
dg_status dg_user_judge_create(dg_user_judge *j, dg_err *err);

/** Are the ratings labels from 0 to 1, which logloss and auc can judge? LOCAL. */
bool dg_user_judge_labels(const dg_user_judge *j);

/** Has the user neither train nor fold_in? LOCAL. */
bool dg_user_is_cold(const dg_dataset *d, int64_t user);

/** The columns of `user`, number i of the tile. LOCAL.
 *  @param[out] row  (layout.n,) overwritten
 *  Errors  DG_ERR_NUMERIC a value is not finite, naming user row and item; dg_sampled_measure's. */
dg_status dg_user_judge_row(dg_user_judge *j, int64_t user, int i, double *row, dg_err *err);

/** LOCAL, twice-safe. What the caller filled in stays. */
void dg_user_judge_free(dg_user_judge *j);

#endif
