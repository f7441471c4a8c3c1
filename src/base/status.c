#include "base/status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

dg_status dg_err_set(dg_err *err, dg_status code, const char *file, int line, const char *fmt, ...)
{
    va_list ap;
    err->rank = -1;
    err->file = file;
    err->line = line;
    err->hint[0] = '\0';
    va_start(ap, fmt);
    vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
    return code;
}

dg_status dg_err_hint(dg_err *err, dg_status code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(err->hint, sizeof err->hint, fmt, ap);
    va_end(ap);
    return code;
}

static dg_status status_of_errno(int e)
{
    switch (e) {
    case ENOENT: return DG_ERR_NOINPUT;
    case EACCES:
    case EPERM: return DG_ERR_PERM;
    case ENOMEM: return DG_ERR_NOMEM;
    case EROFS:
    case ENOTDIR:
    case EEXIST: return DG_ERR_CANTCREATE;
    default: return DG_ERR_IO;
    }
}

dg_status dg_err_errno(dg_err *err, const char *path, const char *what)
{
    const int e = errno;
    return DG_FAIL(err, status_of_errno(e), "%s: %s: %s", path, what, strerror(e));
}

const char *dg_status_text(dg_status code)
{
    static const char *const text[] = {
#define X(name, exit_code, text) text,
        DG_STATUS_LIST(X)
#undef X
    };
    return text[code];
}

int dg_status_exit(dg_status code)
{
    static const int exits[] = {
#define X(name, exit_code, text) exit_code,
        DG_STATUS_LIST(X)
#undef X
    };
    return exits[code];
}
