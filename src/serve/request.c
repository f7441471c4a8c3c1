#include "serve/request.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool dg_refuse(dg_refusal *no, int http, const char *code, const char *fmt, ...)
{
    va_list ap;
    no->http = http;
    no->code = code;
    va_start(ap, fmt);
    vsnprintf(no->message, sizeof no->message, fmt, ap);
    va_end(ap);
    return false;
}

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

/* The ids a route ends with: {user}, {item}, or {user}/{item}. */
static bool take_ids(dg_request *r, const char *raw, const char *what, dg_refusal *no)
{
    const char *slash = r->route == DG_ROUTE_EXPLAIN ? strchr(raw, '/') : NULL;
    const size_t n = slash != NULL ? (size_t)(slash - raw) : strlen(raw);
    if (!take_id(raw, n, what, r->id, &r->n_id, no)) return false;
    if (r->route != DG_ROUTE_EXPLAIN) return true;
    const char *item = slash != NULL ? slash + 1 : "";
    return take_id(item, strlen(item), "item", r->item, &r->n_item, no);
}

static const struct {
    const char *path;
    dg_route route;
    const char *id; /* what the last segment names; NULL where there is none */
} routes[] = {{"/v1/recommend/", DG_ROUTE_RECOMMEND, "user"},
              {"/v1/similar/", DG_ROUTE_SIMILAR, "item"},
              {"/v1/similar-users/", DG_ROUTE_SIMILAR_USERS, "user"},
              {"/v1/explain/", DG_ROUTE_EXPLAIN, "user"},
              {"/v1/model", DG_ROUTE_MODEL, NULL},
              {"/healthz", DG_ROUTE_HEALTH, NULL},
              {"/readyz", DG_ROUTE_READY, NULL}};

bool dg_request_start(dg_request *out, const char *method, const char *path, dg_refusal *no)
{
    for (size_t k = 0; k < sizeof routes / sizeof *routes; k++) {
        const size_t n = strlen(routes[k].path);
        const bool hit = routes[k].id != NULL ? strncmp(path, routes[k].path, n) == 0
                                              : strcmp(path, routes[k].path) == 0;
        if (!hit) continue;
        if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
            return dg_refuse(no, 405, "method_not_allowed", "%s answers GET and HEAD only",
                             routes[k].path);
        out->route = routes[k].route;
        out->n_id = out->n_item = 0;
        out->k = DG_DEFAULT_K;
        out->exclude_seen = true;
        out->has_k = out->has_exclude_seen = false;
        return routes[k].id == NULL || take_ids(out, path + n, routes[k].id, no);
    }
    return dg_refuse(no, 404, "not_found", "no such path");
}

static bool is(const char *s, size_t n, const char *word)
{
    return n == strlen(word) && memcmp(s, word, n) == 0;
}

static bool take_k(dg_request *r, const char *value, size_t n, dg_refusal *no)
{
    int64_t k;
    if (r->has_k) return dg_refuse(no, 400, "repeated_parameter", "k is given twice");
    if (!dg_parse_int64(value, n, &k) || k < 1 || k > DG_MAX_K)
        return dg_refuse(no, 400, "bad_parameter", "k must be a whole number from 1 to %d",
                         DG_MAX_K);
    r->k = (int)k;
    return r->has_k = true;
}

static bool take_exclude_seen(dg_request *r, const char *value, size_t n, dg_refusal *no)
{
    if (r->has_exclude_seen)
        return dg_refuse(no, 400, "repeated_parameter", "exclude_seen is given twice");
    if (!is(value, n, "true") && !is(value, n, "false"))
        return dg_refuse(no, 400, "bad_parameter", "exclude_seen must be true or false");
    r->exclude_seen = is(value, n, "true");
    return r->has_exclude_seen = true;
}

bool dg_request_option(dg_request *r, const char *key, size_t n_key, const char *value,
                       size_t n_value, dg_refusal *no)
{
    enum { ROOM = 64 }; /* every known key and value fits, escapes and all */
    char k[ROOM], v[ROOM];
    if (value == NULL) n_value = 0;
    const ptrdiff_t nk = n_key <= ROOM ? dg_percent_decode(key, n_key, k) : -1;
    const ptrdiff_t nv = n_value <= ROOM ? dg_percent_decode(value, n_value, v) : -1;
    const bool lists = r->route <= DG_ROUTE_EXPLAIN;

    if (nk >= 0 && lists && is(k, (size_t)nk, "k"))
        return take_k(r, v, nv < 0 ? 0 : (size_t)nv, no);
    if (nk >= 0 && r->route == DG_ROUTE_RECOMMEND && is(k, (size_t)nk, "exclude_seen"))
        return take_exclude_seen(r, v, nv < 0 ? 0 : (size_t)nv, no);
    return dg_refuse(no, 400, "unknown_parameter", "this path has no parameter \"%.*s\"",
                     (int)(n_key < ROOM ? n_key : ROOM), key);
}
