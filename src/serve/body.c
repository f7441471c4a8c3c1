#include "base/memory.h"
#include "base/text.h"
#include "serve/request.h"
#include "serve/tensors.h"

#include <jansson.h>
#include <string.h>

static bool take_k(dg_request *r, const json_t *value, dg_refusal *no)
{
    const json_int_t k = json_integer_value(value); /* 0 where it is something else */
    if (k < 1 || k > DG_MAX_K)
        return dg_refuse(no, 400, "bad_parameter", "k must be a whole number from 1 to %d",
                         DG_MAX_K);
    r->k = (int)k;
    return true;
}

static bool take_exclude_seen(dg_request *r, const json_t *value, dg_refusal *no)
{
    if (!json_is_boolean(value))
        return dg_refuse(no, 400, "bad_parameter", "exclude_seen must be true or false");
    r->exclude_seen = json_is_true(value);
    return true;
}

static bool take_user(dg_request *r, const json_t *value, dg_refusal *no)
{
    const size_t n = json_string_length(value);
    if (n == 0) return dg_refuse(no, 400, "bad_parameter", "user must be an id, as a string");
    if (n > DG_MAX_ID)
        return dg_refuse(no, 414, "id_too_long", "an id has at most %d bytes", DG_MAX_ID);
    memcpy(r->id, json_string_value(value), n);
    r->n_id = n;
    return true;
}

/* A list of ids. */
static bool take_list(dg_request *r, const char *key, dg_id_list which, const json_t *value,
                      dg_refusal *no)
{
    dg_ids *ids = &r->list[which];
    const size_t n = json_array_size(value);
    if (!json_is_array(value) || n > DG_MAX_IDS)
        return dg_refuse(no, 400, "bad_parameter", "%s must be a list of at most %d ids", key,
                         DG_MAX_IDS);
    if ((ids->at = dg_alloc(n, sizeof *ids->at)) == NULL)
        return dg_refuse(no, 500, "out_of_memory", "out of memory");
    for (; ids->n < n; ids->n++) {
        const json_t *id = json_array_get(value, ids->n);
        const size_t length = json_string_length(id);
        if (length == 0)
            return dg_refuse(no, 400, "bad_parameter", "%s must hold ids, as strings", key);
        if (length > DG_MAX_ID)
            return dg_refuse(no, 414, "id_too_long", "an id has at most %d bytes", DG_MAX_ID);
        ids->at[ids->n] = (dg_id){json_string_value(id), length};
    }
    return true;
}

static const struct {
    const char *key;
    unsigned takes;
    dg_id_list list;
} lists[] = {
    {"session", DG_TAKES_TASTE, DG_LIST_SESSION},   {"positive", DG_TAKES_TASTE, DG_LIST_POSITIVE},
    {"negative", DG_TAKES_TASTE, DG_LIST_NEGATIVE}, {"include", DG_TAKES_LIMITS, DG_LIST_INCLUDE},
    {"exclude", DG_TAKES_LIMITS, DG_LIST_EXCLUDE},  {"items", DG_TAKES_ITEMS, DG_LIST_ITEMS},
    {"users", DG_TAKES_USERS, DG_LIST_USERS},       {"rules", DG_TAKES_RULES, DG_LIST_RULES}};

/* A JSON string that is no string has no bytes, and is refused as such. */
static bool take_filter(dg_request *r, const json_t *value, dg_refusal *no)
{
    return dg_request__text("filter", json_string_value(value), json_string_length(value),
                            DG_MAX_FILTER, r->filter, &r->n_filter, no);
}

static bool take_scene(dg_request *r, const json_t *value, dg_refusal *no)
{
    return dg_request__text("scene", json_string_value(value), json_string_length(value),
                            DG_MAX_SCENE, r->scene, &r->n_scene, no);
}

static bool take_alike_by(dg_request *r, const json_t *value, dg_refusal *no)
{
    return dg_request__text("diversity_by", json_string_value(value), json_string_length(value),
                            DG_MAX_SCENE, r->alike_by, &r->n_alike_by, no);
}

static bool take_diversity(dg_request *r, const json_t *value, dg_refusal *no)
{
    r->diversity = json_number_value(value);
    if (!json_is_number(value) || !(r->diversity >= 0 && r->diversity <= 1))
        return dg_refuse(no, 400, "bad_parameter", "diversity must be a number from 0 to 1");
    return true;
}

