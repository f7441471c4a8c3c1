#include "serve/reply.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool refuse(dg_refusal *no, int http, const char *code, const char *fmt, va_list ap)
{
    *no = (dg_refusal){.http = http, .code = code};
    vsnprintf(no->message, sizeof no->message, fmt, ap);
    return false;
}

bool dg_refuse(dg_refusal *no, int http, const char *code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    refuse(no, http, code, fmt, ap);
    va_end(ap);
    return false;
}

dg_reply dg_reply_borrow(int http, const char *body, size_t n)
{
    return (dg_reply){.http = http, .body = body, .n = n};
}

dg_reply dg_reply_no_memory(void)
{
    static const char none[] =
        "{\"error\":{\"code\":\"out_of_memory\",\"message\":\"out of memory\"}}";
    dg_reply reply = dg_reply_borrow(500, none, sizeof none - 1);
    reply.code = "out_of_memory";
    return reply;
}

dg_reply dg_reply_take(int http, dg_text *t)
{
    if (!t->failed) return (dg_reply){.http = http, .body = t->at, .n = t->n, .owned = t->at};
    dg_text_free(t);
    return dg_reply_no_memory();
}

dg_reply dg_reply_refusal(const dg_refusal *no)
{
    dg_text t = {0};
    dg_text_add(&t, "{\"error\":{\"code\":\"%s\"", no->code);
    dg_json_member(&t, "message", no->message);
    dg_text_add(&t, "}}");
    dg_reply reply = dg_reply_take(no->http, &t);
    reply.allow = no->allow;
    reply.code = no->code;
    reply.retry_after = no->retry_after;
    return reply;
}

dg_reply dg_reply_refuse(int http, const char *code, const char *fmt, ...)
{
    dg_refusal no;
    va_list ap;
    va_start(ap, fmt);
    refuse(&no, http, code, fmt, ap);
    va_end(ap);
    return dg_reply_refusal(&no);
}

void dg_json_name(dg_text *t, const dg_names *names, int64_t row)
{
    size_t n;
    const char *at = dg_names_at(names, row, &n);
    dg_json_string(t, at, n);
}
