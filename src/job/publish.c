#include "job/stages.h"

#include "artifact/artifact.h"
#include "artifact/crypt.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/pulse.h"
#include "base/stop.h"
#include "job/champion.h"
#include "job/gate.h"
#include "job/judged.h"
#include "job/rescore.h"
#include "registry/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One publication. Rank 0 alone has the registry open. */
typedef struct publication {
    dg_work *w;
    const char *why;
    dg_registry *registry;
    char champion[DG_VERSION_SIZE]; /* before; on every rank */
    char content[DG_HEX_SIZE];      /* of artifact.h5 */
    char version[DG_VERSION_SIZE];
    char signed_by[DG_KEY_ID_SIZE], encrypted_with[DG_KEY_ID_SIZE]; /* of the copy; "" for none */
    bool is_champion;   /* that artifact is served already */
    bool is_challenger; /* it was refused before: its version is there */
    dg_verdict verdict;
} publication;

/* Is `version` this artifact? Rank 0. */
static bool holds_it(const publication *p, const char *version)
{
    char path[DG_PATH];
    if (version[0] == '\0') return false;
    const dg_job *job = p->w->job;
    dg_registry_path(job->publish.registry, job->publish.name, version, "version.json", path);
    json_t *own = json_load_file(path, 0, NULL);
    const char *digest = json_string_value(json_object_get(own, "artifact_digest"));
    const bool same = digest != NULL && strcmp(digest, p->content) == 0;
    json_decref(own);
    return same;
}

static dg_status open_registry(publication *p, dg_err *err)
{
    char path[DG_WORK_PATH];
    const dg_job *job = p->w->job;
    dg_container *artifact = NULL;
    dg_status st = dg_container_open(dg_work_path(p->w, "artifact.h5", path), "daogou-artifact",
                                     DG_ARTIFACT_VERSION, &artifact, err);
    if (st == DG_OK) snprintf(p->content, sizeof p->content, "%s", dg_container_content(artifact));
    dg_container_close(&artifact);
    if (st == DG_OK)
        st = dg_registry_open(job->publish.registry, job->publish.name, job->publish.wait, true,
                              &p->registry, err);
    if (st != DG_OK) return st;
    const dg_current *now = dg_registry_state(p->registry);
    memcpy(p->champion, now->champion, sizeof p->champion);
    p->is_champion = holds_it(p, now->champion);
    p->is_challenger = holds_it(p, now->challenger);
    return DG_OK;
}

/* COLLECTIVE. */
static dg_status begin(publication *p, dg_err *err)
{
    const dg_comm *c = p->w->comm;
    int known[2] = {0};
    dg_status st = c->rank == 0 ? open_registry(p, err) : DG_OK;
    st = dg_agree(c, st, err);
    known[0] = p->is_champion;
    known[1] = p->is_challenger;
    dg_bcast(c, known, sizeof known, 0);
    dg_bcast(c, p->champion, sizeof p->champion, 0);
    p->is_champion = known[0] != 0;
    p->is_challenger = known[1] != 0;
    return st;
}

static dg_status refuse_split(const publication *p, dg_err *err)
{
    const dg_status st = DG_FAIL(err, DG_ERR_GATE,
                                 "the champion %s was judged on other held-out data than this run, "
                                 "so that publish.gate cannot compare them: nothing is published",
                                 p->champion);
    return dg_err_hint(err, st,
                       "hold out the same, or let publish.rescore: true judge the champion anew");
}

/* COLLECTIVE. */
static dg_status judge(publication *p, dg_err *err)
{
    dg_work *w = p->w;
    char json[DG_WORK_PATH], users[DG_WORK_PATH], their_json[DG_PATH], their_users[DG_PATH];
    const dg_job *job = w->job;
    const dg_measures mine = {dg_work_path(w, "metrics.json", json),
                              dg_work_path(w, "metrics.h5", users), ""};
    dg_measures theirs = {their_json, their_users, p->champion};
    bool differs = false;
    if (p->champion[0] == '\0') return dg_verdict_find(w, &mine, NULL, &differs, &p->verdict, err);
    dg_registry_path(job->publish.registry, job->publish.name, p->champion, "metrics.json",
                     their_json);
    dg_registry_path(job->publish.registry, job->publish.name, p->champion, "metrics.h5",
                     their_users);
    dg_status st = dg_verdict_find(w, &mine, &theirs, &differs, &p->verdict, err);
    if (st != DG_OK || !differs) return st;
    if (!job->publish.rescore) return refuse_split(p, err);
    dg_verdict_free(&p->verdict);
    st = dg_rescore_champion(w, p->champion, err);
    theirs.json = dg_work_path(w, DG_RESCORED ".json", their_json);
    theirs.users = dg_work_path(w, DG_RESCORED ".h5", their_users);
    if (st == DG_OK) st = dg_verdict_find(w, &mine, &theirs, &differs, &p->verdict, err);
    if (st == DG_OK && p->verdict.told != NULL)
        json_object_set_new(p->verdict.told, "rescored", json_true());
    return st == DG_OK && differs ? refuse_split(p, err) : st;
}

