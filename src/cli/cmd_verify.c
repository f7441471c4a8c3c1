#include "artifact/container.h"
#include "base/clock.h"
#include "base/text.h"
#include "cli/command.h"

#include <limits.h>
#include <stdio.h>

static dg_status verify(const char *path, json_t *files, dg_err *err)
{
    dg_container *c = NULL;
    dg_status st = dg_container_open(path, NULL, INT_MAX, &c, err);
    if (st == DG_OK) st = dg_container_verify(c, err);
    if (st == DG_OK)
        json_array_append_new(files, json_pack("{s:s, s:s, s:s}", "path", path, "format",
                                               dg_container_format(c), "content_digest",
                                               dg_container_content(c)));
    dg_container_close(&c);
    return st;
}

/* The first bad file ends it: its error is the answer. */
static dg_status run(const dg_cli *cli, dg_err *err)
{
    json_t *files = json_array();
    for (int k = 0; k < cli->n_args; k++) {
        const double started = dg_now();
        const dg_status st = verify(cli->args[k], files, err);
        if (st != DG_OK) {
            json_decref(files);
            return st;
        }
        char spent[32];
        if (!cli->json)
            printf("%s: whole (%s)\n", cli->args[k],
                   dg_show_seconds(dg_now() - started, spent, sizeof spent));
    }
    if (cli->json) return dg_cli_print_json(json_pack("{s:o}", "files", files), err);
    json_decref(files);
    return DG_OK;
}

const dg_command dg_cmd_verify = {
    .name = "verify",
    .arguments = "FILE…",
    .summary = "check every digest of Daogou files",
    .min_args = 1,
    .max_args = INT_MAX,
    .run = run,
};
