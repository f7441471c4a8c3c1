/* split.h - which of a user's ratings a model learns from, and which it is judged by.
 *
 * Every rule looks at one user at a time; what is global (a time, the hold-out draw) is a number of
 * the rule. Random choices depend on the seed and the ids alone: neither on the order of the input,
 * nor on other users, nor on ranks. */
#ifndef DG_INGEST_SPLIT_H
#define DG_INGEST_SPLIT_H
#include "ingest/event.h"
#include "ingest/picks.h"
#include "store/dataset.h"

typedef enum dg_split_method {
    DG_SPLIT_RATIO,
    DG_SPLIT_LEAVE_LAST,
    DG_SPLIT_HOLD_LAST,
    DG_SPLIT_TIME,
    DG_SPLIT_USER_HOLDOUT,
    DG_SPLIT_KFOLD,
    DG_SPLIT_FILES,
    DG_SPLIT_NONE
} dg_split_method;

/* The rule as applied, all global numbers known. */
typedef struct dg_split_rule {
    dg_split_method method;
    uint64_t seed;
    double test, valid;                  /* shares, see dg_split_row */
    int64_t n;                           /* leave-last */
    int64_t time_test, time_valid;       /* time: first second of each part */
    int64_t holdout_test, holdout_valid; /* user-holdout: highest draw of each part */
    double fold_in;                      /* user-holdout: share of the history shown */
    int64_t k, fold;                     /* kfold: fold is 1 .. k */
} dg_split_rule;

typedef struct dg_split_scratch { /* room to split a row of n ratings */
    dg_pick *pick;                /* (2 n,) */
    uint64_t *draw;               /* (2 n,) */
} dg_split_scratch;

/** A user's draw for the hold-out, >= 0; those with the smallest are held out. LOCAL. */
int64_t dg_split_draw(uint64_t seed, uint64_t user_hash);

/**
 * Part of each rating of one user. LOCAL, cannot fail.
 *
 * ratio         a random `test` share, then a `valid` share; fractions are rounded up or down by
 *               the user's own draw, so that shares are right on average; one rating stays in train
 * leave-last    the `n` newest are test, with valid > 0 the `n` before them valid; one stays in
 *               train: test is served first, then valid
 * hold-last     the newest `test` share is test, the `valid` share before it valid; `test` and both
 *               together are rounded to the nearest number, halves up; one rating stays in train
 * time          from time_test on test, from time_valid on valid
 * user-holdout  users with a draw up to holdout_test: a random `fold_in` share is fold-in, the rest
 *               test (of two ratings or more, at least one each); up to holdout_valid the same with
 *               valid; other users train
 * kfold         a user's ratings are dealt at random over k folds: `fold` is test, with valid > 0
 *               the next fold valid
 * files, none   with valid > 0 a random `valid` share is valid; one rating stays in train
 *
 * @param[in]  user_hash  dg_id_hash of the user's id
 * @param[in]  row        (n,) merged ratings of one user
 * @param[in]  scratch    for n or more
 * @param[out] part       (n,) a dg_part each
 * Cost    O(n); leave-last, hold-last and kfold that of dg_picks_sort.
 */
void dg_split_row(const dg_split_rule *rule, uint64_t user_hash, const dg_event *row, int64_t n,
                  const dg_split_scratch *scratch, uint8_t *part);

#endif
