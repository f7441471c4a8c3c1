#include "online/log.h"

#include "base/digest.h"
#include "base/text.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Ids are texts or whole numbers; 0 where there is none. */
static uint64_t id_of(const json_t *object, const char *key)
{
    char digits[32];
    const json_t *v = json_object_get(object, key);
    if (json_is_string(v) && json_string_length(v) > 0)
        return dg_id_hash(json_string_value(v), json_string_length(v));
    if (!json_is_integer(v)) return 0;
    const int n = snprintf(digits, sizeof digits, "%lld", (long long)json_integer_value(v));
    return dg_id_hash(digits, (size_t)n);
}

static bool read_time(const json_t *v, int64_t *out, int64_t *open)
{
    const double most = 4e15; /* milliseconds, far beyond any calendar in use */
    if (json_is_string(v)) {
        const char *text = json_string_value(v);
        return dg_parse_moment(text, json_string_length(v), out, open) && fabs((double)*out) < most;
    }
    const double x = 1000 * json_number_value(v);
    if (!json_is_number(v) || !(fabs(x) < most)) return false;
    *out = llround(x);
    *open = json_is_integer(v) ? 999 : 0;
    return true;
}

/* A number in (0, most], or what is meant where it is missing. */
static bool read_share(const json_t *object, const char *key, double least, double most,
                       double missing, double *out)
{
    const json_t *v = json_object_get(object, key);
    *out = missing;
    if (v == NULL || json_is_null(v)) return true;
    *out = json_number_value(v);
    return json_is_number(v) && *out >= least && *out <= most;
}

static int find_arm(dg_arm_names *arms, const char *name)
{
    for (int k = 0; k < arms->n; k++)
        if (strcmp(arms->at[k], name) == 0) return k;
    if (arms->n == DG_ARMS || strlen(name) >= DG_ARM_NAME) return -1;
    snprintf(arms->at[arms->n], DG_ARM_NAME, "%s", name);
    return arms->n++;
}

static const char *read_list(const json_t *line, dg_arm_names *arms, dg_shown *out)
{
    const json_t *arm = json_object_get(line, "arm"), *version = json_object_get(line, "v");
    int64_t open;
    *out = (dg_shown){.list = id_of(line, "request"), .user = id_of(line, "user")};
    if (version != NULL && json_integer_value(version) != 1) return "its \"v\" is not 1";
    if (out->list == 0) return "it has no \"request\"";
    if (!read_time(json_object_get(line, "time"), &out->time, &open)) return "it has no \"time\"";
    out->arm = find_arm(arms, json_is_string(arm) ? json_string_value(arm) : "all");
    if (out->arm < 0) return "its \"arm\" is one too many, or too long a name";
    if (!read_share(line, "propensity", 1e-12, 1, 1, &out->propensity))
        return "its \"propensity\" is not above 0 and at most 1";
    if (!read_share(line, "target", 0, 1, NAN, &out->target))
        return "its \"target\" is not from 0 to 1";
    if (!read_share(line, "predicted", -1e9, 1e9, NAN, &out->predicted) ||
        !read_share(line, "predicted_target", -1e9, 1e9, NAN, &out->predicted_target))
        return "its prediction is not a number";
    return NULL;
}

static const char *read_items(const json_t *line, dg_shown list, dg_shown *out, int *n)
{
    const json_t *items = json_object_get(line, "items"), *item;
    size_t k;
    if (!json_is_array(items)) return "it has no \"items\"";
    if (json_array_size(items) > DG_ITEMS_SHOWN) return "it has too many items";
    json_array_foreach(items, k, item)
    {
        const json_t *position = json_object_get(item, "position");
        dg_shown *to = &out[(*n)++];
        *to = list;
        to->item = id_of(item, "item");
        to->position = (int32_t)k + 1;
        if (to->item == 0) return "an item of it has no \"item\"";
        if (!read_share(item, "propensity", 1e-12, 1, NAN, &to->item_propensity))
            return "an item's \"propensity\" is not above 0 and at most 1";
        if (!read_share(item, "target", 0, 1, NAN, &to->item_target))
            return "an item's \"target\" is not from 0 to 1";
        if (json_is_integer(position) && json_integer_value(position) > 0 &&
            json_integer_value(position) <= DG_ITEMS_SHOWN)
            to->position = (int32_t)json_integer_value(position);
    }
    return NULL;
}

static json_t *parse(const char *line, size_t n, char *why, size_t n_why)
{
    json_error_t error;
    json_t *j = json_loadb(line, n, JSON_REJECT_DUPLICATES, &error);
    if (json_is_object(j)) return j;
    snprintf(why, n_why, "it is not a JSON object%s%.100s", j == NULL ? ": " : "",
             j == NULL ? error.text : "");
    json_decref(j);
    return NULL;
}

int dg_log_shown(const char *line, size_t n, dg_arm_names *arms, dg_shown *out, char *why,
                 size_t n_why)
{
    int items = 0;
    dg_shown list;
    json_t *j = parse(line, n, why, n_why);
    if (j == NULL) return -1;
    const char *wrong = NULL;
    if (!json_is_false(json_object_get(j, "shown"))) {
        wrong = read_list(j, arms, &list);
        if (wrong == NULL) wrong = read_items(j, list, out, &items);
    }
    json_decref(j);
    if (wrong == NULL) return items;
    snprintf(why, n_why, "%s", wrong);
    return -1;
}

bool dg_log_done(const char *line, size_t n, const char *const *kind, int n_kinds, dg_done *out,
                 char *why, size_t n_why)
{
    json_t *j = parse(line, n, why, n_why);
    if (j == NULL) return false;
    const json_t *name = json_object_get(j, "event");
    *out = (dg_done){.list = id_of(j, "request"),
                     .user = id_of(j, "user"),
                     .item = id_of(j, "item"),
                     .kind = -1};
    const char *wrong = NULL;
    if (out->list == 0) out->list = id_of(j, "recommendation"); /* as a node's log of events says */
    if (!read_time(json_object_get(j, "time"), &out->time, &out->open))
        wrong = "it has no \"time\"";
    if (out->list == 0 && out->user == 0) wrong = "it has neither \"user\" nor \"request\"";
    if (out->item == 0) wrong = "it has no \"item\"";
    for (int k = 0; wrong == NULL && k < n_kinds; k++)
        if (json_is_string(name) && strcmp(json_string_value(name), kind[k]) == 0) out->kind = k;
    json_decref(j);
    if (wrong != NULL) snprintf(why, n_why, "%s", wrong);
    return wrong == NULL;
}
