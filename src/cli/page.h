/* page.h - report.html of a run: its figures, and lists of some of its users by the code that
 * serves them. */
#ifndef DG_CLI_PAGE_H
#define DG_CLI_PAGE_H
#include "cli/command.h"
#include "job/work.h"

/**
 * Gather, draw, and write WORK/report.html. COLLECTIVE.
 *
 * @param[out] figures  rank 0: what was drawn, caller's reference; may be NULL
 * Errors  as dg_stage_figures; DG_ERR_IO. Agreed.
 */
dg_status dg_cli_page(dg_work *w, json_t **figures, dg_err *err);

#endif
