#include "cli/saved.h"

#include "artifact/container.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "job/changes.h"
#include "job/checkpoint.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

static bool ends_with(const char *s, const char *ending)
{
    const size_t n = strlen(s), m = strlen(ending);
    return n >= m && strcmp(s + n - m, ending) == 0;
}

bool dg_cli_is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

bool dg_cli_is_checkpoint(const char *path)
{
    return strncmp(file_name(path), "ckpt-", 5) == 0 && ends_with(path, ".h5");
}

bool dg_cli_is_half_written(const char *path) { return ends_with(path, ".tmp"); }

static int wanted(const struct dirent *e)
{
    return ends_with(e->d_name, ".h5") || ends_with(e->d_name, ".h5.tmp");
}

static dg_status add_files(const char *folder, dg_strings *out, dg_err *err)
{
    char path[DG_PATH];
    struct dirent **found = NULL;
    dg_status st = DG_OK;
    const int n = scandir(folder, &found, wanted, alphasort);
    for (int k = 0; k < n; k++) {
        const int used = snprintf(path, sizeof path, "%s/%s", folder, found[k]->d_name);
        if (st == DG_OK && used < (int)sizeof path) /* with its NUL */
            st = dg_strings_add(out, path, (size_t)used + 1, err);
        free(found[k]);
    }
    free(found);
    return st;
}

dg_status dg_cli_folder_files(const char *folder, dg_strings *out, dg_err *err)
{
    static const char *const folders[] = {"checkpoints", "parsed"};
    dg_status st = add_files(folder, out, err);
    for (size_t k = 0; k < sizeof folders / sizeof *folders && st == DG_OK; k++) {
        char below[DG_PATH];
        snprintf(below, sizeof below, "%.4000s/%s", folder, folders[k]);
        st = add_files(below, out, err);
    }
    if (st == DG_OK && out->n == 0)
        st = DG_FAIL(err, DG_ERR_NOINPUT, "%s: there are no Daogou files in this folder", folder);
    return st;
}

void dg_cli_dataset_of(const char *folder, char content[DG_HEX_SIZE])
{
    char path[DG_PATH], whole[PATH_MAX];
    dg_container *c = NULL;
    dg_err ignored;
    const bool below = realpath(folder, whole) != NULL && ends_with(whole, "/checkpoints");
    snprintf(path, sizeof path, "%.4000s/%sdataset.h5", folder, below ? "../" : "");
    content[0] = '\0';
    if (dg_container_open(path, "daogou-dataset", INT_MAX, &c, &ignored) == DG_OK)
        snprintf(content, DG_HEX_SIZE, "%s", dg_container_content(c));
    dg_container_close(&c);
}

/* An attribute that every checkpoint has, into the facts. */
static dg_status take_text(const dg_container *c, const char *name, json_t *facts, dg_err *err)
{
    char *text = NULL;
    const dg_status st = dg_container_text(c, "/meta", name, &text, err);
    if (st == DG_OK) json_object_set_new(facts, name, json_string(text));
    dg_free(text);
    return st;
}

static const char *text_of(const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));
    return text == NULL ? "" : text;
}

dg_status dg_cli_judge_checkpoint(const char *path, const char *dataset, json_t *facts, dg_err *err)
{
    static const char *const texts[] = {"created", "algorithm", "dataset", "config"};
    dg_container *c = NULL;
    int64_t sweep = 0;
    if (dg_cli_is_half_written(path))
        return DG_FAIL(err, DG_ERR_DATA, "%s: half written; the next run removes it", path);
    dg_status st = dg_container_open(path, "daogou-checkpoint", DG_MODEL_VERSION, &c, err);
    for (size_t k = 0; k < sizeof texts / sizeof *texts && st == DG_OK; k++)
        st = take_text(c, texts[k], facts, err);
    if (st == DG_OK) st = dg_container_int(c, "/meta", "sweep", &sweep, err);
    if (st == DG_OK) json_object_set_new(facts, "sweep", json_integer(sweep));
    if (st == DG_OK && dataset[0] != '\0' && strcmp(text_of(facts, "dataset"), dataset) != 0)
        st = DG_FAIL(err, DG_ERR_DATA, "%s: was made with other data than dataset.h5", path);
    dg_container_close(&c);
    return st;
}

static json_t *describe(const char *path, const char *dataset)
{
    struct stat info = {0};
    dg_err why = {.text = ""};
    json_t *o = json_object();
    json_object_set_new(o, "path", json_string(path));
    json_object_set_new(o, "bytes", json_integer(stat(path, &info) == 0 ? info.st_size : 0));
    const bool usable = dg_cli_judge_checkpoint(path, dataset, o, &why) == DG_OK;
    json_object_set_new(o, "usable", json_boolean(usable));
    if (!usable) json_object_set_new(o, "why", json_string(why.text));
    return o;
}

/* Usable ones of another job than the newest say what they have otherwise. */
static dg_status compare(json_t *all, dg_err *err)
{
    size_t k;
    json_t *o, *newest = NULL;
    dg_status st = DG_OK;
    json_array_foreach(all, k, o)
    {
        dg_text differ = {0};
        if (st != DG_OK || !json_is_true(json_object_get(o, "usable"))) continue;
        if (newest == NULL) newest = o;
        st = dg_job_changes(text_of(o, "config"), text_of(newest, "config"), NULL, &differ, err);
        if (differ.n > 0) json_object_set_new(o, "differs", json_string(differ.at));
        dg_text_free(&differ);
    }
    json_array_foreach(all, k, o) json_object_del(o, "config");
    return st;
}

static dg_status collect(const char *folder, json_t *all, dg_err *err)
{
    char dataset[DG_HEX_SIZE];
    dg_strings files = {0};
    dg_status st = dg_cli_folder_files(folder, &files, err);
    dg_cli_dataset_of(folder, dataset);
    for (int64_t k = files.n - 1; k >= 0 && st == DG_OK; k--) { /* newest first */
        size_t n;
        const char *path = dg_strings_at(&files, k, &n);
        if (strncmp(file_name(path), "ckpt-", 5) == 0)
            json_array_append_new(all, describe(path, dataset));
    }
    dg_strings_free(&files);
    return st == DG_OK ? compare(all, err) : st;
}

static void print_human(const char *folder, const json_t *all)
{
    size_t k;
    const json_t *o;
    if (json_array_size(all) == 0) printf("%s: no checkpoints\n", folder);
    json_array_foreach(all, k, o)
    {
        char bytes[32];
        dg_show_bytes((double)json_integer_value(json_object_get(o, "bytes")), bytes, sizeof bytes);
        if (!json_is_true(json_object_get(o, "usable")))
            printf("not usable: %s\n", text_of(o, "why"));
        else
            printf("usable: %s: sweep %lld of %s, %s, %s%s%s\n", text_of(o, "path"),
                   (long long)json_integer_value(json_object_get(o, "sweep")),
                   text_of(o, "algorithm"), bytes, text_of(o, "created"),
                   json_object_get(o, "differs") == NULL ? "" : "; not as the newest: ",
                   text_of(o, "differs"));
    }
}

dg_status dg_cli_show_saved(const dg_cli *cli, const char *folder, dg_err *err)
{
    json_t *all = json_array();
    const dg_status st = collect(folder, all, err);
    if (st == DG_OK && cli->json)
        return dg_cli_print_json(json_pack("{s:s, s:o}", "folder", folder, "checkpoints", all),
                                 err);
    if (st == DG_OK) print_human(folder, all);
    json_decref(all);
    return st;
}
