#include "job/stages.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/pulse.h"
#include "base/stop.h"
#include "base/text.h"
#include "job/champion.h"
#include "job/curve.h"
#include "job/pace.h"
#include "job/room.h"
#include "job/walltime.h"
#include "store/open.h"

#include <math.h>
#include <string.h>

static double total(dg_loss l) { return l.observed + l.unobserved + l.regularization; }

/* What all ranks do after a sweep, agreed in one reduction. */
typedef struct dg_pause {
    int64_t stop;    /* why to: DG_STOP_… */
    bool checkpoint; /* it is time for one */
} dg_pause;

static dg_pause agree_pause(const dg_work *w, const dg_pace *p)
{
    int64_t stop = dg_stop_asked();
    if (stop == DG_STOP_NO &&
        dg_walltime_too_short(p->sweep_takes + p->save_takes + dg_spool_takes(w->spool)))
        stop = DG_STOP_CLOCK;
    int64_t wish[2] = {stop, dg_pace_due(p, w->training.sweep, dg_now())};
    dg_max_int64(w->comm, wish, 2);
    return (dg_pause){wish[0], wish[1] != 0};
}

static dg_status resume(dg_work *w, const dg_identity *id, dg_err *err)
{
    char folder[DG_WORK_PATH];
    bool found = false, touched;
    dg_status st = DG_OK;
    if (strcmp(w->resume, "none") == 0) return DG_OK;
    if (strcmp(w->resume, "auto") != 0) {
        st = dg_state_load(w->comm, w->class, w->model, &w->training, id, "daogou-checkpoint",
                           w->resume, NULL, &touched, err);
        found = st == DG_OK;
    } else {
        dg_work_path(w, "checkpoints", folder);
        const char *const folders[] = {w->local[0] == '\0' ? folder : w->local,
                                       w->local[0] == '\0' ? NULL : folder, NULL};
        st = dg_checkpoint_resume(w->comm, w->class, w->model, &w->training, id, folders, &found,
                                  err);
    }
    if (found)
        dg_log(DG_LOG_INFO, "resumed", "resuming after sweep %lld", (long long)w->training.sweep);
    return st;
}

/* What all ranks received in the sweep, for the record too. */
static json_t *traffic_json(const dg_traffic *t)
{
    return json_pack("{s:I, s:I, s:I}", "rows_bytes", (json_int_t)t->received[DG_TRAFFIC_ROWS],
                     "sums_bytes", (json_int_t)t->received[DG_TRAFFIC_SUMS], "rest_bytes",
                     (json_int_t)t->received[DG_TRAFFIC_REST]);
}

/* Seconds that each rank worked, neither sending nor waiting: how even the load is. COLLECTIVE. */
static json_t *worked_json(const dg_comm *c, double seconds)
{
    const int64_t mine = (int64_t)(1e6 * seconds);
    int64_t *all = dg_alloc((size_t)c->size, sizeof *all);
    json_t *out = json_array();
    int64_t short_of = all == NULL;
    dg_max_int64(c, &short_of, 1);
    if (!short_of) dg_gather_int64(c, &mine, 1, all);
    for (int r = 0; r < c->size && !short_of; r++)
        json_array_append_new(out, json_real(1e-6 * (double)all[r]));
    dg_free(all);
    return out;
}

/* What one more sweep has done, for the log, the record and the monitor. COLLECTIVE. */
static void log_sweep(dg_work *w, int64_t n_sweeps, dg_loss loss, double seconds, double worked,
                      dg_traffic moved)
{
    char spent[32];
    json_t *each = worked_json(w->comm, worked);
    dg_traffic_sum(w->comm, &moved);
    if (w->traffic != NULL) json_array_append_new(w->traffic, traffic_json(&moved));
    w->figures.sweep = w->training.sweep;
    w->figures.sweeps = n_sweeps;
    w->figures.sweep_seconds = seconds;
    w->figures.bytes_sent = dg_traffic_sent(&moved);
    w->figures.loss = total(loss);
    dg_watch_tell(w->watch, &w->figures);
    dg_pulse_sweep(w->training.sweep);
    dg_log_fields(DG_LOG_INFO, "sweep",
                  json_pack("{s:I, s:f, s:f, s:f, s:f, s:f, s:I, s:o, s:o}", "sweep",
                            (json_int_t)w->training.sweep, "loss", total(loss), "observed",
                            loss.observed, "unobserved", loss.unobserved, "regularization",
                            loss.regularization, "seconds", seconds, "bytes",
                            (json_int_t)dg_traffic_sent(&moved), "traffic", traffic_json(&moved),
                            "worked", each),
                  "sweep %*lld of %lld: loss %.6g = %.6g observed + %.6g unobserved + %.6g "
                  "regularization, %s",
                  n_sweeps > 9 ? 2 : 1, (long long)w->training.sweep, (long long)n_sweeps,
                  total(loss), loss.observed, loss.unobserved, loss.regularization,
                  dg_show_seconds(seconds, spent, sizeof spent));
}

