/* champion.h - the model that is served now, as a run that may replace it sees it. Internal to
 * job/. */
#ifndef DG_JOB_CHAMPION_H
#define DG_JOB_CHAMPION_H
#include "artifact/artifact.h"
#include "job/work.h"
#include "registry/registry.h"

typedef struct dg_champion {
    char version[DG_VERSION_SIZE]; /* "" where nothing was published yet */
    char artifact[DG_PATH];        /* path of its artifact.h5 */
} dg_champion;

/** Who is champion of publish.registry and publish.name; rank 0 looks. COLLECTIVE.
 *  Errors as dg_registry_current, but for a registry or model that is not there yet. Agreed. */
dg_status dg_champion_find(const dg_work *w, dg_champion *out, dg_err *err);

/** Open the artifact of a champion, by the key of publish.encrypt where the job has one. LOCAL.
 *  Errors as dg_artifact_open_for and dg_key_read. */
dg_status dg_champion_open(const dg_job *job, const char *path, dg_artifact **out, dg_err *err);

/** Let the model, as created, start from train.warm_start; nothing happens where the job names
 * none, or the champion where there is none or it does not fit, which is told. COLLECTIVE. Errors
 * as dg_artifact_open and the class's warm, for a path. Agreed. */
dg_status dg_warm_start(dg_work *w, dg_err *err);

#endif
