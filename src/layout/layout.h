/* layout.h - an artifact laid out as a serving platform expects it. */
#ifndef DG_LAYOUT_LAYOUT_H
#define DG_LAYOUT_LAYOUT_H
#include "artifact/container.h"

typedef enum dg_layout_kind {
    DG_LAYOUT_SAGEMAKER, /* FOLDER/model.tar.gz: artifact.h5, and `serve`, which starts a node */
    DG_LAYOUT_KSERVE,    /* FOLDER/NAME/VERSION/artifact.h5, FOLDER/NAME/inference-service.yaml */
    DG_LAYOUT_TRITON,    /* FOLDER/NAME/VERSION/artifact.h5, FOLDER/NAME/config.pbtxt */
    DG_LAYOUT_MLFLOW     /* FOLDER: MLmodel, data/artifact.h5, a reader in Python, an example */
} dg_layout_kind;

/* Everything borrowed. */
typedef struct dg_layout_options {
    dg_layout_kind kind;
    const char *artifact, *folder;
    const char *name;         /* of the model; NULL: the artifact's */
    int64_t version;          /* of version folders; 0: one more than the largest there is */
    const char *image;        /* container image of nodes, for KServe */
    const char *storage;      /* URI that FOLDER has for the platform, for KServe */
    const char *trusted_keys; /* file of public keys that nodes shall trust; NULL: any signature */
    const dg_access *access;
} dg_layout_options;

/** "sagemaker" as DG_LAYOUT_SAGEMAKER…; false for no such word. LOCAL. */
bool dg_layout_kind_of(const char *word, dg_layout_kind *out);

/**
 * Lay it out. LOCAL. What a platform may look at while it is written appears whole or not at all:
 * version folders, the archive and the MLflow model by rename. The artifact is copied as it is,
 * signed or encrypted.
 *
 * @param[out] made  path of what was made, for people
 * Errors  as dg_artifact_open_for; DG_ERR_CANTCREATE it is there already; DG_ERR_CONFIG a name that
 * is no name of a folder; those of writing.
 */
dg_status dg_layout_make(const dg_layout_options *o, char made[4096], dg_err *err);

#endif
