/* request.h - what a client asks for: method, path and query turned into a checked request.
 *
 * Pure functions on raw text, so that they can be fuzzed without a socket. Paths and values arrive
 * as sent, with their %XX escapes; ids are decoded here, and only here. */
#ifndef DG_SERVE_REQUEST_H
#define DG_SERVE_REQUEST_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DG_MAX_ID = 1024, /* bytes of a decoded id */
    DG_MAX_K = 1000,
    DG_DEFAULT_K = 10,
};

typedef enum dg_route {
    DG_ROUTE_RECOMMEND,     /* /v1/recommend/{user} */
    DG_ROUTE_SIMILAR,       /* /v1/similar/{item} */
    DG_ROUTE_SIMILAR_USERS, /* /v1/similar-users/{user} */
    DG_ROUTE_EXPLAIN,       /* /v1/explain/{user}/{item} */
    DG_ROUTE_MODEL,         /* /v1/model */
    DG_ROUTE_HEALTH,        /* /healthz: the process answers */
    DG_ROUTE_READY,         /* /readyz: it also wants more requests */
} dg_route;

typedef struct dg_request {
    dg_route route;
    char id[DG_MAX_ID]; /* (n_id,) valid UTF-8, not NUL-terminated, may hold NULs */
    size_t n_id;
    char item[DG_MAX_ID]; /* (n_item,) the second id of DG_ROUTE_EXPLAIN */
    size_t n_item;
    int k;             /* list length wanted, 1 to DG_MAX_K */
    bool exclude_seen; /* leave out goods the user has seen */
    bool has_k, has_exclude_seen;
} dg_request;

/* Why a request is refused, as {"error": {"code", "message"}} tells the client. */
typedef struct dg_refusal {
    int http;          /* status, e.g. 404 */
    const char *code;  /* "unknown_item"; static text */
    char message[256]; /* one sentence; may quote the client, so it may be invalid UTF-8 */
} dg_refusal;

/** Record a refusal and yield false, so that a parser can return it. LOCAL. */
bool dg_refuse(dg_refusal *no, int http, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/**
 * Start a request from the method and the raw path, options at their defaults. LOCAL.
 *
 * @param[in]  path  NUL-terminated, begins at the first '/', without the query
 * @param[out] out   filled only on success
 * Errors  false and `no`: 404 not_found; 405 method_not_allowed for anything but GET and HEAD;
 *         400 bad_escape, bad_utf8 or missing_id; 414 id_too_long.
 */
bool dg_request_start(dg_request *out, const char *method, const char *path, dg_refusal *no);

/**
 * Add one query parameter, raw but with '+' already turned into a space. LOCAL.
 *
 * @param[in] value  NULL when the query has the bare key
 * Errors  false and `no`, always 400: unknown_parameter (a typo must not be ignored),
 *         repeated_parameter, bad_parameter.
 */
bool dg_request_option(dg_request *r, const char *key, size_t n_key, const char *value,
                       size_t n_value, dg_refusal *no);

/** Turn %XX into bytes; `out` has room for n. Yields the length, or -1 on a broken escape. LOCAL.
 */
ptrdiff_t dg_percent_decode(const char *s, size_t n, char *out);

#endif
