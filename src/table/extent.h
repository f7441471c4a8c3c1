/* extent.h - where the next record ends: line ends, quotes that hold some, and the limit. */
#ifndef DG_TABLE_EXTENT_H
#define DG_TABLE_EXTENT_H
#include "table/dialect.h"
#include "table/reject.h"

#include <stdint.h>
#include <string.h>

/* What of a dialect cuts bytes into records and fields. */
typedef struct dg_cut {
    char separator[8];
    size_t n;  /* bytes of the separator */
    int quote; /* an unsigned char, or -1 for none */
} dg_cut;

typedef struct dg_extent {
    char *at;
    size_t n;      /* bytes without the line end; 0 for a blank line */
    size_t whole;  /* with it */
    int64_t lines; /* 1 and the line feeds in quotes */
} dg_extent;

typedef enum dg_found {
    DG_FOUND_RECORD, /* it has an end, and its quotes are in order */
    DG_FOUND_MORE,   /* its end is not among the bytes at hand */
    DG_FOUND_BROKEN  /* it is too long or its quotes are broken: its first line is lost */
} dg_found;

/**
 * Find the end of the record that begins at `at`. LOCAL, changes nothing.
 *
 * @param[in]  n        bytes at hand; > 0 once drained
 * @param[in]  drained  nothing comes after them
 * @param[out] out      DG_FOUND_RECORD only
 * @param[out] reject   DG_FOUND_BROKEN only, all but the line
 *
 * What is found depends on the record's first DG_RECORD_MAX + 2 bytes alone, never on how many more
 * are at hand; with so many at hand it is never DG_FOUND_MORE.
 * Cost  a byte that belongs to broken quotes may be looked at twice.
 */
dg_found dg_extent_find(const dg_cut *cut, char *at, size_t n, bool drained, dg_extent *out,
                        dg_reject *reject);

/** First separator in [at, end), or NULL. LOCAL. */
static inline char *dg_cut_find(const dg_cut *cut, char *at, const char *end)
{
    while (at < end && (at = memchr(at, cut->separator[0], (size_t)(end - at))) != NULL) {
        if (cut->n == 1) return at;
        if ((size_t)(end - at) < cut->n) return NULL;
        if (memcmp(at, cut->separator, cut->n) == 0) return at;
        at++;
    }
    return NULL;
}

#endif
