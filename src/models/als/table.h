/* table.h - one side's factors as the rows of the other side are solved from them: the matrix
 * itself, or a copy: in half precision, which is half as much to fetch and to send; of the rows of
 * a plan only (comm/rows.h); or both. Internal to als/. */
#ifndef DG_MODELS_ALS_TABLE_H
#define DG_MODELS_ALS_TABLE_H
#include "comm/matrix.h"
#include "models/als/options.h"

typedef struct dg_als_table {
    dg_matrix *factors; /* borrowed */
    dg_matrix copy; /* (…, d), or of halves (…, width / 2) floats that are two each; or nothing */
    bool half;
    float unscale; /* a half times this is the number; a power of two */
} dg_als_table;

/** Should rows be solved from halves? A function of the options and the table's size alone. LOCAL.
 */
bool dg_als_wants_half(const dg_als_options *o, int64_t n_rows, int d);

/** Floats a row of the table takes, in halves or not. LOCAL. */
int dg_als_table_columns(int d, bool half);

/** A table of `factors`, in halves or not; of the rows of a plan (borrowed), or of all where it is
 *  NULL. COLLECTIVE. Errors DG_ERR_NOMEM, agreed. */
dg_status dg_als_table_create(const dg_comm *c, const dg_shards *shards, dg_matrix *factors,
                              bool half, dg_rows *rows, dg_als_table *out, dg_err *err);

/** Own rows are as rows are to be solved from: let everybody see them. COLLECTIVE. Between nodes
 *  halves are sent where there are any, else floats. Cost 4 n d bytes read once, for halves. */
void dg_als_table_publish(const dg_comm *c, dg_als_table *t);

/** What is published and read. LOCAL. */
static inline const dg_matrix *dg_als_table_read(const dg_als_table *t)
{
    return t->copy.at == NULL ? t->factors : &t->copy;
}

/** The halves, (…, width), or NULL. LOCAL. */
static inline const uint16_t *dg_als_table_half(const dg_als_table *t)
{
    return t->half ? (const uint16_t *)(const void *)t->copy.at : NULL;
}

/** COLLECTIVE, twice-safe. */
void dg_als_table_destroy(dg_als_table *t);

#endif