/* ---- writing the version; rank 0 ---- */

static dg_status copy_if_there(const dg_work *w, const char *name, const char *folder, dg_err *err)
{
    char from[DG_WORK_PATH], to[DG_PATH];
    dg_work_path(w, name, from);
    if (access(from, F_OK) != 0) return DG_OK;
    snprintf(to, sizeof to, "%.4000s/%s", folder, name);
    return dg_file_copy(from, to, err);
}

static dg_status write_text(const char *folder, const char *name, const char *text, dg_err *err)
{
    char to[DG_PATH];
    snprintf(to, sizeof to, "%.4000s/%s", folder, name);
    return dg_file_replace(to, text, strlen(text), err);
}

/* Who signed it and what opens it, for the history. */
static void note_keys(publication *p, const dg_container *copy)
{
    const char *by = dg_container_signed(copy), *with = dg_container_encrypted(copy);
    snprintf(p->signed_by, sizeof p->signed_by, "%s", by == NULL ? "" : by);
    snprintf(p->encrypted_with, sizeof p->encrypted_with, "%s", with == NULL ? "" : with);
}

/* Bytes that a disk or network changed on the way are not published. */
static dg_status check_copy(publication *p, const char *path, const dg_key *key, dg_err *err)
{
    dg_container *copy = NULL;
    dg_status st = dg_container_open_for(path, "daogou-artifact", DG_ARTIFACT_VERSION,
                                         &(dg_access){NULL, key}, &copy, err);
    if (st == DG_OK && strcmp(dg_container_content(copy), p->content) != 0)
        st = DG_FAIL(err, DG_ERR_IO, "%s: is not what was copied there", path);
    if (st == DG_OK) note_keys(p, copy);
    dg_container_close(&copy);
    return st;
}

/* The artifact with its signature, encrypted where the job says so. */
static dg_status copy_artifact(publication *p, const char *folder, dg_err *err)
{
    char from[DG_WORK_PATH], to[DG_PATH];
    dg_key key;
    const char *file = p->w->job->publish.encrypt;
    dg_work_path(p->w, "artifact.h5", from);
    snprintf(to, sizeof to, "%.4000s/artifact.h5", folder);
    dg_status st = DG_OK;
    if (file[0] == '\0') {
        st = dg_file_copy(from, to, err);
    } else {
        st = dg_key_read(file, DG_KEY_ENCRYPT, &key, err);
        if (st == DG_OK) st = dg_crypt_encrypt(from, to, &key, err);
    }
    if (st == DG_OK) st = check_copy(p, to, file[0] == '\0' ? NULL : &key, err);
    if (file[0] != '\0') dg_key_wipe(&key);
    return st;
}

/* What the work folder's run.json told of earlier stages stays told. */
static void keep_earlier_stages(const dg_work *w)
{
    char path[DG_WORK_PATH];
    json_t *before = json_load_file(dg_work_path(w, "run.json", path), 0, NULL);
    if (before != NULL) json_object_update_missing(w->record, before);
    json_decref(before);
}

