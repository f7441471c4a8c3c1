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

/* What a state belongs to: it is resumed only where all of it is the same. */
typedef struct dg_identity {
    const char *algorithm;
    const char *dataset; /* content digest of the data */
    const char *config;  /* effective model section and seed */
} dg_identity;

/** Remember the loss of one more sweep. LOCAL. Errors DG_ERR_NOMEM. */
dg_status dg_training_add(dg_training *t, dg_loss loss, dg_err *err);
void dg_training_free(dg_training *t);

/** Write the state as `path`, format "daogou-checkpoint" or "daogou-model". COLLECTIVE.
 *  Errors as dg_writer_commit. */
dg_status dg_state_write(const dg_comm *c, const dg_model_class *class, const dg_model *m,
                         const dg_training *t, const dg_identity *id, const char *format,
                         const char *path, char content[DG_HEX_SIZE], dg_err *err);

/** Load a state written for the same identity. COLLECTIVE. Errors DG_ERR_DATA damaged or made for
 *  another job or other data (names what differs); DG_ERR_NOINPUT. */
dg_status dg_state_load(const dg_comm *c, const dg_model_class *class, dg_model *m, dg_training *t,
                        const dg_identity *id, const char *format, const char *path,
                        char content[DG_HEX_SIZE], dg_err *err);

/** Write checkpoint number t->sweep into `folder` and drop the oldest beyond `keep`. COLLECTIVE. */
dg_status dg_checkpoint_write(const dg_comm *c, const dg_model_class *class, const dg_model *m,
                              const dg_training *t, const dg_identity *id, const char *folder,
                              int64_t keep, dg_err *err);

/** Load the newest checkpoint that is whole and of this identity; those it passes over are logged
 *  with the reason. *found says whether there was one. COLLECTIVE. Errors DG_ERR_NOMEM, DG_ERR_IO;
 *  never for a damaged checkpoint. */
dg_status dg_checkpoint_resume(const dg_comm *c, const dg_model_class *class, dg_model *m,
                               dg_training *t, const dg_identity *id, const char *folder,
                               bool *found, dg_err *err);

#endif
