/* kinds.h - one function for each layout, and what they share. Internal to layout/. All LOCAL. */
#ifndef DG_LAYOUT_KINDS_H
#define DG_LAYOUT_KINDS_H
#include "artifact/artifact.h"
#include "base/file.h"
#include "layout/layout.h"

typedef struct dg_laying {
    const dg_layout_options *o;
    const dg_artifact *a;
    const char *name;
    char *made; /* (DG_PATH,) */
} dg_laying;

/* Each as dg_layout_make. */
dg_status dg_layout__sagemaker(const dg_laying *l, dg_err *err);
dg_status dg_layout__versions(const dg_laying *l, dg_err *err);
dg_status dg_layout__mlflow(const dg_laying *l, dg_err *err);

/** A/B, or A alone where it does not fit. */
const char *dg_layout__path(const char *a, const char *b, char out[DG_PATH]);

/** Write a text that was built up; frees it. Errors DG_ERR_NOMEM; as dg_file_replace. */
dg_status dg_layout__put(const char *folder, const char *file, dg_text *t, dg_err *err);

/** A string as JSON, which is YAML too, and close enough to protobuf's text. */
void dg_layout__quote(dg_text *t, const char *s);

#endif
