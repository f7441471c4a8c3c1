/* dataset.h - what prepare leaves and training reads: ids, ratings by user and by item, splits. */
#ifndef DG_STORE_DATASET_H
#define DG_STORE_DATASET_H
#include "base/digest.h"
#include "base/strings.h"
#include "comm/shards.h"
#include "sparse/csr.h"
#include "store/attributes.h"
#include "store/groups.h"

/* What a rating is for; fold_in is what is shown of users that are held out of training. */
typedef enum dg_part { DG_PART_TRAIN, DG_PART_VALID, DG_PART_TEST, DG_PART_FOLD_IN } dg_part;

enum { DG_PARTS = 4 };

/* One rank's part: the rows of its own user shards and item shards. Row numbers are global.
 * Users and items that occur in any part, or only in a catalogue, have a row. */
typedef struct dg_dataset {
    dg_shards users, items;               /* replicated */
    dg_strings user_id;                   /* own users */
    dg_strings item_id;                   /* own items */
    dg_strings item_title;                /* own items; n == 0 where the data has no titles */
    dg_attribute_columns item_attributes; /* own items; n == 0 where the data has none */
    dg_attribute_columns user_attributes; /* own users */
    dg_group_lists scenes; /* the most met goods of each scene; n == 0 where none were counted */
    dg_csr train;          /* own users: what the model learns from, and history for seen items */
    dg_csr train_by_item;  /* own items: the transpose of train */
    dg_csr valid, test;    /* own users: targets */
    dg_csr fold_in;        /* own users: history of held-out users, never trained on */
    int64_t n_train, n_valid, n_test, n_fold_in; /* over all ranks */
    double value_min, value_max;                 /* of the training values */
    char content[DG_HEX_SIZE];                   /* content digest, once written or loaded */
    char *card; /* data card as JSON, the same on every rank; NULL for none; not loaded */
} dg_dataset;

enum { DG_DATASET_VERSION = 1 };

/** Write; `inputs` is the digest of all it was made from, `config` the effective prepare job.
 *  Fills d->content. COLLECTIVE. */
dg_status dg_dataset_write(const dg_comm *c, dg_dataset *d, const char *path, const char *inputs,
                           const char *config, dg_err *err);

/** Load this rank's part, digests checked. COLLECTIVE: all succeed or all fail, *out zeroed. */
dg_status dg_dataset_load(const dg_comm *c, const char *path, dg_dataset *out, dg_err *err);

/** Strings ARRAY of the shards of `run` (artifact/container.h). LOCAL. Errors as its reads. */
struct dg_container;
dg_status dg_dataset_load_strings(const struct dg_container *f, const char *array,
                                  const dg_shards *shards, dg_run run, dg_strings *out,
                                  dg_err *err);

/** Items an own user has in any part, ascending, each once: what need not be shown again. LOCAL.
 *  @param[out] out  room for the rows' lengths together; NULL to count only
 *  Returns how many. */
int64_t dg_dataset_history(const dg_dataset *d, int64_t user, int32_t *out);

/** LOCAL, twice-safe. */
void dg_dataset_free(dg_dataset *d);

#endif
