/* line.h - from the command line to a dg_cli, and its help. */
#ifndef DG_CLI_LINE_H
#define DG_CLI_LINE_H
#include "cli/command.h"

/**
 * Parse what stands after the command's name. LOCAL.
 *
 * @param[in]  argv  (argc,) from the command's name on; kept until dg_cli_free
 * @param[out] out   free with dg_cli_free, also after a failure
 *
 * Errors  DG_ERR_USAGE an unknown option (with the nearest one), a missing or superfluous value or
 *         argument; DG_ERR_NOMEM.
 */
dg_status dg_cli_parse(const dg_command *command, int argc, char **argv, dg_cli *out, dg_err *err);

/** LOCAL, twice-safe. */
void dg_cli_free(dg_cli *cli);

/** Help of one command on stdout. LOCAL. */
void dg_cli_help(const dg_command *command);

/** The command named so; NULL, with the error recorded, when there is none. LOCAL. */
const dg_command *dg_cli_find(const char *name, dg_err *err);

/** What `daogou --help` says, on stdout. LOCAL. */
void dg_cli_overview(void);

#endif
