#include "layout/kinds.h"
#include "layout/tar.h"

#include <stdio.h>
#include <string.h>

/* SageMaker unpacks the archive in /opt/ml/model and runs the image with the word `serve`. An image
 * whose entry point is ["/bin/sh", "/opt/ml/model/serve"] needs nothing but daogou-serve. */
static const char script[] =
    "#!/bin/sh\n"
    "# Start the node on what lies beside this file. exec: SIGTERM must reach the node itself.\n"
    "set -eu\n"
    "[ \"${1:-serve}\" = serve ] || { echo \"usage: serve\" >&2; exit 64; }\n"
    "model=${SM_MODEL_DIR:-/opt/ml/model}\n"
    "set -- --artifact \"$model/artifact.h5\" --listen "
    "\"0.0.0.0:${SAGEMAKER_BIND_TO_PORT:-8080}\"\n"
    "[ ! -e \"$model/trusted.keys\" ] || set -- \"$@\" --trusted-keys \"$model/trusted.keys\"\n"
    "# SageMaker alone reaches the container: who may ask, and TLS, are its part.\n"
    "exec daogou-serve --insecure \"$@\"\n";

static dg_status add_members(dg_tar *t, const dg_laying *l, dg_err *err)
{
    const dg_layout_options *o = l->o;
    dg_status st = dg_tar_add(t, "serve", 0755, script, sizeof script - 1, err);
    if (st == DG_OK && l->a->card != NULL)
        st = dg_tar_add(t, "model-card.json", 0644, l->a->card, strlen(l->a->card), err);
    if (st == DG_OK && o->trusted_keys != NULL)
        st = dg_tar_add_file(t, "trusted.keys", 0644, o->trusted_keys, err);
    return st == DG_OK ? dg_tar_add_file(t, "artifact.h5", 0644, o->artifact, err) : st;
}

static dg_status fill(int fd, void *context, dg_err *err)
{
    const dg_laying *l = context;
    dg_tar *t;
    dg_err second;
    dg_status st = dg_tar_create(fd, l->made, &t, err);
    if (st != DG_OK) return st;
    st = add_members(t, l, err);
    const dg_status ended = dg_tar_finish(&t, st == DG_OK ? err : &second);
    return st == DG_OK ? ended : st;
}

dg_status dg_layout__sagemaker(const dg_laying *l, dg_err *err)
{
    const dg_status st = dg_folder_make(l->o->folder, err);
    dg_layout__path(l->o->folder, "model.tar.gz", l->made);
    return st == DG_OK ? dg_file_make(l->made, 0666, fill, (void *)(uintptr_t)l, err) : st;
}
