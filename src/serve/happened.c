#include "base/memory.h"
#include "serve/answers.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <string.h>
#include <time.h>

enum {
    DAY = 86400000,
    LONGEST_ID = 512 /* bytes: prepare reads the log and takes no more (DG_ID_MAX) */
};

static bool refuse_at(dg_refusal *no, size_t k, const char *what)
{
    return dg_refuse(no, 400, "bad_parameter", "events: number %zu: %s", k + 1, what);
}

/* Only what prepare reads again: no text with a NUL. */
static bool take_text(const json_t *value, size_t most, dg_word_at *out)
{
    *out = (dg_word_at){json_string_value(value), json_string_length(value)};
    return json_is_string(value) && out->n > 0 && out->n <= most &&
           memchr(out->at, '\0', out->n) == NULL;
}

static bool take_time(const json_t *value, dg_event_new *out)
{
    int64_t open = 0;
    if (json_is_string(value)) {
        const bool good =
            dg_parse_moment(json_string_value(value), json_string_length(value), &out->time, &open);
        out->whole = open > 0;
        return good;
    }
    const double seconds = json_number_value(value);
    if (!json_is_number(value) || !(fabs(seconds) < 1e12)) return false;
    out->whole = json_is_integer(value);
    out->time = llround(seconds * 1000);
    return true;
}

static const char unknown_key[] = ""; /* told by its name */

/* One key of an event; what is wrong with it, or NULL. */
static const char *take_key(const char *key, const json_t *value, dg_event_new *e)
{
    const struct {
        const char *key;
        size_t most;
        dg_word_at *at;
        const char *wrong;
    } texts[] = {
        {"user", LONGEST_ID, &e->user, "user must be an id of at most 512 bytes, without NUL"},
        {"item", LONGEST_ID, &e->item, "item must be an id of at most 512 bytes, without NUL"},
        {"event", DG_EVENT_TEXT, &e->kind, "event must be a word of at most 128 bytes"},
        {"id", DG_EVENT_TEXT, &e->id, "id must be a string of at most 128 bytes"},
        {"session", DG_EVENT_TEXT, &e->session, "session must be a string of at most 128 bytes"},
        {"recommendation", DG_EVENT_TEXT, &e->recommendation,
         "recommendation must be a string of at most 128 bytes"}};
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
        if (strcmp(key, texts[k].key) == 0)
            return take_text(value, texts[k].most, texts[k].at) ? NULL : texts[k].wrong;
    if (strcmp(key, "value") == 0) {
        e->value = json_number_value(value);
        return json_is_number(value) && fabs(e->value) <= 1e9 ? NULL : "value must be a number";
    }
    if (strcmp(key, "time") != 0) return unknown_key;
    return take_time(value, e) ? NULL : "time must be seconds since 1970, or a date";
}

/* What the model asks of an event beyond its form; NULL where all is well. */
static const char *judge(const dg_node *node, const dg_event_new *e, int64_t now_ms)
{
    const dg_artifact *a = node->artifact;
    double weight;
    if (e->user.n == 0 || e->item.n == 0) return "it must have a user and an item";
    if (e->time < 0 || e->time > now_ms + DAY) return "its time is before 1970 or in the future";
    if (!dg_live_weight(node->live, e->kind.at, e->kind.n, &weight))
        return "the model knows no such kind of event";
    if (!a->clipped || a->event_weights != NULL) return NULL;
    if (isnan(e->value)) return "a model of ratings needs a value";
    return e->value < a->clip_min || e->value > a->clip_max
               ? "its value is outside the range of ratings"
               : NULL;
}

static bool read_event(const dg_node *node, const json_t *from, size_t k, int64_t now_ms,
                       dg_event_new *out, dg_refusal *no)
{
    const char *key, *wrong = NULL;
    char shown[80];
    json_t *value;
    *out = (dg_event_new){.value = NAN, .time = now_ms};
    if (!json_is_object(from)) return refuse_at(no, k, "it must be an object");
    json_object_foreach((json_t *)(uintptr_t)from, key, value)
    {
        if (wrong == NULL) wrong = take_key(key, value, out);
        if (wrong == unknown_key)
            return dg_refuse(no, 400, "unknown_parameter",
                             "events: number %zu: no event has a key %s", k + 1,
                             dg_show_quoted(key, strlen(key), shown, sizeof shown));
    }
    if (wrong == NULL) wrong = judge(node, out, now_ms);
    return wrong == NULL || refuse_at(no, k, wrong);
}

static dg_reply refuse_taking(dg_status st, const dg_err *err)
{
    if (st == DG_ERR_NOMEM) return dg_reply_no_memory();
    dg_reply reply = dg_reply_refuse(503, "events_not_taken", "none was taken: %s", err->text);
    reply.retry_after = 1;
    return reply;
}

static int64_t milliseconds_since_1970(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

dg_reply dg_answer_events(const dg_node *node, const dg_request *request)
{
    dg_taken taken;
    dg_refusal no;
    dg_text t = {0};
    dg_err err;
    int64_t unknown = 0;
    const int64_t now_ms = milliseconds_since_1970();
    const size_t n = json_array_size(request->events);
    if (node->store == NULL)
        return dg_reply_refuse(409, "no_events", "this node was started without --events");
    if (n == 0)
        return dg_reply_refuse(400, "bad_parameter", "events must be a list of at least one");
    dg_event_new *event = dg_alloc(n, sizeof *event);
    if (event == NULL) return dg_reply_no_memory();
    bool good = true;
    for (size_t k = 0; k < n && good; k++) {
        good = read_event(node, json_array_get(request->events, k), k, now_ms, &event[k], &no);
        if (good)
            unknown +=
                dg_names_find(&node->artifact->item_id, event[k].item.at, event[k].item.n) < 0;
    }
    const dg_status st = good ? dg_eventstore_take(node->store, event, n, &taken, &err) : DG_OK;
    dg_free(event);
    if (!good) return dg_reply_refusal(&no);
    if (st != DG_OK) return refuse_taking(st, &err);
    dg_answer__begin(&t, node, request);
    dg_text_add(&t, ",\"accepted\":%" PRId64 ",\"duplicates\":%" PRId64, taken.accepted,
                taken.duplicates);
    if (unknown > 0) dg_text_add(&t, ",\"unknown_items\":%" PRId64, unknown);
    dg_text_bytes(&t, "}", 1);
    return dg_reply_take(200, &t);
}
