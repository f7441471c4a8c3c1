#include "cli/command.h"

#include <limits.h>

const dg_command dg_commands[] = {
    {.name = "inspect",
     .arguments = "FILE",
     .summary = "show what a Daogou file holds",
     .min_args = 1,
     .max_args = 1,
     .run = dg_cmd_inspect},
    {.name = "verify",
     .arguments = "FILE…",
     .summary = "check every digest of Daogou files",
     .min_args = 1,
     .max_args = INT_MAX,
     .run = dg_cmd_verify},
    {0},
};
