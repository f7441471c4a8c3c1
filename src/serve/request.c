#include "serve/request.h"

#include "base/text.h"

#include <string.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

ptrdiff_t dg_percent_decode(const char *s, size_t n, char *out)
{
    ptrdiff_t used = 0;
    for (size_t i = 0; i < n; i++) {
        if (s[i] != '%') {
            out[used++] = s[i];
            continue;
        }
        const int high = i + 2 < n ? hex_digit(s[i + 1]) : -1;
        const int low = i + 2 < n ? hex_digit(s[i + 2]) : -1;
        if (high < 0 || low < 0) return -1;
        out[used++] = (char)(high * 16 + low);
        i += 2;
    }
    return used;
}

/* One segment of the path, raw (n bytes), as an id. */
static bool take_id(const char *raw, size_t n, const char *what, char id[DG_MAX_ID], size_t *n_id,
                    dg_refusal *no)
{
    char decoded[3 * DG_MAX_ID];
    if (n == 0) return dg_refuse(no, 400, "missing_id", "the path ends before the %s id", what);
    if (memchr(raw, '/', n) != NULL)
        return dg_refuse(no, 404, "not_found", "no such path; a / inside an id is written %%2F");
    if (n > sizeof decoded)
        return dg_refuse(no, 414, "id_too_long", "an id has at most %d bytes", DG_MAX_ID);
    const ptrdiff_t used = dg_percent_decode(raw, n, decoded);
    if (used < 0) return dg_refuse(no, 400, "bad_escape", "the %s id has a broken %% escape", what);
    if (used > DG_MAX_ID)
        return dg_refuse(no, 414, "id_too_long", "an id has at most %d bytes", DG_MAX_ID);
    if (!dg_utf8_valid(decoded, (size_t)used))
        return dg_refuse(no, 400, "bad_utf8", "the %s id is not valid UTF-8", what);
    memcpy(id, decoded, (size_t)used);
    *n_id = (size_t)used;
    return true;
}

/* The ids a path ends with, one segment each, and the tail behind them. */
static bool take_ids(dg_request *r, const char *raw, dg_refusal *no)
{
    const char *const *what = r->route->id;
    const char *slash = what[1] != NULL ? strchr(raw, '/') : NULL;
    const size_t tail = r->route->tail != NULL ? strlen(r->route->tail) : 0;
    const size_t n = slash != NULL ? (size_t)(slash - raw) : strlen(raw) - tail;
    if (what[0] == NULL) return true;
    if (!take_id(raw, n, what[0], r->id, &r->n_id, no)) return false;
    if (what[1] == NULL) return true;
    const char *second = slash != NULL ? slash + 1 : "";
    return take_id(second, strlen(second), what[1], r->item, &r->n_item, no);
}

bool dg_request_start(dg_request *out, const char *method, const char *path, dg_refusal *no)
{
    const dg_route *route = dg_route_find(method, path, no);
    if (route == NULL) return false;
    out->route = route;
    out->n_id = out->n_item = 0;
    out->k = DG_DEFAULT_K;
    out->exclude_seen = true;
    out->given = 0;
    out->n_filter = out->n_scene = out->n_alike_by = 0;
    out->diversity = 0;
    out->current = (dg_id){0};
    out->n_caps = 0;
    memset(out->list, 0, sizeof out->list);
    out->events = NULL;
    out->body = out->rest = NULL;
    out->name = NULL;
    out->hear = NULL;
    return take_ids(out, path + strlen(route->path), no);
}

const char *dg_request_user(const dg_request *r, size_t *n)
{
    const bool in_path = r->route->id[0] != NULL && strcmp(r->route->id[0], "user") == 0;
    const bool named = in_path || (r->given & DG_TAKES_USER) != 0;
    *n = named ? r->n_id : 0; /* the id of a path may be that of an item */
    return named ? r->id : NULL;
}

static bool is(const char *s, size_t n, const char *word)
{
    return n == strlen(word) && memcmp(s, word, n) == 0;
}

