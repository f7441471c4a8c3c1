/* generate.h - a synthetic shop with planted truth: catalogue, shoppers, scenes, friends, events
 * and ratings as text files. What was planted is known, so tests can tell what was found. */
#ifndef DG_GENERATE_GENERATE_H
#define DG_GENERATE_GENERATE_H
#include "comm/comm.h"
#include "generate/behaviour.h"
#include "generate/options.h"

#include <jansson.h>

enum { DG_GENERATE_FILES = 9 };

typedef struct dg_generated_file {
    const char *name;
    int64_t bytes;
} dg_generated_file;

typedef struct dg_generate_report {
    dg_generated_file file[DG_GENERATE_FILES]; /* as written, truth.json last */
    int n_files;
    int64_t ratings, events[DG_N_EVENTS];
    double mean_rating;          /* stars; 0 without ratings */
    double rmse_planted;         /* of the planted value of each rating, stars */
    double rmse_planted_clipped; /* of the same clipped to 0.5 … 5: what a perfect model reaches */
} dg_generate_report;

/**
 * Make a shop in `folder`, which is created with its parents where missing; files of these names
 * are replaced. COLLECTIVE; options and folder must agree, and all ranks see one file system.
 *
 * Writes  goods.csv; shoppers.csv, scenes.csv, friends.csv, events.csv, ratings.csv,
 *         truth_users.csv, truth_items.csv where asked for; truth.json. UTF-8, quoted where needed,
 *         ids from 1, times in seconds since 1970, prices in yuan.
 * Bytes   depend on the options alone, not on the number of ranks (on one instruction set).
 * Cost    about 1.3 us of processor time a rating; on each rank 4 n_factors + 44 bytes an item,
 *         16 bytes per 64 shoppers, and the text of 65,536 rows, whatever the number of rows.
 * Errors  DG_ERR_CONFIG, DG_ERR_CANTCREATE, DG_ERR_IO (fault site "write"), DG_ERR_NOMEM; agreed.
 *         Files appear under their names together, at the end; a failure leaves none of them.
 */
dg_status dg_generate(const dg_comm *c, const dg_generate_options *o, const char *folder,
                      dg_generate_report *report, dg_err *err);

/** What truth.json holds: the options, and what the report tells. LOCAL; NULL: out of memory. */
json_t *dg_generate_truth(const dg_generate_options *o, const dg_generate_report *report);

#endif
