/* inside.h - how the parts of the typed view read a file. Internal to artifact/. */
#ifndef DG_ARTIFACT_INSIDE_H
#define DG_ARTIFACT_INSIDE_H
#include "artifact/artifact.h"
#include "artifact/container.h"

/** "FILE: ARRAY: row ROW WHAT", DG_ERR_DATA. LOCAL. */
dg_status dg_artifact__wrong(const dg_artifact *a, const char *array, int64_t row, const char *what,
                             dg_err *err);

/** Map an array of this very shape. LOCAL. Errors DG_ERR_DATA. */
dg_status dg_artifact__map(const dg_artifact *a, const char *array, dg_type type, int64_t n_rows,
                           int64_t n_cols, const void **at, dg_err *err);

/** Map GROUP/{ptr,index,value}, rows ascending and finite. LOCAL. Errors DG_ERR_DATA. */
dg_status dg_artifact__links(const dg_artifact *a, const char *group, int64_t n_rows,
                             int64_t n_cols, dg_links *out, dg_err *err);

/** A text of /meta, dg_alloc'ed; NULL where it may lack. LOCAL. Errors DG_ERR_DATA, DG_ERR_NOMEM.
 */
dg_status dg_artifact__text(const dg_artifact *a, const char *key, bool required, char **out,
                            dg_err *err);

/** A real number of /meta within [min, max]. LOCAL. Errors DG_ERR_DATA. */
dg_status dg_artifact__real(const dg_artifact *a, const char *key, double min, double max,
                            double *out, dg_err *err);

/** Is there such a number in /meta? LOCAL. */
bool dg_artifact__has(const dg_artifact *a, const char *key, bool real);

/** Factors in any precision, and their search copy (rows.c). LOCAL. Errors DG_ERR_DATA,
 *  DG_ERR_NOMEM. */
dg_status dg_artifact__factors(dg_artifact *a, dg_err *err);

/** What folding in needs (fold.c). LOCAL. Errors DG_ERR_DATA, DG_ERR_NOMEM. */
dg_status dg_artifact__fold(dg_artifact *a, dg_err *err);

#endif
