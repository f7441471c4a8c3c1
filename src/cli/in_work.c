#include "cli/in_work.h"

#include "cli/job_input.h"
#include "job/tables.h"

dg_status dg_cli_in_work(const dg_cli *cli,
                         dg_status (*what)(const dg_cli *cli, dg_work *w, dg_err *err), dg_err *err)
{
    char folder[DG_WORK_PATH];
    dg_job *job = NULL;
    dg_work w;
    dg_status st = dg_cli_job(cli, dg_job_tables_all(NULL), &job, err);
    if (st != DG_OK) return st;
    dg_cli_work(cli, job, folder, sizeof folder);
    st = dg_work_open(cli->comm, job, folder, cli->resume, &w, err);
    if (st == DG_OK) {
        st = what(cli, &w, err);
        if (st != DG_OK) dg_log(DG_LOG_DEBUG, "failed", "%s", err->text); /* main tells people */
        dg_watch_ended(w.watch, dg_status_exit(st));
        dg_work_close(&w);
    }
    dg_job_destroy(&job);
    return st;
}
