#include "cli/versions.h"

#include "registry/registry.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* "registry/shop" is model shop of registry; "shop", of "."; a slash at the end says nothing. */
static void split_path(const char *path, char dir[DG_PATH], char model[DG_MODEL_NAME_MAX + 1])
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/') n--;
    const char *slash = memrchr(path, '/', n);
    const char *name = slash == NULL ? path : slash + 1;
    snprintf(model, DG_MODEL_NAME_MAX + 1, "%.*s", (int)(path + n - name), name);
    if (slash == NULL)
        snprintf(dir, DG_PATH, ".");
    else
        snprintf(dir, DG_PATH, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}

bool dg_cli_is_registry(const char *path)
{
    char file[DG_PATH];
    snprintf(file, sizeof file, "%.4000s/CURRENT", path);
    if (access(file, F_OK) == 0) return true;
    snprintf(file, sizeof file, "%.4000s/history.jsonl", path);
    return access(file, F_OK) == 0;
}

/* What version.json tells, with what it is now. */
static json_t *describe(const char *dir, const char *model, const char *version,
                        const dg_current *now)
{
    char path[DG_PATH];
    dg_registry_path(dir, model, version, "version.json", path);
    json_t *own = json_load_file(path, 0, NULL), *out = json_object();
    static const char *const told[] = {"time",         "who",
                                       "why",          "algorithm",
                                       "what",         "artifact_digest",
                                       "model_digest", "dataset_digest",
                                       "split_digest", "metrics"};
    json_object_set_new(out, "version", json_string(version));
    json_object_set_new(out, "alias",
                        strcmp(version, now->champion) == 0     ? json_string("champion")
                        : strcmp(version, now->challenger) == 0 ? json_string("challenger")
                                                                : json_null());
    for (size_t k = 0; k < sizeof told / sizeof *told; k++) {
        json_t *value = json_object_get(own, told[k]);
        if (value != NULL) json_object_set(out, told[k], value);
    }
    json_decref(own);
    return out;
}

static dg_status collect(const char *dir, const char *model, json_t **out, dg_err *err)
{
    dg_current now = {0};
    dg_strings names = {0};
    json_t *history = NULL, *versions = json_array();
    dg_status st = dg_registry_current(dir, model, &now, err);
    if (st == DG_OK) st = dg_registry_versions(dir, model, &names, err);
    if (st == DG_OK) st = dg_registry_history(dir, model, &history, err);
    for (int64_t k = 0; k < names.n && st == DG_OK; k++) {
        char version[DG_VERSION_SIZE];
        size_t n;
        const char *at = dg_strings_at(&names, k, &n);
        snprintf(version, sizeof version, "%.*s", (int)n, at);
        json_array_append_new(versions, describe(dir, model, version, &now));
    }
    dg_strings_free(&names);
    *out = NULL;
    if (st == DG_OK)
        *out = json_pack("{s:s, s:s, s:s, s:O, s:O}", "model", model, "champion", now.champion,
                         "challenger", now.challenger, "versions", versions, "history", history);
    json_decref(versions);
    json_decref(history);
    return st;
}

static const char *text_of(const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));
    return text == NULL ? "" : text;
}

static void print_human(const json_t *doc)
{
    size_t k;
    const json_t *v;
    printf("%s: champion %s%s%s\n\n", text_of(doc, "model"), text_of(doc, "champion"),
           text_of(doc, "challenger")[0] == '\0' ? "" : ", challenger ",
           text_of(doc, "challenger"));
    printf("  %-26s %-10s %-20s %-10s %s\n", "version", "alias", "published", "algorithm", "why");
    json_array_foreach(json_object_get(doc, "versions"), k, v)
        printf("  %-26s %-10s %-20s %-10s %s\n", text_of(v, "version"), text_of(v, "alias"),
               text_of(v, "time"), text_of(v, "algorithm"), text_of(v, "why"));
    printf("\n  %-5s %-20s %-9s %-26s %-12s %s\n", "event", "time", "what", "version", "who",
           "why");
    json_array_foreach(json_object_get(doc, "history"), k, v)
        printf("  %5lld %-20s %-9s %-26s %-12s %s\n",
               (long long)json_integer_value(json_object_get(v, "event")), text_of(v, "time"),
               text_of(v, "what"), text_of(v, "version"),
               text_of(json_object_get(v, "who"), "user"), text_of(v, "why"));
}

dg_status dg_cli_show_versions(const dg_cli *cli, const char *path, dg_err *err)
{
    char dir[DG_PATH], model[DG_MODEL_NAME_MAX + 1];
    json_t *doc = NULL;
    split_path(path, dir, model);
    const dg_status st = collect(dir, model, &doc, err);
    if (st == DG_OK && cli->json) return dg_cli_print_json(doc, err);
    if (st == DG_OK) print_human(doc);
    json_decref(doc);
    return st;
}
