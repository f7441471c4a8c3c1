#include "layout/layout.h"

#include "base/memory.h"
#include "layout/kinds.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool dg_layout_kind_of(const char *word, dg_layout_kind *out)
{
    static const char *const words[] = {"sagemaker", "kserve", "triton", "mlflow"};
    for (size_t k = 0; k < sizeof words / sizeof *words; k++) {
        if (strcmp(word, words[k]) != 0) continue;
        *out = (dg_layout_kind)k;
        return true;
    }
    return false;
}

const char *dg_layout__path(const char *a, const char *b, char out[DG_PATH])
{
    const size_t room = DG_PATH - strlen(b) - 2;
    snprintf(out, DG_PATH, "%.*s/%s", (int)room, a, b);
    return out;
}

dg_status dg_layout__put(const char *folder, const char *file, dg_text *t, dg_err *err)
{
    char path[DG_PATH];
    dg_layout__path(folder, file, path);
    const dg_status st = t->failed ? DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", path)
                                   : dg_file_replace(path, t->at, t->n, err);
    dg_text_free(t);
    return st;
}

void dg_layout__quote(dg_text *t, const char *s)
{
    json_t *value = json_string(s);
    char *text = value == NULL ? NULL : json_dumps(value, JSON_ENCODE_ANY);
    if (text == NULL) t->failed = true;
    if (text != NULL) dg_text_add(t, "%s", text);
    free(text);
    json_decref(value);
}

/* Letters, digits and . _ -, not first a dot: of a folder, wherever it lies. */
static bool is_name(const char *name)
{
    static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    const size_t n = strlen(name);
    return n > 0 && n <= 64 && name[0] != '.' && strspn(name, safe) == n;
}

static dg_status lay(const dg_laying *l, dg_err *err)
{
    if (!is_name(l->name)) {
        const dg_status st =
            DG_FAIL(err, DG_ERR_CONFIG, "\"%.80s\" is no name for a model there", l->name);
        return dg_err_hint(err, st, "--name gives it another: letters, digits and . _ -");
    }
    switch (l->o->kind) {
    case DG_LAYOUT_SAGEMAKER: return dg_layout__sagemaker(l, err);
    case DG_LAYOUT_MLFLOW: return dg_layout__mlflow(l, err);
    case DG_LAYOUT_KSERVE:
    case DG_LAYOUT_TRITON: break;
    }
    return dg_layout__versions(l, err);
}

dg_status dg_layout_make(const dg_layout_options *o, char made[4096], dg_err *err)
{
    dg_artifact *a;
    dg_status st = dg_artifact_open_for(o->artifact, o->access, &a, err);
    if (st != DG_OK) return st;
    st = lay(&(dg_laying){o, a, o->name != NULL ? o->name : a->name, made}, err);
    dg_artifact_close(&a);
    return st;
}
