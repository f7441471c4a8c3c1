#include "base/memory.h"
#include "layout/kinds.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The largest number among the names in a folder; 0 for none. */
static int64_t last_version(const char *folder)
{
    int64_t last = 0, n;
    DIR *dir = opendir(folder);
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;)
        if (dg_parse_int64(e->d_name, strlen(e->d_name), &n) && n > last) last = n;
    if (dir != NULL) closedir(dir);
    return last;
}

/* Servers that poll look at numbers only, so that one appears when it is whole. */
static dg_status put_version(const dg_laying *l, const char *folder, int64_t version, dg_err *err)
{
    char part[64], unfinished[DG_PATH], file[DG_PATH], number[32];
    snprintf(part, sizeof part, ".unfinished-%" PRId64, version);
    snprintf(number, sizeof number, "%" PRId64, version);
    dg_layout__path(folder, part, unfinished);
    dg_layout__path(folder, number, l->made);
    if (access(l->made, F_OK) == 0)
        return DG_FAIL(err, DG_ERR_CANTCREATE, "%s: is there already", l->made);
    dg_status st = dg_folder_remove(unfinished, err);
    if (st == DG_OK) st = dg_folder_make(unfinished, err);
    if (st == DG_OK)
        st = dg_file_copy(l->o->artifact, dg_layout__path(unfinished, "artifact.h5", file), err);
    if (st == DG_OK) st = dg_folder_sync(unfinished, err);
    if (st == DG_OK && rename(unfinished, l->made) != 0)
        st = dg_err_errno(err, l->made, "cannot rename into place");
    if (st == DG_OK) return dg_folder_sync(folder, err);
    dg_err second;
    dg_folder_remove(unfinished, &second);
    return st;
}

static dg_status put_config(const dg_laying *l, const char *folder, dg_err *err)
{
    dg_text t = {0};
    dg_text_add(&t, "# Served by daogou-serve, whose paths /v2/… are those of Triton.\nname: ");
    dg_layout__quote(&t, l->name);
    dg_text_add(&t, "\nplatform: \"daogou\"\nmax_batch_size: 0\n"
                    "input [\n"
                    "  { name: \"user\" data_type: TYPE_STRING dims: [ -1 ] },\n"
                    "  { name: \"k\" data_type: TYPE_INT32 dims: [ 1 ] optional: true },\n"
                    "  { name: \"exclude_seen\" data_type: TYPE_BOOL dims: [ 1 ] optional: true }\n"
                    "]\n"
                    "output [\n"
                    "  { name: \"item\" data_type: TYPE_STRING dims: [ -1, -1 ] },\n"
                    "  { name: \"score\" data_type: TYPE_FP32 dims: [ -1, -1 ] },\n"
                    "  { name: \"count\" data_type: TYPE_INT32 dims: [ -1 ] },\n"
                    "  { name: \"source\" data_type: TYPE_STRING dims: [ -1 ] }\n"
                    "]\n"
                    "version_policy: { latest { num_versions: 1 } }\n");
    return dg_layout__put(folder, "config.pbtxt", &t, err);
}

/* As Kubernetes wants names: lower case, digits and -. */
static void add_label(dg_text *t, const char *name)
{
    for (const char *s = name; *s != '\0'; s++) {
        const char c = (char)tolower((unsigned char)*s);
        const bool inside = s > name && s[1] != '\0';
        dg_text_add(t, "%c", isalnum((unsigned char)c) ? c : inside ? '-' : 'x');
    }
}

static dg_status put_service(const dg_laying *l, const char *folder, int64_t version, dg_err *err)
{
    dg_text t = {0}, uri = {0};
    dg_text_add(&uri, "%s/%s/%" PRId64, l->o->storage, l->name, version);
    dg_text_add(&t, "apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\n"
                    "metadata:\n  name: ");
    add_label(&t, l->name);
    dg_text_add(&t, "\nspec:\n  predictor:\n    containers:\n      - name: kserve-container\n"
                    "        image: ");
    dg_layout__quote(&t, l->o->image);
    dg_text_add(&t, "\n        args: [--artifact, /mnt/models/artifact.h5, --listen, "
                    "\"0.0.0.0:8080\", --insecure] # TLS is the mesh\'s part\n"
                    "        env: # KServe copies this folder to /mnt/models\n"
                    "          - {name: STORAGE_URI, value: ");
    dg_layout__quote(&t, uri.at == NULL ? "" : uri.at);
    dg_text_add(&t, "}\n        ports: [{containerPort: 8080, protocol: TCP}]\n"
                    "        readinessProbe: {httpGet: {path: /v2/health/ready, port: 8080}}\n"
                    "        livenessProbe: {httpGet: {path: /v2/health/live, port: 8080}}\n");
    t.failed = t.failed || uri.failed;
    dg_text_free(&uri);
    return dg_layout__put(folder, "inference-service.yaml", &t, err);
}

dg_status dg_layout__versions(const dg_laying *l, dg_err *err)
{
    char folder[DG_PATH];
    dg_layout__path(l->o->folder, l->name, folder);
    dg_status st = dg_folder_make(folder, err);
    if (st != DG_OK) return st;
    const int64_t version = l->o->version > 0 ? l->o->version : last_version(folder) + 1;
    if (l->o->kind == DG_LAYOUT_TRITON) st = put_config(l, folder, err);
    if (st == DG_OK) st = put_version(l, folder, version, err);
    if (st == DG_OK && l->o->kind == DG_LAYOUT_KSERVE) st = put_service(l, folder, version, err);
    return st;
}
