/* shop.h - a small shop's event log, as files for dg_prepare and as records for the reference. */
#ifndef TESTS_INGEST_SHOP_H
#define TESTS_INGEST_SHOP_H
#include "comm/comm.h"
#include "ref_ingest.h"

enum { SHOP_RECORDS = 1400, SHOP_TARGETS = 160, SHOP_LISTED = 60 };

typedef struct shop {
    ref_record train[SHOP_RECORDS], valid[SHOP_TARGETS], test[SHOP_TARGETS];
    char listed[SHOP_LISTED][REF_ID]; /* the catalogue; some goods twice, some never bought */
    char title[SHOP_LISTED][40];
    char folder[64]; /* of its files, the same on every rank */
} shop;

/** Make the shop and write its files: train-0.csv to train-2.csv, valid.csv, test.csv, items.csv.
 *  The same on every rank; rank 0 writes. COLLECTIVE. */
void shop_open(const dg_comm *c, shop *s);

/** Remove files and folder. COLLECTIVE. */
void shop_close(const dg_comm *c, shop *s);

/** Write a file into the folder on rank 0; the others wait. COLLECTIVE. */
void shop_write(const dg_comm *c, const shop *s, const char *name, const char *text, size_t n);

/** Path of a file in the folder; valid until the 8th next call. LOCAL. */
const char *shop_path(const shop *s, const char *name);

/** Options that read the shop: no split, duplicates last, kinds weighed; small stretches, so that
 *  every rank has some. Free with shop_options_free. LOCAL. */
dg_prepare_options shop_options(const shop *s);
void shop_options_free(dg_prepare_options *o);

/** One path as a list of paths. LOCAL. */
dg_strings shop_paths(const char *path);

/** The records of the shop as the reference wants them; targets only for a split by files. LOCAL.
 */
void shop_inputs(const shop *s, const dg_prepare_options *o, ref_input input[DG_INPUT_ITEMS]);

#endif
