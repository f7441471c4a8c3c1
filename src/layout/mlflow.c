#include "base/memory.h"
#include "layout/kinds.h"
#include "layout/reader.h" /* made of docs/examples/daogou_artifact.py */

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char inputs[] = "[{\"type\": \"string\", \"name\": \"user\", \"required\": true}]";
static const char outputs[] = "[{\"type\": \"array\", \"items\": {\"type\": \"string\"}, \"name\": "
                              "\"item\", \"required\": true}, "
                              "{\"type\": \"array\", \"items\": {\"type\": \"double\"}, \"name\": "
                              "\"score\", \"required\": true}, "
                              "{\"type\": \"string\", \"name\": \"source\", \"required\": true}]";
static const char params[] =
    "[{\"name\": \"k\", \"type\": \"integer\", \"default\": 10, \"shape\": null}, "
    "{\"name\": \"exclude_seen\", \"type\": \"boolean\", \"default\": true, \"shape\": null}]";

static void add_pair(dg_text *t, const char *key, const char *value)
{
    dg_text_add(t, "%s: ", key);
    dg_layout__quote(t, value);
    dg_text_add(t, "\n");
}

/* "2026-11-22T08:42:15Z" as MLflow writes times. */
static void add_created(dg_text *t, const char *created)
{
    if (created == NULL || strlen(created) != 20) return;
    dg_text_add(t, "utc_time_created: \"%.10s %.8s.000000\"\n", created, created + 11);
}

static dg_status put_model(const dg_laying *l, const char *folder, dg_err *err)
{
    const dg_artifact *a = l->a;
    dg_text t = {0};
    add_pair(&t, "artifact_path", l->name);
    dg_text_add(&t, "flavors:\n  python_function:\n    loader_module: daogou_artifact\n"
                    "    code: code\n    data: data\n    env: {virtualenv: python_env.yaml}\n"
                    "    python_version: \"3.11\"\n  daogou:\n    data: data/artifact.h5\n    ");
    add_pair(&t, "algorithm", a->algorithm);
    dg_text_add(&t, "    format_version: %d\n    ", DG_ARTIFACT_VERSION);
    add_pair(&t, "content_digest", a->content);
    dg_text_add(&t, "model_uuid: %.32s\n", a->content);
    add_created(&t, a->created);
    dg_text_add(&t, "signature:\n  ");
    add_pair(&t, "inputs", inputs);
    dg_text_add(&t, "  ");
    add_pair(&t, "outputs", outputs);
    dg_text_add(&t, "  ");
    add_pair(&t, "params", params);
    dg_text_add(&t, "saved_input_example_info:\n  artifact_path: input_example.json\n"
                    "  type: dataframe\n  pandas_orient: split\n");
    dg_text_add(&t, "metadata: {card: %s, metrics: %s}\n", a->card == NULL ? "{}" : a->card,
                a->metrics == NULL ? "{}" : a->metrics);
    return dg_layout__put(folder, "MLmodel", &t, err);
}

/* The first user there is. */
static dg_status put_example(const dg_laying *l, const char *folder, dg_err *err)
{
    dg_text t = {0};
    size_t n = 0;
    const char *id = l->a->n_users > 0 ? dg_names_at(&l->a->user_id, 0, &n) : "";
    json_t *example = json_pack("{s:[s], s:[[s%]]}", "columns", "user", "data", id, n);
    char *text = example == NULL ? NULL : json_dumps(example, 0);
    if (text == NULL) t.failed = true;
    if (text != NULL) dg_text_add(&t, "%s\n", text);
    free(text);
    json_decref(example);
    return dg_layout__put(folder, "input_example.json", &t, err);
}

static dg_status put_text(const char *folder, const char *file, const char *bytes, size_t n,
                          dg_err *err)
{
    char path[DG_PATH];
    return dg_file_replace(dg_layout__path(folder, file, path), bytes, n, err);
}

static dg_status fill(const dg_laying *l, const char *folder, dg_err *err)
{
    static const char environment[] = "python: \"3.11\"\ndependencies:\n  - -r requirements.txt\n";
    static const char requirements[] = "h5py\nnumpy\n";
    char code[DG_PATH], data[DG_PATH], file[DG_PATH];
    dg_layout__path(folder, "code", code);
    dg_layout__path(folder, "data", data);
    dg_status st = dg_folder_make(code, err);
    if (st == DG_OK) st = dg_folder_make(data, err);
    if (st == DG_OK)
        st = dg_file_copy(l->o->artifact, dg_layout__path(data, "artifact.h5", file), err);
    if (st == DG_OK)
        st = put_text(code, "daogou_artifact.py", (const char *)dg_reader_text,
                      sizeof dg_reader_text, err);
    if (st == DG_OK)
        st = put_text(folder, "python_env.yaml", environment, sizeof environment - 1, err);
    if (st == DG_OK)
        st = put_text(folder, "requirements.txt", requirements, sizeof requirements - 1, err);
    if (st == DG_OK) st = put_example(l, folder, err);
    return st == DG_OK ? put_model(l, folder, err) : st;
}

static void remove_all(const char *folder)
{
    char path[DG_PATH];
    dg_err ignored;
    dg_folder_remove(dg_layout__path(folder, "code", path), &ignored);
    dg_folder_remove(dg_layout__path(folder, "data", path), &ignored);
    dg_folder_remove(folder, &ignored);
}

dg_status dg_layout__mlflow(const dg_laying *l, dg_err *err)
{
    char unfinished[DG_PATH];
    if (dg_container_encrypted(l->a->file) != NULL)
        return DG_FAIL(err, DG_ERR_CONFIG, "%s: is encrypted, which a reader in Python cannot open",
                       l->o->artifact);
    snprintf(l->made, DG_PATH, "%.4000s", l->o->folder);
    snprintf(unfinished, sizeof unfinished, "%.4000s.unfinished", l->o->folder);
    if (access(l->made, F_OK) == 0)
        return DG_FAIL(err, DG_ERR_CANTCREATE, "%s: is there already", l->made);
    remove_all(unfinished);
    dg_status st = dg_folder_make(unfinished, err);
    if (st == DG_OK) st = fill(l, unfinished, err);
    if (st == DG_OK && rename(unfinished, l->made) != 0)
        st = dg_err_errno(err, l->made, "cannot rename into place");
    if (st != DG_OK) remove_all(unfinished);
    return st;
}
