#include "job/rescore.h"

#include "base/log.h"
#include "evaluate/stored.h"
#include "job/champion.h"
#include "job/judged.h"
#include "registry/registry.h"

dg_status dg_rescore_champion(dg_work *w, const char *version, dg_err *err)
{
    char path[DG_PATH];
    dg_artifact *a = NULL;
    dg_scorer scorer = {0};
    json_t *metrics = NULL;
    dg_evaluate_options o = {0};
    const dg_job *job = w->job;
    dg_registry_path(job->publish.registry, job->publish.name, version, "artifact.h5", path);
    dg_log(DG_LOG_INFO, "rescore", "judging the champion %s by this run's held-out data", version);
    dg_status st = dg_evaluate_parse(&job->evaluate.k, &job->evaluate.metrics, &o, err);
    if (st == DG_OK) st = dg_champion_open(job, path, &a, err);
    st = dg_agree(w->comm, st, err);
    if (st == DG_OK) st = dg_stored_scorer(w->comm, &w->data, a, &scorer, err);
    if (st == DG_OK) st = dg_judge(w, &scorer, DG_RESCORED, a->content, o, &metrics, err);
    if (scorer.destroy != NULL) scorer.destroy(&scorer);
    json_decref(metrics);
    dg_artifact_close(&a);
    return st;
}
