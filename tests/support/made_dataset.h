/* made_dataset.h - a dataset in memory, spelled out pair by pair. */
#ifndef TESTS_MADE_DATASET_H
#define TESTS_MADE_DATASET_H
#include "store/dataset.h"

#include <stdbool.h>

typedef struct made_shop {
    int64_t n_users, n_items;
    /* Value of a pair, NAN where there is none; the same on every rank. */
    float (*train)(int64_t user, int64_t item);
    float (*fold_in)(int64_t user, int64_t item); /* may be NULL: nobody is held out */
    bool crowded; /* all rows in one shard of 64, which most ranks have no part of */
} made_shop;

/** This rank's part, cut into 64 shards; dg_dataset_free when done. COLLECTIVE. */
void made_dataset(const dg_comm *c, const made_shop *shop, dg_dataset *out);

#endif