/* A sweep is left where it stands only when the state before it is on disk. */
static dg_status one_sweep(dg_work *w, int64_t n_sweeps, dg_pace *p, dg_err *err)
{
    const double started = dg_now(), waited = dg_comm_waited();
    const dg_traffic before = dg_comm_traffic();
    dg_loss loss;
    dg_stop_allow(p->saved == w->training.sweep);
    dg_status st = w->class->sweep(w->model, &loss, err);
    dg_stop_allow(false);
    if (st != DG_OK) return st;
    dg_fault("sweep.kill");
    dg_fault("sweep.hang");
    if (!isfinite(total(loss)))
        return DG_FAIL(err, DG_ERR_NUMERIC, "the loss after sweep %lld is not finite",
                       (long long)w->training.sweep + 1);
    st = dg_agree(w->comm, dg_training_add(&w->training, loss, err), err);
    p->sweep_takes = dg_now() - started;
    if (st == DG_OK)
        log_sweep(w, n_sweeps, loss, p->sweep_takes, p->sweep_takes - (dg_comm_waited() - waited),
                  dg_traffic_since(dg_comm_traffic(), before));
    return st;
}

/* Said again when what a checkpoint takes has changed a lot. */
static void say_interval(const dg_pace *p, double before)
{
    char takes[32], apart[32], mtbf[32];
    if (!p->automatic || (before > p->save_takes / 2 && before < p->save_takes * 2)) return;
    dg_log(DG_LOG_INFO, "interval",
           "a checkpoint takes %s: one every %s, as failures are %s apart (checkpoint.mtbf)",
           dg_show_seconds(p->save_takes, takes, sizeof takes),
           dg_show_seconds(dg_pace_interval(p->save_takes, p->mtbf), apart, sizeof apart),
           dg_show_seconds(p->mtbf, mtbf, sizeof mtbf));
}

static dg_status save_checkpoint(dg_work *w, const dg_identity *id, dg_pace *p, dg_err *err)
{
    char folder[DG_WORK_PATH];
    const double begun = dg_now(), before = p->save_takes;
    dg_pulse_doing("checkpoint");
    const bool local = w->local[0] != '\0';
    dg_status st = dg_checkpoint_write(w->comm, w->class, w->model, &w->training, id,
                                       local ? w->local : dg_work_path(w, "checkpoints", folder),
                                       w->job->checkpoint.keep, err);
    if (st == DG_OK && local)
        st = dg_agree(w->comm,
                      w->spool != NULL ? dg_spool_start(w->spool, w->training.sweep, err) : DG_OK,
                      err);
    dg_pulse_doing(NULL);
    if (st != DG_OK) return st;
    dg_pace_saved(p, w->training.sweep, begun, dg_now());
    say_interval(p, before);
    w->checkpoints = p->n_saved;
    w->checkpoint_seconds = p->save_seconds;
    w->figures.checkpoint_sweep = p->saved;
    w->figures.checkpoint_seconds = p->save_takes;
    dg_watch_tell(w->watch, &w->figures);
    dg_log_fields(DG_LOG_DEBUG, "checkpoint",
                  json_pack("{s:I, s:f}", "sweep", (json_int_t)p->saved, "seconds", p->save_takes),
                  "checkpoint of sweep %lld", (long long)p->saved);
    return st;
}

