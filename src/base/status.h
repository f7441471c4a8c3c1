/* status.h - status codes, exit codes and the error record every fallible call fills. */
#ifndef DG_BASE_STATUS_H
#define DG_BASE_STATUS_H

/* X(name, exit code, text). A later line is worse: when ranks disagree, the worst one wins. */
#define DG_STATUS_LIST(X)                                                                          \
    X(DG_OK, 0, "success")                                                                         \
    X(DG_ERR_AGAIN, 75, "checkpointed, run again")                                                 \
    X(DG_ERR_GATE, 79, "gate failed")                                                              \
    X(DG_ERR_UNAVAILABLE, 69, "service unavailable")                                               \
    X(DG_ERR_DATA, 65, "bad data")                                                                 \
    X(DG_ERR_NOINPUT, 66, "input missing")                                                         \
    X(DG_ERR_USAGE, 64, "usage")                                                                   \
    X(DG_ERR_CONFIG, 78, "bad configuration")                                                      \
    X(DG_ERR_PERM, 77, "not permitted")                                                            \
    X(DG_ERR_CANTCREATE, 73, "cannot create output")                                               \
    X(DG_ERR_NUMERIC, 76, "numerical failure")                                                     \
    X(DG_ERR_IO, 74, "input/output error")                                                         \
    X(DG_ERR_NOMEM, 71, "out of memory")                                                           \
    X(DG_ERR_RANGE, 70, "index outside its range")                                                 \
    X(DG_ERR_DIFFER, 70, "ranks disagree on an argument")                                          \
    X(DG_ERR_INTERNAL, 70, "internal error")

typedef enum dg_status {
#define X(name, exit_code, text) name,
    DG_STATUS_LIST(X)
#undef X
} dg_status;

typedef struct dg_err {
    int rank;         /* rank that failed first, -1 when not known */
    const char *file; /* source place, set on the failing rank only */
    int line;
    char text[768]; /* one sentence: file, line and what is wrong with it */
    char hint[256]; /* what to do about it; empty where nothing helps */
} dg_err;

/** Record text and source place in `err` and yield `code`. LOCAL. */
#define DG_FAIL(err, code, ...) dg_err_set((err), (code), __FILE__, __LINE__, __VA_ARGS__)

/** What DG_FAIL calls. LOCAL. */
dg_status dg_err_set(dg_err *err, dg_status code, const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/** Add the remedy to an error already recorded; yields `code` again. LOCAL. */
dg_status dg_err_hint(dg_err *err, dg_status code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/** Fail with strerror(errno): "PATH: WHAT: No such file". The code follows errno. LOCAL. */
dg_status dg_err_errno(dg_err *err, const char *path, const char *what);

/** Short text of a code. LOCAL. */
const char *dg_status_text(dg_status code);

/** Process exit code of a status (sysexits.h numbers, see docs/operations.md). LOCAL. */
int dg_status_exit(dg_status code);

#endif
