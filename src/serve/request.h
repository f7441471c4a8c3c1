/* request.h - what a client asks for: method, path, query and body turned into a checked request.
 *
 * Pure functions on raw text, so that they can be fuzzed without a socket. Paths and values arrive
 * as sent, with their %XX escapes; ids are decoded here, and only here. A new path is a row in
 * routes.c and the function that answers it. */
#ifndef DG_SERVE_REQUEST_H
#define DG_SERVE_REQUEST_H
#include "serve/reply.h"

enum {
    DG_MAX_ID = 1024, /* bytes of a decoded id */
    DG_MAX_K = 1000,
    DG_DEFAULT_K = 10,
    DG_MAX_IDS = 1000,    /* of one list in a body */
    DG_MAX_FILTER = 8192, /* bytes */
    DG_MAX_SCENE = 512,
    DG_MAX_CAPS = 8,
};

/* What a path takes beside the ids in it: parameters of its query, keys of its body. */
enum dg_takes {
    DG_TAKES_K = 1 << 0,
    DG_TAKES_EXCLUDE_SEEN = 1 << 1,
    DG_TAKES_USER = 1 << 2,  /* in the body, as all below */
    DG_TAKES_TASTE = 1 << 3, /* session, positive, negative: items in place of a history, or more */
    DG_TAKES_LIMITS = 1 << 4, /* include, exclude: items */
    DG_TAKES_ITEMS = 1 << 5,
    DG_TAKES_USERS = 1 << 6,
    DG_TAKES_EVENTS = 1 << 7,
    DG_TAKES_TENSORS = 1 << 30, /* the body is of the Open Inference Protocol: tensors.h */
    DG_TAKES_FILTER = 1 << 16,  /* terms of a list: in the query, or the body */
    DG_TAKES_SCENE = 1 << 17,
    DG_TAKES_DIVERSITY = 1 << 18,
    DG_TAKES_DIVERSITY_BY = 1 << 19,
    DG_TAKES_RULES = 1 << 20, /* rules, at_most, current_item: in the body */
    DG_TAKES_TERMS = DG_TAKES_FILTER | DG_TAKES_SCENE | DG_TAKES_DIVERSITY | DG_TAKES_DIVERSITY_BY,
};

/* Ids of a list in a body, borrowed from it. */
typedef struct dg_id {
    const char *at;
    size_t n; /* 1 to DG_MAX_ID */
} dg_id;

typedef struct dg_ids {
    dg_id *at; /* (n,) */
    size_t n;
} dg_ids;

typedef enum dg_id_list {
    DG_LIST_SESSION,  /* items met, none of them disliked */
    DG_LIST_POSITIVE, /* items liked */
    DG_LIST_NEGATIVE, /* items disliked */
    DG_LIST_INCLUDE,  /* only these may be listed */
    DG_LIST_EXCLUDE,  /* these may not */
    DG_LIST_ITEMS,    /* to be ranked */
    DG_LIST_USERS,
    DG_LIST_RULES, /* names of rules that hold for this request */
    DG_N_LISTS
} dg_id_list;

struct dg_node;
struct dg_request;
struct dg_list;

/** What answers a path. LOCAL, thread-safe. */
typedef dg_reply dg_asker(const struct dg_node *node, const struct dg_request *request);

typedef struct dg_route {
    const char *path;    /* ends in / where ids follow, one segment each */
    const char *id[2];   /* what those ids name; NULL: no more */
    const char *tail;    /* "/profile" behind the id; NULL: nothing */
    unsigned takes;      /* DG_TAKES_… */
    size_t body;         /* bytes a body may have: a POST. 0: a GET, which also answers HEAD */
    unsigned role;       /* DG_ROLE_…, one of them; 0: anybody may ask, token or not */
    bool while_stopping; /* has a use while the node takes leave of its clients; all but /readyz */
    bool waits;          /* its answer waits for a disk */
    dg_asker *answer;    /* NULL: the server itself answers, of itself */
} dg_route;

/** Told of a list that goes into an answer, while the model it is of is open. LOCAL, thread-safe.
 */
typedef void dg_hearer(void *context, const struct dg_request *request, const struct dg_list *list);

typedef struct dg_request {
    const dg_route *route;
    char id[DG_MAX_ID]; /* (n_id,) valid UTF-8, not NUL-terminated, may hold NULs: the first id of
                           the path, or the user of the body; n_id == 0: none */
    size_t n_id;
    char item[DG_MAX_ID]; /* (n_item,) the second id of the path */
    size_t n_item;
    int k;             /* list length wanted, 1 to DG_MAX_K */
    bool exclude_seen; /* leave out goods the user has seen */
    unsigned given;    /* DG_TAKES_… of what the client gave */
    dg_ids list[DG_N_LISTS];
    char filter[DG_MAX_FILTER]; /* (n_filter,) any bytes; select/condition.h reads it */
    size_t n_filter;
    char scene[DG_MAX_SCENE]; /* (n_scene,) UTF-8 */
    size_t n_scene;
    double diversity;            /* 0 to 1 */
    char alike_by[DG_MAX_SCENE]; /* (n_alike_by,) attribute that diversity goes by */
    size_t n_alike_by;
    dg_id current; /* the item it is about, borrowed from the body; n == 0: none */
    struct {
        dg_id name; /* attribute, borrowed from the body */
        int n;
    } cap[DG_MAX_CAPS]; /* at most n goods of one value */
    int n_caps;
    const struct json_t *events; /* array of objects, of the body; checked by whoever takes them */
    struct json_t *body;         /* what the lists borrow from; NULL: none */
    struct json_t *rest;         /* of a body of tensors, see dg_tensors_flatten; NULL: none */
    const char *name;            /* id of this request in logs; NULL: none */
    dg_hearer *hear;             /* hears of each list, for logs and counts; NULL: nobody */
    void *hearer;                /* its context */
} dg_request;

/** All rows, and how many. LOCAL. */
const dg_route *dg_routes(size_t *n);

/** The user a request is for, and its bytes in *n; NULL and 0 where it has none. LOCAL. */
const char *dg_request_user(const dg_request *r, size_t *n);

/** The row of a path for a method. LOCAL.
 *  Errors NULL and `no`: 404 not_found; 405 method_not_allowed. */
const dg_route *dg_route_find(const char *method, const char *path, dg_refusal *no);

/**
 * Start a request from the method and the raw path, all else at its defaults. LOCAL.
 *
 * @param[in]  path  NUL-terminated, begins at the first '/', without the query
 * @param[out] out   filled only on success
 * Errors  false and `no`: as dg_route_find; 400 bad_escape, bad_utf8 or missing_id;
 *         414 id_too_long.
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

/**
 * Add the body of a POST: one JSON object whose keys are those that the route takes. LOCAL.
 *
 * Errors  false and `no`: 400 bad_json (with the place), unknown_parameter, bad_parameter;
 *         414 id_too_long; 500 out_of_memory.
 */
bool dg_request_body(dg_request *r, const char *bytes, size_t n, dg_refusal *no);

/** Copy a text of 1 to `most` bytes of UTF-8, or refuse it by name (for serve/). LOCAL. */
bool dg_request__text(const char *what, const char *value, size_t n, size_t most, char *to,
                      size_t *n_to, dg_refusal *no);

/** Give back what a request holds; only one that was started. LOCAL. */
void dg_request_close(dg_request *r);

/** Turn %XX into bytes; `out` has room for n. Yields the length, or -1 on a broken escape. LOCAL.
 */
ptrdiff_t dg_percent_decode(const char *s, size_t n, char *out);

#endif
