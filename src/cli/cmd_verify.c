#include "artifact/container.h"
#include "base/clock.h"
#include "base/text.h"
#include "cli/access.h"
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

static void add_id(json_t *facts, const char *key, const char *id)
{
    if (id != NULL) json_object_set_new(facts, key, json_string(id));
}

static dg_status verify(const char *path, const dg_access *access, json_t *facts, dg_err *err)
{
    dg_container *c = NULL;
    if (dg_audit_is(path)) return verify_audit(path, facts, err);
    dg_status st = dg_container_open_for(path, NULL, INT_MAX, access, &c, err);
    if (st == DG_OK) st = dg_container_verify(c, err);
    if (st == DG_OK) {
        json_object_set_new(facts, "format", json_string(dg_container_format(c)));
        json_object_set_new(facts, "content_digest", json_string(dg_container_content(c)));
        add_id(facts, "signed_by", dg_container_signed(c));
        add_id(facts, "encrypted_with", dg_container_encrypted(c));
    }
    dg_container_close(&c);
    return st;
}

/* Why a file of a folder cannot be used; what is half written is no damage. */
static dg_status look_at(const char *path, const dg_access *access, const char *dataset,
                         json_t *facts, bool *damaged, dg_err *err)
{
    static const dg_access nothing; /* of all files only artifacts are signed */
    const bool is_artifact = strcmp(basename(path), "artifact.h5") == 0;
    json_t *more = json_object();
    const bool half = dg_cli_is_half_written(path);
    dg_status st = half ? DG_OK : verify(path, is_artifact ? access : &nothing, facts, err);
    *damaged = st != DG_OK;
    if (half || (st == DG_OK && dg_cli_is_checkpoint(path)))
        st = dg_cli_judge_checkpoint(path, dataset, more, err);
    json_decref(more);
    return st;
}

/* The others are looked at whatever it is like. */
static bool is_damaged(const dg_cli *cli, const dg_access *access, const char *path,
                       const char *dataset, json_t *files)
{
    bool damaged;
    dg_err why = {.text = ""};
    json_t *facts = json_pack("{s:s}", "path", path);
    const bool usable = look_at(path, access, dataset, facts, &damaged, &why) == DG_OK;
    json_object_set_new(facts, "usable", json_boolean(usable));
    if (!usable) json_object_set_new(facts, "why", json_string(why.text));
    if (!cli->json && usable) printf("%s: whole\n", path);
    if (!cli->json && !usable) printf("not usable: %s\n", why.text);
    json_array_append_new(files, facts);
    return damaged;
}

static dg_status verify_folder(const dg_cli *cli, const dg_access *access, const char *folder,
                               json_t *files, dg_err *err)
{
    char dataset[DG_HEX_SIZE];
    dg_strings paths = {0};
    int64_t n_damaged = 0;
    dg_status st = dg_cli_folder_files(folder, &paths, err);
    dg_cli_dataset_of(folder, dataset);
    for (int64_t k = 0; k < paths.n && st == DG_OK; k++) {
        size_t n;
        const char *path = dg_strings_at(&paths, k, &n);
        n_damaged += is_damaged(cli, access, path, dataset, files);
    }
    if (st == DG_OK && n_damaged > 0)
        st = DG_FAIL(err, DG_ERR_DATA, "%s: %lld of %lld files are damaged", folder,
                     (long long)n_damaged, (long long)paths.n);
    dg_strings_free(&paths);
    return st;
}

/* With how far the signature was looked at. */
static void print_whole(const char *path, const dg_access *access, const json_t *facts,
                        double seconds)
{
    char spent[32];
    const char *by = json_string_value(json_object_get(facts, "signed_by"));
    const char *with = json_string_value(json_object_get(facts, "encrypted_with"));
    printf("%s: whole", path);
    if (by != NULL && access->trusted != NULL) printf(", signed by key %s, which is trusted", by);
    if (by != NULL && access->trusted == NULL)
        printf(", signed by key %s (--trusted-keys FILE tells whether to trust it)", by);
    if (with != NULL) printf(", encrypted with key %s", with);
    printf(" (%s)\n", dg_show_seconds(seconds, spent, sizeof spent));
}

static dg_status verify_file(const dg_cli *cli, const dg_access *access, const char *path,
                             json_t *files, dg_err *err)
{
    const double started = dg_now();
    json_t *facts = json_pack("{s:s}", "path", path);
    const dg_status st = verify(path, access, facts, err);
    if (st == DG_OK && !cli->json) print_whole(path, access, facts, dg_now() - started);
    if (st == DG_OK) json_array_append(files, facts);
    json_decref(facts);
    return st;
}

/* The first bad file or folder ends it: its error is the answer. Of a folder all is told. */
static dg_status run(const dg_cli *cli, dg_err *err)
{
    json_t *files = json_array();
    dg_cli_access a;
    dg_status st = dg_cli_access_read(cli->fields, &a, err);
    bool folder = false;
    for (int k = 0; k < cli->n_args && st == DG_OK; k++) {
        folder = dg_cli_is_folder(cli->args[k]);
        st = folder ? verify_folder(cli, &a.access, cli->args[k], files, err)
                    : verify_file(cli, &a.access, cli->args[k], files, err);
    }
    dg_cli_access_free(&a);
    if (cli->json && (st == DG_OK || (folder && json_array_size(files) > 0))) {
        dg_err unprinted;
        const dg_status printed = dg_cli_print_json(json_pack("{s:o}", "files", files), &unprinted);
        if (st == DG_OK && printed != DG_OK) *err = unprinted;
        return st == DG_OK ? printed : st;
    }
    json_decref(files);
    return st;
}

static const dg_option rows[] = {DG_ACCESS_ROWS};

const dg_command dg_cmd_verify = {
    .name = "verify",
    .arguments = "FILE|FOLDER…",
    .summary =
        "check every digest of Daogou files, of all in a work folder, or the chain of an audit log",
    .min_args = 1,
    .max_args = INT_MAX,
    .row = rows,
    .n_rows = sizeof rows / sizeof *rows,
    .fields_size = sizeof(dg_access_flags),
    .run = run,
};
