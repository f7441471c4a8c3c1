/* versions.h - what a model's folder in a registry holds, for people and as JSON. */
#ifndef DG_CLI_VERSIONS_H
#define DG_CLI_VERSIONS_H
#include "cli/command.h"

#include <stdbool.h>

/** Is this path a model's folder in a registry? LOCAL. */
bool dg_cli_is_registry(const char *path);

/** Print its versions, aliases and last events. LOCAL. Errors as registry/registry.h. */
dg_status dg_cli_show_versions(const dg_cli *cli, const char *path, dg_err *err);

#endif
