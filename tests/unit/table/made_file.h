/* made_file.h - files made in memory, and what the readers say about them, as text. */
#ifndef TESTS_TABLE_MADE_FILE_H
#define TESTS_TABLE_MADE_FILE_H
#include "base/text.h"
#include "table/record.h"

/* A file without a name in any folder; gone with the process that made it. */
typedef struct made_file {
    dg_source source;
    char path[32];
    int fd;
} made_file;

/** A file of these bytes, a source of that codec; the bytes are not compressed here. */
void make_file(made_file *f, const void *bytes, size_t n, dg_codec codec);

/** Write more at its end: file and source. */
void append_file(made_file *f, const void *bytes, size_t n);

/** Make it shorter: file and source. */
void cut_file(made_file *f, size_t n);

void drop_file(made_file *f);

/** Append the bytes to a .gz or .zst in `out` as one member or frame, with checksum. */
void compress_to(dg_text *out, dg_codec codec, const void *bytes, size_t n);

/** Append one line for each record and reject of a range:
 *    user,item,value,time[,event][,scene] @position
 *    ! line[:column] reason
 *  Lines are counted from `lines_before`. Returns the number of lines in the range. */
int64_t transcribe(const dg_source *source, const dg_dialect *d, const dg_layout *layout,
                   int64_t begin, int64_t end, int64_t lines_before, dg_text *out);

/** The transcript of a whole plain file of these bytes, ending in "= LINES"; or the error's text
 *  behind the path.
 *  Columns are separated by spaces, in the order of the roles; "-" stands for none. */
char *transcript_of(const void *bytes, size_t n, const dg_dialect *d, const char *columns);

#endif