/* The text of an end that the next run, perhaps on another node, goes on from. */
static dg_status say_stopped(const dg_work *w, int64_t n_sweeps, const char *why, dg_err *err)
{
    dg_status st = dg_agree(w->comm, dg_spool_wait(w->spool, err), err);
    if (st != DG_OK) return st;
    st = DG_FAIL(err, DG_ERR_AGAIN, "%s after sweep %lld of %lld, saved", why,
                 (long long)w->training.sweep, (long long)n_sweeps);
    return dg_err_hint(err, st, "run the same command again to go on from there");
}

/* Where the run would end without room for its checkpoints is known before the first sweep. */
static dg_status check_room(dg_work *w, int64_t n_sweeps, dg_err *err)
{
    char folder[DG_WORK_PATH];
    int64_t n_bytes;
    const int64_t most = n_sweeps - w->training.sweep - 1; /* the last state is the model */
    const int64_t keep = w->job->checkpoint.keep < most ? w->job->checkpoint.keep : most;
    if (most < 0) return DG_OK;
    dg_status st = dg_state_bytes(w->comm, w->class, w->model, &n_bytes, err);
    if (st == DG_OK)
        st = dg_room_check(w->comm, dg_work_path(w, "checkpoints", folder), n_bytes, keep, 1, err);
    if (st == DG_OK && w->local[0] != '\0')
        st = dg_room_check(w->comm, w->local, n_bytes, keep, 0, err);
    return st;
}

static dg_status open_local(dg_work *w, dg_err *err)
{
    char folder[DG_WORK_PATH];
    const char *wanted = w->job->checkpoint.local;
    if (wanted[0] == '\0') return DG_OK;
    dg_status st = dg_room_local(w->comm, wanted, w->folder, w->local, err);
    if (st != DG_OK) return st;
    dg_log(DG_LOG_DEBUG, "local", "checkpoints go to %s first", w->local);
    if (w->comm->rank == 0)
        st = dg_spool_create(w->local, dg_work_path(w, "checkpoints", folder),
                             w->job->checkpoint.keep, &w->spool, err);
    return dg_agree(w->comm, st, err);
}

/* The model is there: what was kept to get there need not fill a quick folder any longer. */
static void close_local(dg_work *w)
{
    dg_err err;
    if (dg_spool_wait(w->spool, &err) != DG_OK)
        dg_log(DG_LOG_WARN, "copy", "a checkpoint was not copied: %s", err.text);
    if (w->spool != NULL && dg_folder_remove(w->local, &err) != DG_OK)
        dg_log(DG_LOG_WARN, "local", "%s", err.text);
    dg_spool_destroy(&w->spool);
}

static dg_pace pace_of(const dg_work *w)
{
    return (dg_pace){
        .automatic = w->job->checkpoint.interval == DG_JOB_AUTO,
        .every = w->job->checkpoint.every,
        .max_cost = w->job->checkpoint.max_cost,
        .minutes = w->job->checkpoint.minutes,
        .mtbf = w->job->checkpoint.mtbf,
        .saved = w->training.sweep,
        .since = dg_now(),
    };
}

static dg_status all_sweeps(dg_work *w, const dg_identity *id, dg_err *err)
{
    const int64_t n = w->training.warm[0] != '\0' ? id->warm_sweeps : id->sweeps;
    dg_stop_allow(false);
    dg_pulse_sweep(w->training.sweep);
    dg_pace pace = pace_of(w);
    dg_status st = check_room(w, n, err);
    while (w->training.sweep < n && st == DG_OK) {
        char why[64];
        st = one_sweep(w, n, &pace, err);
        if (st == DG_ERR_AGAIN) {
            snprintf(why, sizeof why, "%.60s", err->text); /* "stopped by …", as agreed */
            return say_stopped(w, n, why, err);
        }
        if (st == DG_OK) st = dg_curve_judge(w, n, err);
        if (st != DG_OK) break;
        const dg_pause pause = agree_pause(w, &pace);
        const bool last = w->training.sweep == n;
        if (pause.stop || (pause.checkpoint && !last)) st = save_checkpoint(w, id, &pace, err);
        snprintf(why, sizeof why, "stopped by %s", dg_stop_name(pause.stop));
        if (st == DG_OK && pause.stop && !last) st = say_stopped(w, n, why, err);
    }
    return st;
}

