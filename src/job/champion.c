#include "job/champion.h"

#include <stdio.h>

dg_status dg_champion_find(const dg_work *w, dg_champion *out, dg_err *err)
{
    const char *dir = w->job->publish.registry, *name = w->job->publish.name;
    dg_current now = {0};
    dg_status st = DG_OK;
    *out = (dg_champion){0};
    if (w->comm->rank == 0) st = dg_registry_current(dir, name, &now, err);
    if (st == DG_ERR_NOINPUT) st = DG_OK;
    st = dg_agree(w->comm, st, err);
    if (st != DG_OK) return st;
    dg_bcast(w->comm, now.champion, sizeof now.champion, 0);
    snprintf(out->version, sizeof out->version, "%s", now.champion);
    if (now.champion[0] != '\0')
        dg_registry_path(dir, name, now.champion, "artifact.h5", out->artifact);
    return DG_OK;
}