static bool take_k(dg_request *r, const char *value, size_t n, dg_refusal *no)
{
    int64_t k;
    if (!dg_parse_int64(value, n, &k) || k < 1 || k > DG_MAX_K)
        return dg_refuse(no, 400, "bad_parameter", "k must be a whole number from 1 to %d",
                         DG_MAX_K);
    r->k = (int)k;
    return true;
}

static bool take_exclude_seen(dg_request *r, const char *value, size_t n, dg_refusal *no)
{
    if (!is(value, n, "true") && !is(value, n, "false"))
        return dg_refuse(no, 400, "bad_parameter", "exclude_seen must be true or false");
    r->exclude_seen = is(value, n, "true");
    return true;
}

bool dg_request__text(const char *what, const char *value, size_t n, size_t most, char *to,
                      size_t *n_to, dg_refusal *no)
{
    if (n == 0 || n > most || !dg_utf8_valid(value, n))
        return dg_refuse(no, 400, "bad_parameter", "%s must be 1 to %zu bytes of UTF-8", what,
                         most);
    memcpy(to, value, n);
    *n_to = n;
    return true;
}

static bool take_filter(dg_request *r, const char *value, size_t n, dg_refusal *no)
{
    return dg_request__text("filter", value, n, DG_MAX_FILTER, r->filter, &r->n_filter, no);
}

static bool take_scene(dg_request *r, const char *value, size_t n, dg_refusal *no)
{
    return dg_request__text("scene", value, n, DG_MAX_SCENE, r->scene, &r->n_scene, no);
}

static bool take_alike_by(dg_request *r, const char *value, size_t n, dg_refusal *no)
{
    return dg_request__text("diversity_by", value, n, DG_MAX_SCENE, r->alike_by, &r->n_alike_by,
                            no);
}

static bool take_diversity(dg_request *r, const char *value, size_t n, dg_refusal *no)
{
    if (!dg_parse_double(value, n, &r->diversity) || !(r->diversity >= 0 && r->diversity <= 1))
        return dg_refuse(no, 400, "bad_parameter", "diversity must be a number from 0 to 1");
    return true;
}

static const struct {
    const char *key;
    unsigned takes;
    bool (*take)(dg_request *r, const char *value, size_t n, dg_refusal *no);
} parameters[] = {{"k", DG_TAKES_K, take_k},
                  {"exclude_seen", DG_TAKES_EXCLUDE_SEEN, take_exclude_seen},
                  {"filter", DG_TAKES_FILTER, take_filter},
                  {"scene", DG_TAKES_SCENE, take_scene},
                  {"diversity", DG_TAKES_DIVERSITY, take_diversity},
                  {"diversity_by", DG_TAKES_DIVERSITY_BY, take_alike_by}};

bool dg_request_option(dg_request *r, const char *key, size_t n_key, const char *value,
                       size_t n_value, dg_refusal *no)
{
    enum { ROOM = 64 }; /* every known key fits, escapes and all */
    char k[ROOM], v[3 * DG_MAX_FILTER];
    if (value == NULL) n_value = 0;
    const ptrdiff_t nk = n_key <= ROOM ? dg_percent_decode(key, n_key, k) : -1;
    const ptrdiff_t nv = n_value <= sizeof v ? dg_percent_decode(value, n_value, v) : -1;
    const unsigned takes = r->route->body > 0 ? 0 : r->route->takes; /* else they are in the body */
    for (size_t p = 0; p < sizeof parameters / sizeof *parameters; p++) {
        if (nk < 0 || (takes & parameters[p].takes) == 0 || !is(k, (size_t)nk, parameters[p].key))
            continue;
        if ((r->given & parameters[p].takes) != 0)
            return dg_refuse(no, 400, "repeated_parameter", "%s is given twice", parameters[p].key);
        r->given |= parameters[p].takes;
        return parameters[p].take(r, v, nv < 0 ? 0 : (size_t)nv, no);
    }
    return dg_refuse(no, 400, "unknown_parameter", "this path has no parameter \"%.*s\"",
                     (int)(n_key < ROOM ? n_key : ROOM), key);
}