static bool take_current(dg_request *r, const json_t *value, dg_refusal *no)
{
    r->current = (dg_id){json_string_value(value), json_string_length(value)};
    if (r->current.n == 0)
        return dg_refuse(no, 400, "bad_parameter", "current_item must be an id, as a string");
    return true;
}

static bool take_caps(dg_request *r, const json_t *value, dg_refusal *no)
{
    const char *name;
    json_t *n;
    if (!json_is_object(value) || json_object_size(value) > DG_MAX_CAPS)
        return dg_refuse(no, 400, "bad_parameter",
                         "at_most must be an object of at most %d attributes", DG_MAX_CAPS);
    json_object_foreach((json_t *)value, name, n)
    {
        const json_int_t most = json_integer_value(n);
        if (most < 1 || most > DG_MAX_K)
            return dg_refuse(no, 400, "bad_parameter",
                             "at_most: expected a whole number from 1 to %d for each attribute",
                             DG_MAX_K);
        r->cap[r->n_caps].name = (dg_id){name, strlen(name)};
        r->cap[r->n_caps++].n = (int)most;
    }
    return true;
}

static bool take_events(dg_request *r, const json_t *value, dg_refusal *no)
{
    const size_t n = json_array_size(value);
    if (n == 0 || n > DG_MAX_IDS)
        return dg_refuse(no, 400, "bad_parameter", "events must be a list of 1 to %d", DG_MAX_IDS);
    r->events = value;
    return true;
}

static const struct {
    const char *key;
    unsigned takes;
    bool (*take)(dg_request *r, const json_t *value, dg_refusal *no);
} keys[] = {{"k", DG_TAKES_K, take_k},
            {"exclude_seen", DG_TAKES_EXCLUDE_SEEN, take_exclude_seen},
            {"user", DG_TAKES_USER, take_user},
            {"events", DG_TAKES_EVENTS, take_events},
            {"filter", DG_TAKES_FILTER, take_filter},
            {"scene", DG_TAKES_SCENE, take_scene},
            {"diversity", DG_TAKES_DIVERSITY, take_diversity},
            {"diversity_by", DG_TAKES_DIVERSITY_BY, take_alike_by},
            {"at_most", DG_TAKES_RULES, take_caps},
            {"current_item", DG_TAKES_RULES, take_current}};

static bool take_key(dg_request *r, const char *key, const json_t *value, dg_refusal *no)
{
    char shown[80];
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
        if ((r->route->takes & keys[k].takes) == 0 || strcmp(key, keys[k].key) != 0) continue;
        r->given |= keys[k].takes;
        return keys[k].take(r, value, no);
    }
    for (size_t k = 0; k < sizeof lists / sizeof *lists; k++) {
        if ((r->route->takes & lists[k].takes) == 0 || strcmp(key, lists[k].key) != 0) continue;
        r->given |= lists[k].takes;
        return take_list(r, key, lists[k].list, value, no);
    }
    return dg_refuse(no, 400, "unknown_parameter", "the body of this path has no key %s",
                     dg_show_quoted(key, strlen(key), shown, sizeof shown));
}

static bool take_keys(dg_request *r, json_t *body, dg_refusal *no)
{
    const char *key;
    json_t *value;
    if (!json_is_object(body))
        return dg_refuse(no, 400, "bad_json", "the body must be one JSON object");
    json_object_foreach(body, key, value)
    {
        if (!take_key(r, key, value, no)) return false;
    }
    return true;
}

bool dg_request_body(dg_request *r, const char *bytes, size_t n, dg_refusal *no)
{
    json_error_t where;
    json_t *body = json_loadb(bytes, n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &where);
    if (body == NULL && json_error_code(&where) == json_error_out_of_memory)
        return dg_refuse(no, 500, "out_of_memory", "out of memory");
    if (body == NULL)
        return dg_refuse(no, 400, "bad_json", "the body is not JSON: line %d, column %d: %s",
                         where.line, where.column, where.text);
    if ((r->route->takes & DG_TAKES_TENSORS) != 0) {
        json_t *flat = dg_tensors_flatten(body, &r->rest, no);
        json_decref(body);
        if (flat == NULL) return false;
        body = flat;
    }
    r->body = body;
    return take_keys(r, body, no);
}

void dg_request_close(dg_request *r)
{
    for (int k = 0; k < DG_N_LISTS; k++) dg_free(r->list[k].at);
    memset(r->list, 0, sizeof r->list);
    json_decref(r->body);
    json_decref(r->rest);
    r->events = r->body = r->rest = NULL;
}