static dg_status write_version(publication *p, dg_err *err)
{
    char folder[DG_PATH], *job = NULL;
    dg_status st = dg_registry_begin(p->registry, p->content, p->version, folder, err);
    if (st == DG_OK) st = copy_artifact(p, folder, err);
    if (st == DG_OK) st = copy_if_there(p->w, "metrics.json", folder, err);
    if (st == DG_OK && p->w->job->evaluate.per_user)
        st = copy_if_there(p->w, "metrics.h5", folder, err);
    if (st == DG_OK) st = dg_job_show(p->w->job, NULL, &job, err);
    if (st == DG_OK) st = write_text(folder, "job.yaml", job, err);
    dg_free(job);
    if (st != DG_OK) return st;
    char *run = json_dumps(p->w->record, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
    st = run == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a record")
                     : write_text(folder, "run.json", run, err);
    free(run);
    return st;
}

static json_t *event_members(const publication *p)
{
    const dg_work *w = p->w;
    char path[DG_WORK_PATH];
    json_t *metrics = json_load_file(dg_work_path(w, "metrics.json", path), 0, NULL);
    json_t *more =
        json_pack("{s:s, s:s, s:s, s:s}", "artifact_digest", p->content, "model_digest",
                  w->model_content, "dataset_digest", w->data.content, "algorithm", w->class->name);
    json_t *split = json_object_get(metrics, "split");
    if (split != NULL) json_object_set(more, "split_digest", split);
    json_object_del(metrics, "inputs");
    json_object_del(metrics, "split");
    if (metrics != NULL) json_object_set(more, "metrics", metrics);
    if (p->verdict.told != NULL) json_object_set(more, "gate", p->verdict.told);
    if (p->signed_by[0] != '\0') json_object_set_new(more, "signed_by", json_string(p->signed_by));
    if (p->encrypted_with[0] != '\0')
        json_object_set_new(more, "encrypted_with", json_string(p->encrypted_with));
    json_decref(metrics);
    return more;
}

static dg_status change(publication *p, dg_err *err)
{
    const bool passed = p->verdict.passed;
    const dg_current *now = dg_registry_state(p->registry);
    char champion[DG_VERSION_SIZE];
    dg_status st = DG_OK;
    keep_earlier_stages(p->w);
    if (p->is_challenger)
        memcpy(p->version, now->challenger, sizeof p->version);
    else
        st = write_version(p, err);
    if (st != DG_OK || (p->is_challenger && !passed)) return st; /* refused as before */
    memcpy(champion, now->champion, sizeof champion);
    json_t *more = event_members(p);
    const dg_change to = {.what = passed ? "publish" : "refuse",
                          .why = p->why != NULL            ? p->why
                                 : p->verdict.line != NULL ? p->verdict.line
                                                           : "no gate",
                          .version = p->version,
                          .champion = passed ? p->version : champion,
                          .challenger = passed ? "" : p->version,
                          .more = more,
                          .keep = p->w->job->publish.keep};
    st = dg_registry_change(p->registry, &to, err);
    json_decref(more);
    return st;
}

static json_t *figures(const publication *p)
{
    const dg_job *job = p->w->job;
    if (p->w->comm->rank != 0) return NULL;
    json_t *f = json_pack("{s:s, s:s, s:s, s:b}", "registry", job->publish.registry, "model",
                          job->publish.name, "version", p->version, "champion", p->verdict.passed);
    if (p->verdict.told != NULL) json_object_set(f, "gate", p->verdict.told);
    return f;
}

static dg_status fail_gate(publication *p, dg_err *err)
{
    const dg_job *job = p->w->job;
    const dg_status st = DG_FAIL(err, DG_ERR_GATE,
                                 "publish.gate is not passed: %.400s; %s is kept "
                                 "as the challenger of %s",
                                 p->verdict.line, p->version,
                                 p->champion[0] == '\0' ? job->publish.name : p->champion);
    return dg_err_hint(err, st,
                       "daogou rollback --registry %.60s --model %s --to challenger "
                       "serves it all the same",
                       job->publish.registry, job->publish.name);
}

static void tell(const publication *p)
{
    const dg_job *job = p->w->job;
    if (p->verdict.line != NULL) dg_log(DG_LOG_INFO, "gate", "gate: %s", p->verdict.line);
    if (p->verdict.passed)
        dg_log(DG_LOG_INFO, "published", "published %s/%s/%s%s%s", job->publish.registry,
               job->publish.name, p->version, p->champion[0] == '\0' ? "" : ", in place of ",
               p->champion);
}

static dg_status publish(publication *p, dg_err *err)
{
    const double started = dg_now();
    const dg_comm *c = p->w->comm;
    dg_status st = begin(p, err);
    if (st == DG_OK && p->is_champion) {
        dg_log(DG_LOG_INFO, "skipped", "artifact.h5 is champion already, as %s", p->champion);
        return st;
    }
    if (st == DG_OK) st = judge(p, err);
    dg_stop_allow(false); /* a change takes less time than undoing half of one */
    if (st == DG_OK) st = dg_agree(c, c->rank == 0 ? change(p, err) : DG_OK, err);
    dg_registry_close(&p->registry);
    if (st != DG_OK) return st;
    dg_work_record(p->w, "publish", started, figures(p));
    tell(p);
    if (p->verdict.passed) return DG_OK;
    st = dg_work_finish(p->w, err); /* a run that is refused leaves its record too */
    if (st == DG_OK && c->rank == 0) st = fail_gate(p, err);
    return dg_agree(c, st, err);
}

dg_status dg_stage_publish(dg_work *w, const char *why, dg_err *err)
{
    dg_pulse_stage("publish");
    publication p = {.w = w, .why = why};
    const dg_status st = publish(&p, err);
    dg_registry_close(&p.registry);
    dg_verdict_free(&p.verdict);
    return st;
}
