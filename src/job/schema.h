/* schema.h - which tables of options make up a job, and where each hangs. Internal to job/. */
#ifndef DG_JOB_SCHEMA_H
#define DG_JOB_SCHEMA_H
#include "job/config.h"

/* A table of rows hung below a prefix: the whole key is prefix "." row key, or the row key alone
 * where the prefix is "". */
typedef struct dg_mount {
    const char *prefix;
    const dg_option *rows; /* (n,) */
    size_t n;
    void *fields;        /* the struct the rows describe, inside the job */
    const void *base;    /* such a struct: defaults come from it instead of the rows */
    dg_job_source *part; /* table of raw data this belongs to; else NULL */
} dg_mount;

enum {
    DG_MAX_MOUNTS = 24,
    DG_MAX_KEY = 256 /* bytes of a whole key of any table, with its NUL */
};

/** The mounts of a job in the order they are printed; model and generate where they have tables.
 *  LOCAL, O(1). Returns how many. */
size_t dg_job__mounts(const dg_job *job, dg_mount out[DG_MAX_MOUNTS]);

/** Whole key of a row into buf, returned. LOCAL. */
const char *dg_job__key(const dg_mount *m, const dg_option *row, char *buf, size_t n);

/** The key or section nearest to a path that is none; false, and "", when none is near. LOCAL. */
bool dg_job__suggest(const dg_mount *mounts, size_t n_mounts, const char *path,
                     char out[DG_MAX_KEY]);

/** What no table can say: names, sets of numbers, keys that need each other. Canonicalises lists.
 *  `place` puts "FILE:LINE: KEY: " in front of an error about a key. LOCAL. */
typedef dg_status dg_place_error(void *context, const char *key, dg_status st, dg_err *err);
dg_status dg_job__check(dg_job *job, dg_place_error *place, void *context, dg_err *err);

#endif
