/* job_input.h - the job a command was given, and what can be said about it without doing it. */
#ifndef DG_CLI_JOB_INPUT_H
#define DG_CLI_JOB_INPUT_H
#include "cli/command.h"
#include "job/config.h"

/** Does the line ask about the job (--print-config, --dry-run, --help-keys) instead of work? LOCAL.
 */
static inline bool dg_cli_asks_about_job(const dg_cli *cli)
{
    return cli->print_config || cli->dry_run || cli->help_keys;
}

/** Answer such a line. LOCAL, without MPI. Errors as dg_job_parse; for --dry-run also
 * DG_ERR_NOINPUT and DG_ERR_DATA for the job's input files. */
dg_status dg_cli_about_job(const dg_cli *cli, dg_err *err);

/** The job of the first argument (none: of flags and environment alone), its model's options
 *  settled. COLLECTIVE with peers, else LOCAL. Caller destroys. Errors as dg_job_read. */
dg_status dg_cli_job(const dg_cli *cli, const dg_job_tables *tables, dg_job **out, dg_err *err);

/** The same, the model's options not settled: for what still changes some of them. COLLECTIVE or
 *  LOCAL likewise. */
dg_status dg_cli_job_as_given(const dg_cli *cli, const dg_job_tables *tables, dg_job **out,
                              dg_err *err);

/** --work, or runs/NAME, into buf, returned. LOCAL. */
const char *dg_cli_work(const dg_cli *cli, const dg_job *job, char *buf, size_t n);

#endif
