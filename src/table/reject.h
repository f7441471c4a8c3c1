/* reject.h - what is wrong with one record, and where: the caller counts it or fails. */
#ifndef DG_TABLE_REJECT_H
#define DG_TABLE_REJECT_H
#include "base/status.h"
#include "table/dialect.h"

#include <stdint.h>

/* X(name, text) */
#define DG_REJECT_LIST(X)                                                                          \
    X(DG_REJECT_RAGGED, "wrong number of columns")                                                 \
    X(DG_REJECT_NO_USER, "no user")                                                                \
    X(DG_REJECT_NO_ITEM, "no item")                                                                \
    X(DG_REJECT_NUMBER, "not a number")                                                            \
    X(DG_REJECT_TIME, "not a time")                                                                \
    X(DG_REJECT_LONG_ID, "id too long")                                                            \
    X(DG_REJECT_LONG_RECORD, "record too long")                                                    \
    X(DG_REJECT_QUOTE, "broken quotes")                                                            \
    X(DG_REJECT_ENCODING, "not UTF-8")                                                             \
    X(DG_REJECT_NUL, "NUL byte")                                                                   \
    X(DG_REJECT_JSON, "no JSON object")                                                            \
    X(DG_REJECT_EVENT, "event without a weight")

typedef enum dg_reject_cause {
#define X(name, text) name,
    DG_REJECT_LIST(X)
#undef X
        DG_N_REJECT_CAUSES
} dg_reject_cause;

typedef struct dg_reject {
    dg_reject_cause cause;
    int64_t line;     /* of the record's first byte, from 1, counted from its range's first line */
    int32_t column;   /* from 1; 0 where the whole record is meant */
    char reason[256]; /* part of a sentence, printable: "abc" is not a number */
} dg_reject;

/** A few words for counts by cause: "not a number". LOCAL. */
const char *dg_reject_text(dg_reject_cause cause);

/** Make it an error: `PATH:LINE: column 3: "abc" is not a number`. LOCAL; yields DG_ERR_DATA.
 *  @param[in] lines_before  lines of the file before the range of the reject */
dg_status dg_reject_fail(const dg_reject *r, const char *path, int64_t lines_before, dg_err *err);

/** False, and the reject filled but for the line, when the field is not UTF-8 (for table/). LOCAL.
 */
bool dg_reject__is_text(dg_reject *r, size_t column, dg_slice field);

/** Fill all but the line: the reason is `found` quoted, unless NULL, then the rest (for table/).
 * LOCAL. */
void dg_reject__set(dg_reject *r, dg_reject_cause cause, size_t column, dg_slice found,
                    const char *fmt, ...) __attribute__((format(printf, 5, 6)));

#endif
