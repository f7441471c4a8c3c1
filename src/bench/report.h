/* report.h - what a bench found: facts and one table, as text for people, as JSON and as CSV.
 *
 * A row is a JSON object with the columns' keys; what a row does not have is left out of it. All
 * LOCAL; nothing here prints. */
#ifndef DG_BENCH_REPORT_H
#define DG_BENCH_REPORT_H
#include "base/status.h"
#include "base/text.h"

#include <jansson.h>

typedef struct dg_report_column {
    const char *key;  /* in JSON and CSV, where numbers stand in plain units: seconds, bytes */
    const char *head; /* over the column of the text; NULL: not shown there */
    double unit;      /* numbers are shown divided by it; 0 as 1 */
    int digits;       /* shown after the point */
    const char *mark; /* shown after the number: "%", "x"; may be NULL */
} dg_report_column;

typedef struct dg_report {
    const char *bench;              /* "kernels", … */
    const dg_report_column *column; /* (n_columns,) borrowed */
    size_t n_columns;
    json_t *facts; /* object: what holds for the whole run */
    json_t *rows;  /* array of objects */
} dg_report;

/** An empty report. Free with dg_report_free. LOCAL. Errors DG_ERR_NOMEM. */
dg_status dg_report_start(const char *bench, const dg_report_column *column, size_t n_columns,
                          dg_report *out, dg_err *err);

/** LOCAL, twice-safe. */
void dg_report_free(dg_report *r);

/** Append the table: heads and rows, columns as wide as they need, texts to the left and numbers to
 *  the right; columns that no row fills are left out. LOCAL. */
void dg_report_table(const dg_report *r, dg_text *out);

/** Append one line of heads and one a row, as RFC 4180 has it. LOCAL. */
void dg_report_csv(const dg_report *r, dg_text *out);

/** {"bench": …, facts…, "rows": […]}, a new reference; NULL when out of memory. LOCAL. */
json_t *dg_report_json(const dg_report *r);

#endif
