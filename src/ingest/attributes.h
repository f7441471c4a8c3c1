/* attributes.h - attributes as a job declares them, as a catalogue's fields give them, and as
 * columns of a dataset.
 *
 * A declaration is `name: TYPE`, where TYPE is
 *     number                       a decimal number; "", NA, N/A, null, nan and \N are missing
 *     text                         one value; "" is missing
 *     list SEPARATOR               several values, as in `list |`
 *     flags COLUMN[=VALUE] …       a list of the values whose columns hold 1, yes or true
 * and all but flags may end in `from COLUMN`; without, the column has the attribute's name. */
#ifndef DG_INGEST_ATTRIBUTES_H
#define DG_INGEST_ATTRIBUTES_H
#include "base/option.h"
#include "base/text.h"
#include "comm/shards.h"
#include "store/attributes.h"
#include "table/record.h"

enum { DG_ATTRIBUTE_FLAGS_MAX = 256 };

typedef struct dg_attribute_plan { /* one declared attribute */
    char name[DG_ATTRIBUTE_NAME_MAX + 1];
    dg_attribute_type type;
    dg_strings split;  /* one separator; empty but for lists of one column */
    dg_strings column; /* what it is read from, each with its NUL; several only for flags */
    dg_strings value;  /* flags: what each column stands for */
} dg_attribute_plan;

/* Zero-initialise; free with dg_attribute_plans_free. */
typedef struct dg_attribute_plans {
    int32_t n;
    dg_attribute_plan at[DG_ATTRIBUTES_MAX];
} dg_attribute_plans;

/**
 * Read declarations. LOCAL.
 *
 * @param[in] key       for errors: "data.items"
 * @param[in] declared  attribute = TYPE
 * @param[in] features  column = encoder: one_hot, multi_hot and bucket, standardize declare a text,
 *                      a list and numbers where `declared` has no such name; others nothing
 *
 * Errors  DG_ERR_CONFIG "KEY.attributes.NAME: …"; DG_ERR_NOMEM. Free *out either way.
 */
dg_status dg_attribute_plans_read(const char *key, const dg_map *declared, const dg_map *features,
                                  dg_attribute_plans *out, dg_err *err);

/** LOCAL, twice-safe. */
void dg_attribute_plans_free(dg_attribute_plans *p);

/**
 * One attribute of a catalogue's row, as a text that can travel: the number, the value, or the
 * values with DG_VALUE_END between them. LOCAL.
 *
 * @param[in]  field   (p->column.n,) the row's fields
 * @param[out] out     overwritten
 * @param[out] reject  filled but for line and column where the answer is no
 * @return which of the fields is bad, from 0; -1 where all are good
 */
int64_t dg_attribute_take(const dg_attribute_plan *p, const dg_slice *field, dg_text *out,
                          dg_reject *reject);

/**
 * All ranks' texts, sorted by their bytes, each once; the same on every rank. COLLECTIVE.
 *
 * @param[in]  mine  each once
 * @param[in]  what  for errors: "data.items.attributes.brand"
 * Cost    every rank holds them all.
 * Errors  DG_ERR_DATA more than `most` of them; DG_ERR_NOMEM; agreed. Free *out either way.
 */
dg_status dg_texts_of_all(const dg_comm *c, const dg_strings *mine, const char *what, int64_t most,
                          dg_strings *out, dg_err *err);

enum { DG_VALUE_END = '\x1f' };

/**
 * Make columns of texts. COLLECTIVE.
 *
 * @param[in]  text  (plans->n,) of the own rows, as dg_attribute_take left them
 * @param[in]  key   for errors: "data.items"
 *
 * Cost    different texts of an attribute are held by every rank.
 * Errors  DG_ERR_DATA too many different texts; DG_ERR_NOMEM; agreed. Free *out either way.
 */
dg_status dg_attribute_columns_make(const dg_comm *c, const char *key,
                                    const dg_attribute_plans *plans, const dg_strings *text,
                                    dg_attribute_columns *out, dg_err *err);

#endif
