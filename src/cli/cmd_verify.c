#include "artifact/container.h"
#include "base/clock.h"
#include "base/text.h"
#include "cli/saved.h"
#include "serve/guard/audit.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

/* The chain of a serving node's audit log, with what to keep of it elsewhere. */
static dg_status verify_audit(const char *path, json_t *facts, dg_err *err)
{
    dg_audit_seen seen;
    const dg_status st = dg_audit_verify(path, &seen, err);
    if (st != DG_OK) return st;
    json_object_set_new(facts, "format", json_string("daogou-audit"));
    json_object_set_new(facts, "lines", json_integer(seen.lines));
    json_object_set_new(facts, "last_hash", json_string(seen.last));
    return DG_OK;
}

static dg_status verify(const char *path, json_t *facts, dg_err *err)
{
    dg_container *c = NULL;
    if (dg_audit_is(path)) return verify_audit(path, facts, err);
    dg_status st = dg_container_open(path, NULL, INT_MAX, &c, err);
    if (st == DG_OK) st = dg_container_verify(c, err);
    if (st == DG_OK) {
        json_object_set_new(facts, "format", json_string(dg_container_format(c)));
        json_object_set_new(facts, "content_digest", json_string(dg_container_content(c)));
    }
    dg_container_close(&c);
    return st;
}

/* Why a file of a folder cannot be used; what is half written is no damage. */
static dg_status look_at(const char *path, const char *dataset, json_t *facts, bool *damaged,
                         dg_err *err)
{
    json_t *more = json_object();
    const bool half = dg_cli_is_half_written(path);
    dg_status st = half ? DG_OK : verify(path, facts, err);
    *damaged = st != DG_OK;
    if (half || (st == DG_OK && dg_cli_is_checkpoint(path)))
        st = dg_cli_judge_checkpoint(path, dataset, more, err);
    json_decref(more);
    return st;
}

/* The others are looked at whatever it is like. */
static bool is_damaged(const dg_cli *cli, const char *path, const char *dataset, json_t *files)
{
    bool damaged;
    dg_err why = {.text = ""};
    json_t *facts = json_pack("{s:s}", "path", path);
    const bool usable = look_at(path, dataset, facts, &damaged, &why) == DG_OK;
    json_object_set_new(facts, "usable", json_boolean(usable));
    if (!usable) json_object_set_new(facts, "why", json_string(why.text));
    if (!cli->json && usable) printf("%s: whole\n", path);
    if (!cli->json && !usable) printf("not usable: %s\n", why.text);
    json_array_append_new(files, facts);
    return damaged;
}

static dg_status verify_folder(const dg_cli *cli, const char *folder, json_t *files, dg_err *err)
{
    char dataset[DG_HEX_SIZE];
    dg_strings paths = {0};
    int64_t n_damaged = 0;
    dg_status st = dg_cli_folder_files(folder, &paths, err);
    dg_cli_dataset_of(folder, dataset);
    for (int64_t k = 0; k < paths.n && st == DG_OK; k++) {
        size_t n;
        const char *path = dg_strings_at(&paths, k, &n);
        n_damaged += is_damaged(cli, path, dataset, files);
    }
    if (st == DG_OK && n_damaged > 0)
        st = DG_FAIL(err, DG_ERR_DATA, "%s: %lld of %lld files are damaged", folder,
                     (long long)n_damaged, (long long)paths.n);
    dg_strings_free(&paths);
    return st;
}

static dg_status verify_file(const dg_cli *cli, const char *path, json_t *files, dg_err *err)
{
    const double started = dg_now();
    char spent[32];
    json_t *facts = json_pack("{s:s}", "path", path);
    const dg_status st = verify(path, facts, err);
    if (st == DG_OK && !cli->json)
        printf("%s: whole (%s)\n", path, dg_show_seconds(dg_now() - started, spent, sizeof spent));
    if (st == DG_OK) json_array_append(files, facts);
    json_decref(facts);
    return st;
}

/* The first bad file or folder ends it: its error is the answer. Of a folder all is told. */
static dg_status run(const dg_cli *cli, dg_err *err)
{
    json_t *files = json_array();
    dg_status st = DG_OK;
    bool folder = false;
    for (int k = 0; k < cli->n_args && st == DG_OK; k++) {
        folder = dg_cli_is_folder(cli->args[k]);
        st = folder ? verify_folder(cli, cli->args[k], files, err)
                    : verify_file(cli, cli->args[k], files, err);
    }
    if (cli->json && (st == DG_OK || (folder && json_array_size(files) > 0))) {
        dg_err unprinted;
        const dg_status printed = dg_cli_print_json(json_pack("{s:o}", "files", files), &unprinted);
        if (st == DG_OK && printed != DG_OK) *err = unprinted;
        return st == DG_OK ? printed : st;
    }
    json_decref(files);
    return st;
}

const dg_command dg_cmd_verify = {
    .name = "verify",
    .arguments = "FILE|FOLDER…",
    .summary =
        "check every digest of Daogou files, of all in a work folder, or the chain of an audit log",
    .min_args = 1,
    .max_args = INT_MAX,
    .run = run,
};
