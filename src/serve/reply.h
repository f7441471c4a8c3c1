/* reply.h - what goes back to a client, and JSON written straight into it.
 *
 * An answer of a thousand goods is one block of memory instead of five thousand small ones. */
#ifndef DG_SERVE_REPLY_H
#define DG_SERVE_REPLY_H
#include "artifact/artifact.h"
#include "base/json.h"

typedef struct dg_reply {
    int http;         /* status */
    const char *body; /* (n,) JSON */
    size_t n;
    char *owned; /* the body again where the receiver must dg_free it; else it outlives the reply */
    const char *allow; /* 405: the methods that the path has; else NULL */
    const char *code;  /* of an error; NULL for an answer */
    int retry_after;   /* 429, 503: seconds after which to try again; 0: not said */
    const char *type;  /* media type; NULL: JSON */
} dg_reply;

/* Why a request is refused, as {"error": {"code", "message"}} tells the client. */
typedef struct dg_refusal {
    int http;           /* status, 4xx or 5xx */
    const char *code;   /* "unknown_item" */
    char message[1280]; /* one sentence */
    const char *allow;  /* 405: the methods that the path has; else NULL */
    int retry_after;    /* as in dg_reply */
} dg_refusal;

/** Record a refusal and yield false, so that a parser can return it. LOCAL. */
bool dg_refuse(dg_refusal *no, int http, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/** {"error": {"code", "message"}} with the refusal's status. LOCAL, thread-safe. */
dg_reply dg_reply_refusal(const dg_refusal *no);

/** dg_refuse and dg_reply_refusal in one. LOCAL, thread-safe. */
dg_reply dg_reply_refuse(int http, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/** 500 out_of_memory, without asking for any. LOCAL, thread-safe. */
dg_reply dg_reply_no_memory(void);

/** A body that outlives the reply. LOCAL. */
dg_reply dg_reply_borrow(int http, const char *body, size_t n);

/** A body that the reply takes over; out of memory where the text failed. LOCAL. */
dg_reply dg_reply_take(int http, dg_text *t);

/** The text of a row as a JSON string. LOCAL. */
void dg_json_name(dg_text *t, const dg_names *names, int64_t row);

#endif
