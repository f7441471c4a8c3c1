/* layers.h - the sources of a job, weakest first, each as entries with the environment filled in.
 * Internal to job/. */
#ifndef DG_JOB_LAYERS_H
#define DG_JOB_LAYERS_H
#include "job/config.h"
#include "table/yaml.h"

/* One source: the variable, the file or the flag its entries came from. */
typedef struct dg_layer {
    char *name; /* "jobs/shop.yaml", "--set", "environment DAOGOU_seed" */
    bool lined; /* its entries have lines */
    dg_entries entries;
} dg_layer;

/* Zero-initialise; free with dg_layers_free. */
typedef struct dg_layers {
    dg_layer *at; /* (n,) */
    size_t n, capacity;
} dg_layers;

/** Is this (n bytes) the name of a variable that overlays a key, as DAOGOU_model__factors is?
 *  A key has a lower-case letter, so DAOGOU_DATA and DAOGOU_FAULT are none. LOCAL. */
bool dg_layers_is_overlay(const char *variable, size_t n);

/** Environment, file, flags: split, parsed, ${…} expanded. LOCAL. Errors as dg_job_parse. */
dg_status dg_layers_read(const dg_job_input *in, dg_layers *out, dg_err *err);

/** LOCAL, twice-safe. */
void dg_layers_free(dg_layers *layers);

/** Put place and key of an entry before the error in err; yields `st` again. LOCAL. */
dg_status dg_layer_fail(const dg_layer *l, const dg_entry *e, dg_status st, dg_err *err);

#endif
