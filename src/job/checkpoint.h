/* checkpoint.h - the state of a training run in its work folder: checkpoints/ckpt-NNNNNN.h5. */
#ifndef DG_JOB_CHECKPOINT_H
#define DG_JOB_CHECKPOINT_H
#include "models/model.h"

enum { DG_MODEL_VERSION = 1 };

/* How far a run has come; everything besides the model's own arrays. */
typedef struct dg_training {
    int64_t sweep; /* sweeps done */
    dg_loss *loss; /* (sweep,) after each of them; dg_alloc'ed */
    size_t capacity;
    char
        warm[DG_HEX_SIZE]; /* content digest of the artifact it started from; "" for a cold start */
} dg_training;

/* What a state belongs to. A model counts only where all of it is the same; a checkpoint also where
 * the job ends after another number of sweeps, not before the checkpoint's own. */
typedef struct dg_identity {
    const char *algorithm;
    const char *dataset; /* content digest of the data */
    const char *config;  /* effective model section and seed */
    int64_t sweeps;      /* after which the job ends … */
    int64_t warm_sweeps; /* … and where it started warm */
} dg_identity;

/** Remember the loss of one more sweep. LOCAL. Errors DG_ERR_NOMEM. */
dg_status dg_training_add(dg_training *t, dg_loss loss, dg_err *err);
void dg_training_free(dg_training *t);

/** Write the state as `path`, format "daogou-checkpoint" or "daogou-model". COLLECTIVE.
 *  Errors as dg_writer_commit. */
dg_status dg_state_write(const dg_comm *c, const dg_model_class *class, const dg_model *m,
                         const dg_training *t, const dg_identity *id, const char *format,
                         const char *path, char content[DG_HEX_SIZE], dg_err *err);

/** Bytes a file of the model's present state would have, within some kilobytes. COLLECTIVE. Errors
 *  DG_ERR_NOMEM, agreed. */
dg_status dg_state_bytes(const dg_comm *c, const dg_model_class *class, const dg_model *m,
                         int64_t *n_bytes, dg_err *err);

/** Load a state written for this identity; what differs of the options, where that is allowed, is
 *  logged. COLLECTIVE. Errors DG_ERR_DATA damaged, of a newer format, or made for another job or
 *  other data (names what differs); DG_ERR_NOINPUT; DG_ERR_IO. After a failure *touched says
 * whether the model had begun to load: it is then in no state to go on from. */
dg_status dg_state_load(const dg_comm *c, const dg_model_class *class, dg_model *m, dg_training *t,
                        const dg_identity *id, const char *format, const char *path,
                        char content[DG_HEX_SIZE], bool *touched, dg_err *err);

/** Write checkpoint number t->sweep into `folder` and drop the oldest beyond `keep`. COLLECTIVE. */
dg_status dg_checkpoint_write(const dg_comm *c, const dg_model_class *class, const dg_model *m,
                              const dg_training *t, const dg_identity *id, const char *folder,
                              int64_t keep, dg_err *err);

/** Load the newest checkpoint of the folders (NULL-terminated; of two of the same sweep that of the
 *  first folder) that is whole and of this identity; those it passes over are logged
 *  with the reason. *found says whether there was one. COLLECTIVE. Errors DG_ERR_NOMEM; those of a
 *  model that began to load a whole one and could not, which leaves no state to go on from. Never
 *  for a damaged checkpoint. */
dg_status dg_checkpoint_resume(const dg_comm *c, const dg_model_class *class, dg_model *m,
                               dg_training *t, const dg_identity *id, const char *const *folders,
                               bool *found, dg_err *err);

enum { DG_MAX_SAVED = 1024 };

/** Sweeps of the checkpoints in a folder, newest first, and how many; a folder that is not there
 *  holds none. LOCAL. */
int dg_checkpoint_list(const char *folder, int64_t sweep[DG_MAX_SAVED]);

/** Remove all but the newest `keep`, at least one. LOCAL. */
void dg_checkpoint_drop(const char *folder, int64_t keep);

/** FOLDER/ckpt-NNNNNN.h5 into out (size n), returned. LOCAL. */
const char *dg_checkpoint_path(const char *folder, int64_t sweep, char *out, size_t n);

#endif
