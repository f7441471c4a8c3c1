#include "cli/command.h"

#include <stddef.h>

const dg_command *const dg_commands[] = {
    &dg_cmd_generate,
    &dg_cmd_inspect,
    &dg_cmd_verify,
    NULL,
};
