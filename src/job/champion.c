#include "job/champion.h"

#include "base/log.h"

#include <stdio.h>
#include <string.h>

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

dg_status dg_champion_open(const dg_job *job, const char *path, dg_artifact **out, dg_err *err)
{
    dg_key key;
    if (job->publish.encrypt[0] == '\0') return dg_artifact_open(path, out, err);
    *out = NULL;
    dg_status st = dg_key_read(job->publish.encrypt, DG_KEY_ENCRYPT, &key, err);
    if (st == DG_OK) st = dg_artifact_open_for(path, &(dg_access){NULL, &key}, out, err);
    dg_key_wipe(&key);
    return st;
}

static void tell_warm(dg_work *w, const dg_warm *from, const char *path)
{
    char users[32], items[32], gone[32];
    const int64_t n_users = w->data.users.begin[w->data.users.n];
    const int64_t n_items = w->data.items.begin[w->data.items.n];
    const dg_artifact *a = from->from;
    dg_log(DG_LOG_INFO, "warm", "warm start from %s: %s users and %s goods known, %s rows gone",
           path, dg_show_count(from->users, users, sizeof users),
           dg_show_count(from->items, items, sizeof items),
           dg_show_count(a->n_users - from->users + a->n_items - from->items, gone, sizeof gone));
    if (w->record == NULL) return;
    json_object_set_new(
        w->record, "warm_start",
        json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "artifact", path, "content_digest",
                  a->content, "users_known", (json_int_t)from->users, "users_new",
                  (json_int_t)(n_users - from->users), "users_gone",
                  (json_int_t)(a->n_users - from->users), "items_known", (json_int_t)from->items,
                  "items_new", (json_int_t)(n_items - from->items), "items_gone",
                  (json_int_t)(a->n_items - from->items)));
}

static dg_status start_from(dg_work *w, const char *path, dg_err *err)
{
    dg_artifact *a = NULL;
    dg_warm from = {0};
    dg_status st = DG_OK;
    if (w->class->warm == NULL)
        st = DG_FAIL(err, DG_ERR_CONFIG, "train.warm_start: %s has no warm start", w->class->name);
    if (st == DG_OK) st = dg_champion_open(w->job, path, &a, err);
    st = dg_agree(w->comm, st, err);
    if (st == DG_OK) st = dg_warm_create(w->comm, &w->data, a, &from, err);
    if (st == DG_OK) st = w->class->warm(w->model, &from, err);
    if (st == DG_OK) snprintf(w->training.warm, sizeof w->training.warm, "%s", a->content);
    if (st == DG_OK) tell_warm(w, &from, path);
    dg_warm_free(&from);
    dg_artifact_close(&a);
    return st;
}

dg_status dg_warm_start(dg_work *w, dg_err *err)
{
    dg_champion champion;
    const char *from = w->job->train.warm_start;
    if (from[0] == '\0') return DG_OK;
    if (strcmp(from, "champion") != 0) return start_from(w, from, err);
    dg_status st = dg_champion_find(w, &champion, err);
    if (st != DG_OK) return st;
    if (champion.version[0] == '\0') {
        dg_log(DG_LOG_INFO, "cold", "there is no champion of %s yet: a cold start",
               w->job->publish.name);
        return DG_OK;
    }
    st = start_from(w, champion.artifact, err);
    if (st != DG_ERR_CONFIG) return st;
    dg_log(DG_LOG_WARN, "cold", "a cold start: %s", err->text); /* the job was changed: go on */
    return DG_OK;
}
