/* work.h - a job in its work folder: what its stages share, load once and record. */
#ifndef DG_JOB_WORK_H
#define DG_JOB_WORK_H
#include "base/file.h"
#include "job/checkpoint.h"
#include "job/config.h"
#include "job/spool.h"
#include "job/watch.h"

#include <jansson.h>

typedef struct dg_work {
    const dg_comm *comm;
    const dg_job *job;
    const dg_model_class *class; /* NULL where the job names no algorithm */
    char *folder;
    const char *resume; /* "auto", "none" or a path */
    dg_dataset data;    /* loaded once, by the first stage that needs it */
    bool has_data;
    dg_model *model; /* likewise */
    dg_training training;
    char model_content[DG_HEX_SIZE];
    bool has_leaks;            /* leaks were looked for */
    json_t *leaks;             /* rank 0: what the data card says of them; NULL where it does not */
    json_t *record;            /* rank 0: what becomes run.json; NULL elsewhere */
    json_t *traffic;           /* rank 0: of each sweep of this run; NULL elsewhere */
    char local[DG_PATH];       /* where checkpoints are written first; "" for none */
    dg_spool *spool;           /* rank 0: copies them from there; NULL elsewhere and without */
    int64_t checkpoints;       /* written by this run … */
    double checkpoint_seconds; /* … in this time */
    int lock;                  /* rank 0: descriptor of the locked folder; -1 elsewhere */
    dg_watch *watch;           /* NULL where nothing is watched */
    dg_watch_figures figures;
    double started;
} dg_work;

enum { DG_WORK_PATH = 4096 };

/** Make the folder (and those above it), lock it, open its log, remove half-written files of a
 *  killed run. COLLECTIVE; all arguments are borrowed until dg_work_close. Errors, agreed:
 *  DG_ERR_CANTCREATE; DG_ERR_UNAVAILABLE another run works in the folder. */
dg_status dg_work_open(const dg_comm *c, const dg_job *job, const char *folder, const char *resume,
                       dg_work *out, dg_err *err);

/** Free all, close the log. COLLECTIVE, twice-safe. */
void dg_work_close(dg_work *w);

/** Remove what a killed run left half-written in a folder. LOCAL. */
void dg_work_tidy(const char *folder);

/** FOLDER/NAME into out, returned. LOCAL. */
const char *dg_work_path(const dg_work *w, const char *name, char out[DG_WORK_PATH]);

/** Load dataset.h5 unless it is there already. COLLECTIVE. */
dg_status dg_work_data(dg_work *w, dg_err *err);

/** Load model.h5 unless it is there already. COLLECTIVE. */
dg_status dg_work_model(dg_work *w, dg_err *err);

/** What the model belongs to; frees nothing, `config` is dg_alloc'ed for the caller. LOCAL. */
dg_status dg_work_identity(const dg_work *w, dg_identity *out, char **config, dg_err *err);

/** Digest of several texts, the identity of a stage's inputs. LOCAL. Ends with a NULL argument.
 *  Errors DG_ERR_NOMEM. */
dg_status dg_work_inputs(char hex[DG_HEX_SIZE], dg_err *err, ...) __attribute__((sentinel));

/** Was FOLDER/NAME made from exactly these inputs? Then its content digest is in `content`, else
 *  that is empty. A missing or damaged file was not; damage is logged. COLLECTIVE, reads the file
 *  once. */
dg_status dg_work_is_current(const dg_work *w, const char *name, const char *format, int version,
                             const char *inputs, char content[DG_HEX_SIZE], dg_err *err);

/** Put `fields` (reference stolen; rank 0 only, NULL elsewhere) under `stage` in the record, with
 *  its seconds, the bytes sent so far and the peak memory over ranks. COLLECTIVE. */
void dg_work_record(dg_work *w, const char *stage, double started, json_t *fields);

/** Write run.json into the folder, atomically. COLLECTIVE. */
dg_status dg_work_finish(dg_work *w, dg_err *err);

/** Write `json` to FOLDER/NAME by rename; rank 0 writes. COLLECTIVE. Errors DG_ERR_IO, agreed. */
dg_status dg_work_write_json(const dg_work *w, const char *name, const json_t *json, dg_err *err);

#endif
