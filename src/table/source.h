/* source.h - from the paths of a job to files: globs expanded, sizes and codecs known. */
#ifndef DG_TABLE_SOURCE_H
#define DG_TABLE_SOURCE_H
#include "base/status.h"
#include "base/strings.h"
#include "table/members.h"

#include <stdint.h>

typedef enum dg_codec {
    DG_CODEC_PLAIN,
    DG_CODEC_GZIP,
    DG_CODEC_ZSTD,
    DG_CODEC_PARQUET, /* its content is the csv that parquet.h makes of it */
    DG_CODEC_HDF5     /* its content is the csv that its reader makes of a cutout */
} dg_codec;

/* Columns and rows of a file that holds tables. */
typedef struct dg_cutout {
    const char *const *column; /* (n,) paths in the file, each once */
    int32_t n;
    int64_t begin, end; /* bytes of the file that stand for rows: of N rows in S bytes those from
                           N begin / S to N end / S, rounded down */
} dg_cutout;

/* Who reads such files, which takes libraries that this folder does without. All LOCAL. */
typedef struct dg_table_reader {
    /** The cutout as text: a header of its columns, then its rows; separator ",", quote '"'.
     *  Errors DG_ERR_CONFIG no such column; DG_ERR_DATA damaged, of a kind that is not read;
     *  DG_ERR_UNAVAILABLE; DG_ERR_NOMEM. */
    dg_status (*open)(const char *path, int64_t size, const dg_cutout *cut, void **out,
                      dg_err *err);
    /** What comes next, as dg_stream_read gives it; the errors of `open`, too. */
    dg_status (*read)(void *table, char *bytes, size_t capacity, size_t *n, dg_err *err);
    void (*close)(void **table); /* NULL-safe, twice-safe */
} dg_table_reader;

typedef struct dg_source {
    char *path;         /* as it is opened and as errors name it */
    int64_t size;       /* bytes on disk, > 0 */
    dg_codec codec;     /* by the first bytes, which the name may not contradict */
    dg_members members; /* where a packed file can be entered */
    /* DG_CODEC_HDF5, borrowed: */
    const dg_table_reader *reader; /* NULL: nobody reads it here */
    const dg_cutout *cut;          /* as wanted.h finds it */
} dg_source;

/** Bytes of the content of a source that can be read from anywhere; -1 of one that cannot. LOCAL.
 */
static inline int64_t dg_source_content(const dg_source *s)
{
    if (s->codec == DG_CODEC_PLAIN) return s->size;
    return s->members.n > 0 ? s->members.content : -1;
}

/* Zero-initialise; free with dg_sources_free. */
typedef struct dg_sources {
    int64_t n;
    dg_source *at; /* (n,) */
    size_t capacity;
} dg_sources;

/**
 * Find the files a list of paths and globs stands for. LOCAL, opens each file once.
 *
 * @param[in]  paths  file names and globs (`ratings/part-*.csv.gz`), at least one; a file whose
 *                    name has glob characters in it is taken as it stands
 * @param[out] out    entries in the given order, the matches of one glob in byte order of their
 *                    names; a file met twice is kept once, where it came first. Empty on failure
 * @param[out] err    one sentence naming the path
 *
 * Errors  DG_ERR_NOINPUT missing file, glob without a match, folder in place of a file;
 *         DG_ERR_DATA empty file, or not a plain file, or .gz/.zst in name only; DG_ERR_PERM;
 *         DG_ERR_IO; DG_ERR_NOMEM. DG_ERR_CONFIG no path at all.
 */
dg_status dg_sources_find(const dg_strings *paths, dg_sources *out, dg_err *err);

/** LOCAL, twice-safe. */
void dg_sources_free(dg_sources *s);

#endif
