/* charts.h - the pictures of a report. Internal to report/. Each appends a <figure>, or nothing
 * where the figures have nothing for it. All LOCAL. */
#ifndef DG_REPORT_CHARTS_H
#define DG_REPORT_CHARTS_H
#include "base/text.h"

#include <jansson.h>

/** Loss by sweep, and its parts. */
void dg_chart_loss(const json_t *figures, dg_text *out);

/** Measures after sweeps, of sweeps[k].judged. */
void dg_chart_judged(const json_t *figures, dg_text *out);

/** Ratings to train on a second, of each sweep. */
void dg_chart_rate(const json_t *figures, dg_text *out);

/** How long each rank worked in the last sweep, the whole sweep as the bar to reach. */
void dg_chart_ranks(const json_t *figures, dg_text *out);

/** Ratings of items by falling popularity; what share the most popular have. */
void dg_chart_tail(const json_t *figures, dg_text *out);
void dg_chart_concentration(const json_t *figures, dg_text *out);

/** A measure by slices of users: metrics.by_history. */
void dg_chart_history(const json_t *figures, const char *measure, dg_text *out);

/** Recall by slices of items: metrics.by_popularity and, where it is there, by_attribute. */
void dg_chart_slices(const json_t *figures, const char *measure, dg_text *out);

#endif
