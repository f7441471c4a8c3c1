/* attributes.h - attributes of the goods or of the users by shard: what prepare makes of a
 * catalogue and files carry (artifact/attributes.h). */
#ifndef DG_STORE_ATTRIBUTES_H
#define DG_STORE_ATTRIBUTES_H
#include "artifact/attributes.h"
#include "comm/shards.h"
#include "store/writer.h"

/* One rank's part of a column: its own rows. */
typedef struct dg_attribute_column {
    char name[DG_ATTRIBUTE_NAME_MAX + 1];
    dg_attribute_type type;
    double *number;    /* (own rows,) NaN where missing; NULL for texts */
    int64_t *ptr;      /* (own rows+1,) from 0; NULL for numbers */
    int32_t *code;     /* (ptr[own rows],) values of each row, ascending */
    dg_strings values; /* different texts of all ranks, by their bytes; the same on every rank */
} dg_attribute_column;

/* Zero-initialise; free with dg_attribute_columns_free. */
typedef struct dg_attribute_columns {
    int32_t n; /* the same on every rank; at most DG_ATTRIBUTES_MAX */
    dg_attribute_column *at;
} dg_attribute_columns;

/** Write the columns as GROUP/…, or nothing where there are none. COLLECTIVE. A failure is
 *  remembered by the writer. */
void dg_attribute_columns_write(const dg_comm *c, dg_writer *w, const char *group,
                                const dg_shards *shards, const dg_attribute_columns *a);

/** Load this rank's rows of GROUP/…; n == 0 where the file has none. LOCAL. Errors DG_ERR_DATA,
 *  DG_ERR_NOMEM; free *out either way. */
dg_status dg_attribute_columns_load(const dg_comm *c, const dg_container *f, const char *group,
                                    const dg_shards *shards, dg_attribute_columns *out,
                                    dg_err *err);

/** Column of a name, or NULL. LOCAL. */
const dg_attribute_column *dg_attribute_columns_find(const dg_attribute_columns *a,
                                                     const char *name, size_t n);

/** LOCAL, twice-safe. */
void dg_attribute_columns_free(dg_attribute_columns *a);

#endif
