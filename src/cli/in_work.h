/* in_work.h - do something with a job in its work folder. */
#ifndef DG_CLI_IN_WORK_H
#define DG_CLI_IN_WORK_H
#include "cli/command.h"
#include "job/work.h"

/** Read the job, open its folder, do it, close all; a failure goes to the folder's log too.
 *  COLLECTIVE. Errors as dg_job_read, dg_work_open and `what`, which must be agreed. */
dg_status dg_cli_in_work(const dg_cli *cli,
                         dg_status (*what)(const dg_cli *cli, dg_work *w, dg_err *err),
                         dg_err *err);

#endif
