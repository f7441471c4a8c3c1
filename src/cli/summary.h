/* summary.h - what a run came to, as a table for people. */
#ifndef DG_CLI_SUMMARY_H
#define DG_CLI_SUMMARY_H
#include "job/work.h"

/** Print the stages of the record, the metrics and where the results lie, on stdout. LOCAL. */
void dg_cli_print_summary(const dg_work *w);

#endif
