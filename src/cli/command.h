/* command.h - what a subcommand is, and what the frame hands it.
 *
 * A new command is one file cmd_NAME.c and one line in commands.c. The frame parses the line, says
 * help, starts MPI where it is needed, prints an error once and turns it into the exit code. */
#ifndef DG_CLI_COMMAND_H
#define DG_CLI_COMMAND_H
#include "base/log.h"
#include "base/option.h"
#include "comm/comm.h"

typedef struct dg_cli dg_cli;

typedef struct dg_command {
    const char *name;
    const char *arguments; /* as help shows them: "JOB.yaml", "FILE…" */
    const char *summary;   /* one line; NULL hides it from help */
    int min_args, max_args;
    bool has_job;   /* takes --set, --work, --resume, --dry-run, --print-config, --help-keys */
    bool has_peers; /* runs on all ranks; otherwise MPI is never started */
    bool (*needs_peers)(const dg_cli *cli); /* with has_peers: for this line? NULL: always. LOCAL */
    const dg_option *row; /* flags of its own; --exclude-seen is row "exclude_seen"; may be NULL */
    size_t n_rows, fields_size;
    /** Do it. COLLECTIVE where it has peers, else LOCAL. Results go to stdout, on rank 0 only. */
    dg_status (*run)(const dg_cli *cli, dg_err *err);
} dg_command;

struct dg_cli {
    const dg_command *command;
    char **args; /* (n_args,) what is no option: the job file, files, ids */
    int n_args;
    const char **sets; /* (n_sets,) arguments of --set */
    size_t n_sets;
    const char *work;   /* NULL: runs/NAME */
    const char *resume; /* "auto", "none" or a path */
    bool json, dry_run, print_config, help, help_keys;
    dg_log_level level;
    void *fields;        /* the command's own flags, defaults filled in; NULL where it has none */
    const dg_comm *comm; /* NULL where the command runs without peers */
};

/** All commands in the order help shows them, NULL-terminated. */
extern const dg_command *const dg_commands[];

/** Is this the rank that speaks? Without peers always. LOCAL. */
static inline bool dg_cli_speaks(const dg_cli *cli)
{
    return cli->comm == NULL || cli->comm->rank == 0;
}

/** Print `json` (reference stolen) as one document on stdout. LOCAL. Errors DG_ERR_NOMEM. */
dg_status dg_cli_print_json(json_t *json, dg_err *err);

/* One file each: cmd_NAME.c. */
extern const dg_command dg_cmd_run, dg_cmd_prepare, dg_cmd_train, dg_cmd_evaluate, dg_cmd_export;
extern const dg_command dg_cmd_compare, dg_cmd_online;
extern const dg_command dg_cmd_describe, dg_cmd_similar, dg_cmd_explain;
extern const dg_command dg_cmd_recommend, dg_cmd_generate, dg_cmd_inspect, dg_cmd_verify;
extern const dg_command dg_cmd_plan, dg_cmd_publish, dg_cmd_rollback;
extern const dg_command dg_cmd_token, dg_cmd_tune, dg_cmd_report, dg_cmd_reidentify;
extern const dg_command dg_cmd_keygen, dg_cmd_sign, dg_cmd_encrypt, dg_cmd_decrypt, dg_cmd_layout;
extern const dg_command dg_cmd_doctor, dg_cmd_doctor_probe, dg_cmd_bench;

#endif
