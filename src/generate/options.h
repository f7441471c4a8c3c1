/* options.h - what kind of shop to make: sizes, shapes, and how strong the planted truth is. */
#ifndef DG_GENERATE_OPTIONS_H
#define DG_GENERATE_OPTIONS_H
#include "base/option.h"

typedef struct dg_generate_options {
    int64_t users, items;
    int64_t events, ratings; /* rows in all, exactly; 0: no such file */
    int64_t scenes;          /* 0: no scenes.csv, and no scene in the events */
    double friends;          /* ties each shopper starts, on average; 0: no friends.csv */
    bool shoppers;           /* write shoppers.csv */
    bool truth;              /* write truth_users.csv and truth_items.csv */
    int64_t n_factors;       /* planted rank */
    int64_t seed;
    int64_t days; /* the log's span, from 2024-01-01 */

    int64_t fewest; /* rows of each file per shopper, where the total allows */
    double most;    /* share of the goods one shopper touches at most */
    double user_exponent;
    double item_exponent, item_shift;
    double choosiness, threshold; /* an item is taken with sigmoid(choosiness * (z - threshold)) */
    double attribute_share;       /* of the taste's variance, told by category, brand, age, city */
    double scene_share;           /* weight of the scene's taste beside the shopper's */

    double mean, user_spread, item_spread, taste_spread, noise; /* stars */
} dg_generate_options;

extern const dg_option dg_generate_table[]; /* keys "generate.…" */
extern const size_t dg_generate_table_size;

extern const char *const dg_generate_presets[]; /* names, NULL-terminated; the first: default */

/** Defaults, then what the preset changes. The struct needs no freeing. LOCAL.
 *  Errors DG_ERR_USAGE for an unknown name, with the nearest one. */
dg_status dg_generate_preset(const char *preset, dg_generate_options *out, dg_err *err);

/** Refuse sizes that do not go together. LOCAL. Errors DG_ERR_CONFIG naming the key. */
dg_status dg_generate_check(const dg_generate_options *o, dg_err *err);

/** Most goods one shopper touches. LOCAL. */
static inline int64_t dg_generate_most(const dg_generate_options *o)
{
    const int64_t most = (int64_t)(o->most * (double)o->items);
    return most < 1 ? 1 : most;
}

#endif
