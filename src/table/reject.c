#include "table/reject.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *dg_reject_text(dg_reject_cause cause)
{
    static const char *const text[] = {
#define X(name, text) text,
        DG_REJECT_LIST(X)
#undef X
    };
    return text[cause];
}

enum { QUOTED_SIZE = 100 }; /* of a reason goes to the quoted text, at most */

void dg_reject__set(dg_reject *r, dg_reject_cause cause, size_t column, dg_slice found,
                    const char *fmt, ...)
{
    va_list ap;
    r->reason[0] = '\0';
    if (found.at != NULL) dg_show_quoted(found.at, found.n, r->reason, QUOTED_SIZE);
    const size_t n = strlen(r->reason);
    va_start(ap, fmt);
    vsnprintf(r->reason + n, sizeof r->reason - n, fmt, ap);
    va_end(ap);
    r->cause = cause;
    r->column = (int32_t)column;
}

bool dg_reject__is_text(dg_reject *r, size_t column, dg_slice field)
{
    if (dg_utf8_valid(field.at, field.n)) return true;
    size_t k = 0;
    for (size_t step; (step = dg_utf8_step(field.at + k, field.n - k)) > 0;) k += step;
    dg_reject__set(r, DG_REJECT_ENCODING, column, field, " is not UTF-8: byte %zu is 0x%02x", k + 1,
                   (unsigned char)field.at[k]);
    return false;
}

dg_status dg_reject_fail(const dg_reject *r, const char *path, int64_t lines_before, dg_err *err)
{
    const long long line = (long long)(lines_before + r->line);
    dg_status st;
    if (r->column > 0)
        st = DG_FAIL(err, DG_ERR_DATA, "%s:%lld: column %d: %s", path, line, r->column, r->reason);
    else
        st = DG_FAIL(err, DG_ERR_DATA, "%s:%lld: %s", path, line, r->reason);
    if (r->cause == DG_REJECT_ENCODING)
        return dg_err_hint(err, st, "is the file in another encoding, such as latin1?");
    return st;
}
