/* summary.h - what a run came to, as a table for people. */
#ifndef DG_CLI_SUMMARY_H
#define DG_CLI_SUMMARY_H
#include "cli/command.h"
#include "job/work.h"

/** Print the stages of the record, the metrics and where the results lie, on stdout. LOCAL. */
void dg_cli_print_summary(const dg_work *w);

/** Finish the record, and say what came of the run as the command line wants it. COLLECTIVE.
 *  Errors as dg_work_finish; not agreed. */
dg_status dg_cli_report(const dg_cli *cli, dg_work *w, dg_err *err);

#endif
