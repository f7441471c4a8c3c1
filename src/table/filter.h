/* filter.h - which rows of a file are passed over, by what stands in their columns. */
#ifndef DG_TABLE_FILTER_H
#define DG_TABLE_FILTER_H
#include "base/option.h"
#include "table/dialect.h"

#include <stdbool.h>

enum { DG_FILTERS_MAX = 16 };

typedef struct dg_filter {
    char *column; /* name in the header, else number from 1 */
    char *test;   /* as the job has it */
    bool keep;    /* rows that pass the test stay; else they go */
} dg_filter;

/* Zero-initialise; free with dg_filters_free. Rows meet the filters in this order. */
typedef struct dg_filters {
    int32_t n;
    dg_filter at[DG_FILTERS_MAX];
} dg_filters;

/**
 * Read the filters of a job. LOCAL.
 *
 * A test is one or more of these with "|" between them, blanks around each ignored; it is passed by
 * a field that passes any: `< N`, `<= N`, `> N`, `>= N` for numbers in that range, text with `*`
 * for any run of bytes, nothing for an empty field.
 *
 * @param[in]  drop, keep  column to test
 * @param[out] out         empty on failure
 *
 * Errors  DG_ERR_CONFIG a bound that is not a number, more than DG_FILTERS_MAX filters;
 *         DG_ERR_NOMEM.
 */
dg_status dg_filters_read(const dg_map *drop, const dg_map *keep, dg_filters *out, dg_err *err);

/** Does a field pass a test? LOCAL, O(bytes of both, or their product where the test has `*`). */
bool dg_filter_passes(const char *test, dg_slice field);

/** The first filter that passes a row over, -1 for none. LOCAL.
 *  @param[in] field   the row's fields
 *  @param[in] column  (f->n,) field of each filter */
int32_t dg_filters_find(const dg_filters *f, const dg_slice *field, const int32_t *column);

/** LOCAL, twice-safe. */
void dg_filters_free(dg_filters *f);

#endif
