/* leaks.h - signs that what is held back is not news to a model: counts, and what to say of them.
 *
 * Not every split can be free of all of them: a random split trains on the future by design. What
 * its method promises is an alarm when it does not hold; the rest are counts. */
#ifndef DG_INGEST_LEAKS_H
#define DG_INGEST_LEAKS_H
#include "base/text.h"
#include "ingest/split.h"
#include "ingest/twins.h"
#include "store/dataset.h"

/* Times of the parts, gathered while rows are finished (parts.h). Zero-initialise `newest_of_user`;
 * free with dg_part_times_free. */
typedef struct dg_part_times {
    dg_range rows;
    int64_t *newest_of_user; /* (own users,) newest training rating, INT64_MIN for none */
    int64_t newest_train, oldest_target;
    int64_t late_targets; /* older than the newest training rating of their user */
    int64_t timed_targets;
} dg_part_times;

/** Errors DG_ERR_NOMEM. LOCAL. */
dg_status dg_part_times_create(dg_range rows, dg_part_times *out, dg_err *err);

/** Note the ratings of an own user; `part` NULL: all of them are targets, and the training ratings
 * were noted before. LOCAL, O(n). */
void dg_part_times_note(dg_part_times *t, int64_t user, const dg_event *row, int64_t n,
                        const uint8_t *part);

/** LOCAL, twice-safe. */
void dg_part_times_free(dg_part_times *t);

typedef struct dg_leaks {
    int64_t targets;                     /* held-out ratings */
    int64_t repeated;                    /* of them, also in train: the caller knows */
    int64_t in_both;                     /* pairs in valid and in test */
    int64_t late_targets;                /* see dg_part_times; 0 without times */
    int64_t newest_train, oldest_target; /* newest < oldest: no training rating is later than any
                                            target; both 0 without times */
    int64_t judged_ids, ids_above, ids_below; /* targets with whole numbers for item ids; those
                                                 above, below all training ids of their user */
    int64_t users_held, users_other;          /* users with, without targets, of whole-number ids */
    bool users_apart;  /* all ids of the one kind are above all of the other */
    bool values_apart; /* likewise values of targets and training ratings */
    dg_twins twins;
} dg_leaks;

/**
 * Look at a dataset. COLLECTIVE.
 *
 * @param[in]  times  what was noted of own users; NULL where the data has no times
 * @param[in]  aged   values fall with age, so that they tell old from new by design
 * @param[out] out    the same on every rank
 * Cost    8 n_items bytes; a pass over the ratings; dg_twins_find's.
 * Errors  DG_ERR_NOMEM, agreed.
 */
dg_status dg_leaks_find(const dg_comm *c, const dg_dataset *d, const dg_part_times *times,
                        bool aged, dg_leaks *out, dg_err *err);

enum { DG_LEAK_KINDS = 9 };

/** Write a sentence for kind k, 0 … DG_LEAK_KINDS - 1, if it leaks; false if not. LOCAL.
 *  @param[out] name  what it is called: "repeated", "in_both", "future", "values", "item_ids",
 *                    "user_ids", "twin_items", "twin_users", "copied_users" */
bool dg_leaks_say(const dg_leaks *l, dg_split_method method, int k, const char **name, char *text,
                  size_t n);

#endif
