#include "job/leaks.h"

#include "artifact/container.h"
#include "base/log.h"
#include "base/memory.h"

json_t *dg_leaks_json(const dg_prepare_report *r, dg_split_method method)
{
    const dg_leaks *l = &r->leaks;
    json_t *alarms = json_array();
    for (int k = 0; k < DG_LEAK_KINDS; k++) {
        const char *name;
        char text[300];
        if (dg_leaks_say(l, method, k, &name, text, sizeof text))
            json_array_append_new(alarms, json_pack("{s:s, s:s}", "kind", name, "text", text));
    }
    const dg_twins *t = &l->twins;
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "held_out",
                     (json_int_t)l->targets, "repeated", (json_int_t)l->repeated, "in_both",
                     (json_int_t)l->in_both, "older_than_own_training", (json_int_t)l->late_targets,
                     "of_cold_users", (json_int_t)r->targets_cold_user, "of_cold_items",
                     (json_int_t)r->targets_cold_item, "of_twin_items", (json_int_t)t->of_items,
                     "of_twin_users", (json_int_t)t->of_users, "of_copied_users",
                     (json_int_t)t->of_copies, "alarms", alarms);
}

/* Rank 0: from the card in memory, or in the file. */
static dg_status find(dg_work *w, dg_err *err)
{
    char path[DG_WORK_PATH], *text = NULL;
    dg_container *f = NULL;
    dg_err ignored;
    dg_status st = DG_OK;
    if (w->data.card == NULL) {
        st = dg_container_open(dg_work_path(w, "dataset.h5", path), "daogou-dataset",
                               DG_DATASET_VERSION, &f, err);
        if (st != DG_OK) return st;
        dg_container_text(f, "/meta", "card", &text, &ignored); /* an old one has none */
        dg_container_close(&f);
    }
    json_t *card = NULL;
    if (text != NULL || w->data.card != NULL)
        card = json_loads(text != NULL ? text : w->data.card, 0, NULL);
    w->leaks = json_incref(json_object_get(card, "leaks"));
    json_decref(card);
    dg_free(text);
    return st;
}

static dg_status heed(dg_work *w, dg_err *err)
{
    const json_t *alarms = json_object_get(w->leaks, "alarms"), *alarm;
    const bool fails = w->job->evaluate.on_leak == DG_JOB_LEAK_FAIL;
    size_t k;
    json_array_foreach(alarms, k, alarm)
    {
        const char *text = json_string_value(json_object_get(alarm, "text"));
        if (text == NULL) continue;
        if (!fails) dg_log(DG_LOG_WARN, "leak", "the split leaks: %s", text);
        if (!fails) continue;
        const dg_status st = DG_FAIL(err, DG_ERR_DATA, "the split leaks: %s", text);
        return dg_err_hint(err, st, "evaluate.on_leak: warn goes on all the same");
    }
    return DG_OK;
}

dg_status dg_leaks_heed(dg_work *w, dg_err *err)
{
    dg_status st = DG_OK;
    if (w->has_leaks) return DG_OK;
    w->has_leaks = true;
    if (w->comm->rank == 0) st = find(w, err);
    if (w->comm->rank == 0 && st == DG_OK) st = heed(w, err);
    return dg_agree(w->comm, st, err);
}
