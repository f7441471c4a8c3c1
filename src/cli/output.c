#include "cli/command.h"

#include <stdio.h>

dg_status dg_cli_print_json(json_t *json, dg_err *err)
{
    const int failed = json_dumpf(json, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
    json_decref(json);
    putchar('\n');
    return failed ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory printing JSON") : DG_OK;
}
