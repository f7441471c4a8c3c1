/* writer.h - write a Daogou file from all ranks: collective, atomic, digested.
 *
 * Rank 0 keeps the HDF5 structure in memory and says where each array lies; every rank writes its
 * own rows there (docs/decisions/0006). A file appears under its name only when it is whole:
 * temporary name, digest per shard, fsync, rename, fsync of the folder. A failure on any rank, a
 * full disk too, leaves what was there before and no file beside it. Only where everything went
 * well but the folder cannot be made durable, the whole new file stays under its name: taking it
 * away would lose more than keeping it. */
#ifndef DG_STORE_WRITER_H
#define DG_STORE_WRITER_H
#include "artifact/container.h"
#include "comm/shards.h"

typedef struct dg_writer dg_writer;

/** Start `path` (written as path.tmp). COLLECTIVE. Errors DG_ERR_CANTCREATE, DG_ERR_NOMEM. */
dg_status dg_writer_create(const dg_comm *c, const char *path, const char *format, int version,
                           dg_writer **out, dg_err *err);

/** A writer that writes nothing and adds up what a file would hold; ends with dg_writer_measured.
 *  LOCAL, but what is then called on it is COLLECTIVE as ever. Errors DG_ERR_NOMEM. */
dg_status dg_writer_measure(const dg_comm *c, dg_writer **out, dg_err *err);

/** Bytes the file would have, within some kilobytes; frees the writer. COLLECTIVE. Errors of what
 *  was called on it, agreed. */
dg_status dg_writer_measured(dg_writer **w, int64_t *n_bytes, dg_err *err);

/* Attributes of /meta; all are part of the content digest but "inputs" and
 * "card". Same value on every rank.
 * COLLECTIVE. A failure is remembered and reported by dg_writer_commit. */
void dg_writer_text(dg_writer *w, const char *name, const char *value);
void dg_writer_int(dg_writer *w, const char *name, int64_t value);
void dg_writer_real(dg_writer *w, const char *name, double value);

/* One array cut over shards: this rank holds the element rows of its own run, in order. */
typedef struct dg_piece {
    dg_type type;
    int64_t n_cols;            /* 1 for a one-dimensional array */
    int n_shards;              /* shards of the array; every rank gives the same */
    const int64_t *shard_rows; /* (own run's length,) element rows of each own shard */
    const void *at;            /* the rows themselves, shard after shard; borrowed */
} dg_piece;

/** Write an array. COLLECTIVE. A failure is remembered and reported by dg_writer_commit. */
void dg_writer_array(dg_writer *w, const char *array, const dg_piece *piece);

/** Write an array that rank 0 holds whole, as one shard. COLLECTIVE; `at` is read on rank 0. */
void dg_writer_small(dg_writer *w, const char *array, dg_type type, int64_t n_rows, int64_t n_cols,
                     const void *at);

/** Write strings that rank 0 holds, as ARRAY/offsets (n+1) and ARRAY/bytes. COLLECTIVE. */
void dg_writer_small_strings(dg_writer *w, const char *array, const dg_strings *s);

/** Write strings cut over shards, as ARRAY/offsets (n+1) and ARRAY/bytes. COLLECTIVE. */
void dg_writer_strings(dg_writer *w, const char *array, const dg_shards *shards,
                       const dg_strings *own);

/** Note a failure of the caller, the same on every rank: commit will report it, and no file will
 *  appear. LOCAL. */
void dg_writer_fail(dg_writer *w, dg_status status, const dg_err *err);

/** Finish: digests, fsync, rename; or remove the temporary file when anything failed on any rank.
 *  Frees the writer either way. `content` may be NULL. COLLECTIVE. Errors as remembered; DG_ERR_IO
 *  also when the file is there, but its name might not survive a crash of the machine. */
dg_status dg_writer_commit(dg_writer **w, char content[DG_HEX_SIZE], dg_err *err);

/** Give up: no file. COLLECTIVE, NULL-safe. */
void dg_writer_abandon(dg_writer **w);

#endif
