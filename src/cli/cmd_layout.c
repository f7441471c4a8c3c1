/* cmd_layout.c - an artifact as SageMaker, KServe, Triton or MLflow expect it. */
#include "base/version.h"
#include "cli/access.h"
#include "layout/layout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct flags {
    dg_access_flags access;
    char *name, *image, *storage;
    int64_t version;
} flags;

static const dg_option rows[] = {
    DG_ACCESS_ROWS,
    {.key = "name",
     .type = DG_OPT_TEXT,
     .offset = offsetof(flags, name),
     .help = "of the model (default: the artifact's)"},
    {.key = "version",
     .type = DG_OPT_INT,
     .offset = offsetof(flags, version),
     .fallback = "0",
     .help = "kserve, triton: number of the version folder; 0: one more than the last",
     .min = 0,
     .max = 1e15},
    {.key = "image",
     .type = DG_OPT_TEXT,
     .offset = offsetof(flags, image),
     .fallback = "daogou-serve:latest",
     .help = "kserve: container image that has daogou-serve as its entry point"},
    {.key = "storage",
     .type = DG_OPT_TEXT,
     .offset = offsetof(flags, storage),
     .fallback = "pvc://models",
     .help = "kserve: URI by which the cluster finds FOLDER"},
};

static dg_status make(const dg_cli *cli, dg_layout_kind kind, const dg_access *access, dg_err *err)
{
    const flags *f = cli->fields;
    char made[4096];
    const char *keys = f->access.trusted_keys;
    const dg_layout_options o = {.kind = kind,
                                 .artifact = cli->args[1],
                                 .folder = cli->args[2],
                                 .name = f->name[0] == '\0' ? NULL : f->name,
                                 .version = f->version,
                                 .image = f->image,
                                 .storage = f->storage,
                                 .trusted_keys = keys[0] == '\0' ? NULL : keys,
                                 .access = access};
    const dg_status st = dg_layout_make(&o, made, err);
    if (st != DG_OK) return st;
    if (cli->json)
        return dg_cli_print_json(json_pack("{s:s, s:s}", "kind", cli->args[0], "path", made), err);
    printf("%s\n", made);
    return DG_OK;
}

static dg_status run(const dg_cli *cli, dg_err *err)
{
    dg_layout_kind kind;
    dg_cli_access a;
    const flags *f = cli->fields;
    if (!dg_layout_kind_of(cli->args[0], &kind))
        return DG_FAIL(err, DG_ERR_USAGE,
                       "\"%.60s\": layouts are sagemaker, kserve, triton and mlflow", cli->args[0]);
    dg_status st = dg_cli_access_read(&f->access, &a, err);
    if (st == DG_OK) st = make(cli, kind, &a.access, err);
    dg_cli_access_free(&a);
    return st;
}

const dg_command dg_cmd_layout = {
    .name = "layout",
    .arguments = "sagemaker|kserve|triton|mlflow ARTIFACT FOLDER",
    .summary = "lay an artifact out as a serving platform expects it",
    .min_args = 3,
    .max_args = 3,
    .row = rows,
    .n_rows = sizeof rows / sizeof *rows,
    .fields_size = sizeof(flags),
    .run = run,
};
