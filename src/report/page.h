/* page.h - report.html: a run on one page that opens offline, without scripts or files of others.
 *
 * A pure function of the figures, so that what a page shows can be tested without a run. Parts that
 * the figures lack are left out. */
#ifndef DG_REPORT_PAGE_H
#define DG_REPORT_PAGE_H
#include "base/text.h"

#include <jansson.h>

/**
 * Append the page. LOCAL; check html->failed.
 *
 * @param[in] figures  as dg_stage_figures gathers them (job/figures.h), and "examples": [{"user",
 *                     "history": [names], "items": [{"name", "score", "because": [names]}]}]
 */
void dg_report_page(const json_t *figures, dg_text *html);

/** The same in a few lines for a terminal. LOCAL. */
void dg_report_lines(const json_t *figures, dg_text *out);

#endif
