#include "job/model_card.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/version.h"

#include <stdlib.h>

/* A text of /meta of a file in the work folder; NULL where it has none. */
static dg_status read_meta(const dg_work *w, const char *name, const char *format, int version,
                           const char *key, char **out, dg_err *err)
{
    char path[DG_WORK_PATH];
    dg_container *f = NULL;
    dg_err none;
    *out = NULL;
    const dg_status st =
        dg_container__open_checked(dg_work_path(w, name, path), format, version, &f, err);
    if (st == DG_OK) dg_container_text(f, "/meta", key, out, &none);
    dg_container_close(&f);
    return st;
}

static void copy(json_t *to, const char *name, const json_t *from, const char *key)
{
    json_t *value = json_object_get(from, key);
    if (value != NULL) json_object_set(to, name, value);
}

static void add_time(json_t *to, const char *key, const json_t *time)
{
    char text[32];
    const json_t *at = json_object_get(time, key);
    if (json_is_integer(at))
        json_object_set_new(to, key,
                            json_string(dg_iso_time_of(json_integer_value(at), text, sizeof text)));
}

/* Of the data card (job/card.c) what tells one day's data from another's. */
static json_t *data_of(const dg_work *w, const json_t *card)
{
    static const char *const counts[] = {"files", "records", "train", "valid", "test", "fold_in"};
    json_t *out = json_pack("{s:s, s:I, s:I}", "dataset_digest", w->data.content, "users",
                            (json_int_t)w->data.users.begin[w->data.users.n], "items",
                            (json_int_t)w->data.items.begin[w->data.items.n]);
    for (size_t k = 0; k < sizeof counts / sizeof *counts; k++)
        copy(out, counts[k], json_object_get(card, "counts"), counts[k]);
    add_time(out, "oldest", json_object_get(card, "time"));
    add_time(out, "newest", json_object_get(card, "time"));
    return out;
}

static void add_text(json_t *to, const char *name, const char *text)
{
    if (text != NULL && text[0] != '\0') json_object_set_new(to, name, json_string(text));
}

static dg_status print(json_t *card, char **text, dg_err *err)
{
    char *line = json_dumps(card, JSON_COMPACT | JSON_REAL_PRECISION(12));
    *text = line == NULL ? NULL : dg_strdup(line);
    free(line);
    return *text != NULL ? DG_OK : DG_FAIL(err, DG_ERR_NOMEM, "out of memory for the model card");
}

dg_status dg_model_card(const dg_work *w, char **text, int64_t *newest, dg_err *err)
{
    char *of_data = NULL, *trained = NULL, *split = NULL;
    *text = NULL;
    *newest = INT64_MIN;
    dg_status st =
        read_meta(w, "dataset.h5", "daogou-dataset", DG_DATASET_VERSION, "card", &of_data, err);
    if (st == DG_OK)
        st = read_meta(w, "model.h5", "daogou-model", DG_MODEL_VERSION, "created", &trained, err);
    if (st == DG_OK) st = dg_job_show_key(w->job, "prepare.split.method", &split, err);
    json_t *data_card = of_data == NULL ? NULL : json_loads(of_data, 0, NULL);
    const json_t *last = json_object_get(json_object_get(data_card, "time"), "newest");
    if (json_is_integer(last)) *newest = json_integer_value(last);
    if (st == DG_OK) {
        json_t *card = json_pack("{s:{s:s, s:s}, s:o}", "made_with", "daogou", dg_version(),
                                 "revision", dg_revision(), "data", data_of(w, data_card));
        add_text(card, "trained", trained);
        add_text(card, "split", split);
        add_text(card, "licence", w->job->export.licence);
        add_text(card, "notes", w->job->export.notes);
        st = print(card, text, err);
        json_decref(card);
    }
    json_decref(data_card);
    dg_free(of_data);
    dg_free(trained);
    dg_free(split);
    return st;
}
