/* cmd_rollback.c - make an earlier version the champion again, in one command. */
#include "artifact/container.h"
#include "base/file.h"
#include "cli/command.h"
#include "registry/registry.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

typedef struct flags {
    char *registry, *model, *to, *why;
} flags;

#define FIELD(f) offsetof(flags, f)

static const dg_option rows[] = {
    {.key = "registry",
     .type = DG_OPT_TEXT,
     .offset = FIELD(registry),
     .fallback = "registry",
     .help = "Folder of the registry"},
    {.key = "model", .type = DG_OPT_TEXT, .offset = FIELD(model), .help = "Name of the model"},
    {.key = "to",
     .type = DG_OPT_TEXT,
     .offset = FIELD(to),
     .help = "Version, the beginning of one, or challenger; by default the champion before"},
    {.key = "why",
     .type = DG_OPT_TEXT,
     .offset = FIELD(why),
     .help = "What the history keeps as the reason"},
};

/* A version that cannot be served is no place to go back to. */
static dg_status check_version(const flags *f, const char *version, char content[DG_HEX_SIZE],
                               dg_err *err)
{
    char path[DG_PATH];
    dg_container *artifact = NULL;
    dg_registry_path(f->registry, f->model, version, "artifact.h5", path);
    const dg_status st =
        dg_container_open_for(path, "daogou-artifact", INT_MAX, NULL, &artifact, err);
    if (st == DG_OK) snprintf(content, DG_HEX_SIZE, "%s", dg_container_content(artifact));
    dg_container_close(&artifact);
    return st;
}

static dg_status switch_to(dg_registry *r, const flags *f, char from[DG_VERSION_SIZE],
                           char to[DG_VERSION_SIZE], dg_err *err)
{
    char content[DG_HEX_SIZE];
    const dg_current *now = dg_registry_state(r);
    snprintf(from, DG_VERSION_SIZE, "%s", now->champion);
    dg_status st =
        f->to[0] == '\0' ? dg_registry_previous(r, to, err) : dg_registry_find(r, f->to, to, err);
    if (st != DG_OK) return st;
    if (strcmp(from, to) == 0) return DG_FAIL(err, DG_ERR_USAGE, "%s is the champion already", to);
    st = check_version(f, to, content, err);
    if (st != DG_OK) return st;
    json_t *more = json_pack("{s:s}", "artifact_digest", content);
    const dg_change change = {.what = "rollback",
                              .why = f->why[0] == '\0' ? "asked for" : f->why,
                              .version = to,
                              .champion = to,
                              .challenger = strcmp(now->challenger, to) == 0 ? "" : now->challenger,
                              .more = more};
    st = dg_registry_change(r, &change, err);
    json_decref(more);
    return st;
}

static dg_status run(const dg_cli *cli, dg_err *err)
{
    const flags *f = cli->fields;
    char from[DG_VERSION_SIZE], to[DG_VERSION_SIZE];
    dg_registry *r = NULL;
    if (f->model[0] == '\0') {
        DG_FAIL(err, DG_ERR_USAGE, "which model? give --model NAME");
        return dg_err_hint(err, DG_ERR_USAGE, "daogou rollback --help");
    }
    dg_status st = dg_registry_open(f->registry, f->model, 600, false, &r, err);
    if (st == DG_OK) st = switch_to(r, f, from, to, err);
    dg_registry_close(&r);
    if (st != DG_OK) return st;
    if (cli->json)
        return dg_cli_print_json(
            json_pack("{s:s, s:s, s:s}", "model", f->model, "from", from, "to", to), err);
    printf("%s: %s is the champion, in place of %s\n", f->model, to, from);
    return DG_OK;
}

const dg_command dg_cmd_rollback = {
    .name = "rollback",
    .arguments = "",
    .summary = "make an earlier version of a model the champion again",
    .min_args = 0,
    .max_args = 0,
    .row = rows,
    .n_rows = sizeof rows / sizeof *rows,
    .fields_size = sizeof(flags),
    .run = run,
};