static json_t *figures(const dg_work *w)
{
    if (w->comm->rank != 0) return NULL;
    json_t *losses = json_array();
    for (int64_t k = 0; k < w->training.sweep; k++)
        json_array_append_new(losses, json_real(total(w->training.loss[k])));
    json_t *f = json_pack("{s:s, s:I, s:o, s:s, s:O}", "algorithm", w->class->name, "sweeps",
                          (json_int_t)w->training.sweep, "loss", losses, "content_digest",
                          w->model_content, "traffic", w->traffic);
    json_object_set_new(f, "checkpoints", json_integer(w->checkpoints));
    json_object_set_new(f, "checkpoint_seconds", json_real(w->checkpoint_seconds));
    if (w->training.warm[0] != '\0')
        json_object_set_new(f, "warm_start", json_string(w->training.warm));
    json_t *own = w->class->figures == NULL ? NULL : w->class->figures(w->model);
    if (own != NULL) json_object_update(f, own);
    json_decref(own);
    return f;
}

/* The model of the same data and options is there already: load it instead. A whole one of another
 * job is replaced as a matter of course, a damaged one with a warning. */
static dg_status load_finished(dg_work *w, const dg_identity *id, bool *finished, dg_err *err)
{
    char path[DG_WORK_PATH];
    dg_container *whole = NULL;
    bool touched;
    dg_work_path(w, "model.h5", path);
    dg_status st = dg_state_load(w->comm, w->class, w->model, &w->training, id, "daogou-model",
                                 path, w->model_content, &touched, err);
    *finished = st == DG_OK;
    if (st != DG_OK && touched) return st;
    if (st == DG_ERR_DATA)
        st = dg_store_open(w->comm, path, "daogou-model", DG_MODEL_VERSION, &whole, err);
    dg_container_close(&whole);
    if (st != DG_OK && st != DG_ERR_NOINPUT && st != DG_ERR_AGAIN)
        dg_log(DG_LOG_WARN, "remake", "making model.h5 anew: %s", err->text);
    return st == DG_ERR_NOMEM || st == DG_ERR_AGAIN ? st : DG_OK;
}

static dg_status train(dg_work *w, const dg_identity *id, dg_err *err)
{
    char path[DG_WORK_PATH];
    bool finished = false;
    dg_status st = DG_OK;
    if (strcmp(w->resume, "auto") == 0) st = load_finished(w, id, &finished, err);
    if (st == DG_OK && finished) {
        dg_log(DG_LOG_INFO, "skipped", "model.h5 is up to date");
        return DG_OK;
    }
    if (st == DG_OK) st = open_local(w, err);
    if (st == DG_OK) st = resume(w, id, err);
    if (st == DG_OK && w->training.sweep == 0) st = dg_warm_start(w, err);
    if (st == DG_OK) st = all_sweeps(w, id, err);
    if (st == DG_OK)
        st = dg_state_write(w->comm, w->class, w->model, &w->training, id, "daogou-model",
                            dg_work_path(w, "model.h5", path), w->model_content, err);
    if (st == DG_OK) close_local(w);
    return st;
}

dg_status dg_stage_train(dg_work *w, dg_err *err)
{
    const double started = dg_now();
    char *config = NULL;
    dg_identity id;
    dg_pulse_stage("train");
    if (w->class == NULL) return dg_job_missing(w->job, "model.algorithm", err);
    dg_status st = dg_work_data(w, err);
    if (st == DG_OK) st = dg_agree(w->comm, dg_work_identity(w, &id, &config, err), err);
    if (st == DG_OK)
        st = w->class->create(w->comm, &w->data, w->job->model.options, (uint64_t)w->job->seed,
                              &w->model, err);
    if (st == DG_OK) st = train(w, &id, err);
    dg_stop_allow(true);
    if (st == DG_OK)
        dg_work_record(w, "train", started, figures(w));
    else
        w->class->destroy(&w->model);
    dg_free(config);
    return st;
}
