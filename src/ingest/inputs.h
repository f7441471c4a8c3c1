/* inputs.h - the files of a job, cut into pieces and dealt to ranks; and the digest of them all. */
#ifndef DG_INGEST_INPUTS_H
#define DG_INGEST_INPUTS_H
#include "base/digest.h"
#include "base/text.h"
#include "comm/shards.h"
#include "table/source.h"

#include <stdbool.h>

typedef enum dg_input_kind { /* in this order everywhere, also in messages */
                             DG_INPUT_TRAIN,
                             DG_INPUT_VALID,
                             DG_INPUT_TEST,
                             DG_INPUT_ITEMS, /* catalogues from here on */
                             DG_INPUT_USERS,
                             DG_INPUT_KINDS
} dg_input_kind;

/* The files of every kind, same on every rank. Zero-initialise; free with dg_inputs_free. */
typedef struct dg_inputs {
    dg_sources files;                  /* kind after kind */
    int64_t first[DG_INPUT_KINDS + 1]; /* files of kind k are [first[k], first[k+1]) */
} dg_inputs;

typedef struct dg_stretch { /* bytes of one file's content that one rank reads at a time */
    int64_t file;
    int64_t begin, end;
    int64_t work; /* what reading it costs, in bytes of text parsed */
} dg_stretch;

typedef struct dg_stretches { /* free with dg_stretches_free */
    int64_t n;
    dg_stretch *at; /* (n,) in file order */
} dg_stretches;

/**
 * Find the files of all kinds: rank 0 looks, everybody learns. COLLECTIVE.
 * @param[in]  paths  (DG_INPUT_KINDS,) paths and globs of each kind; NULL or n == 0 for none
 * Errors  as dg_sources_find; agreed.
 */
dg_status dg_inputs_find(const dg_comm *c, const dg_strings *const paths[DG_INPUT_KINDS],
                         dg_inputs *out, dg_err *err);

/** LOCAL, twice-safe. */
void dg_inputs_free(dg_inputs *in);

/** The kind of a file. LOCAL. */
dg_input_kind dg_inputs_kind(const dg_inputs *in, int64_t file);

/**
 * Cut files into stretches of at most `bytes`, packed ones (dg_source_content) of as few more as go
 * up to the next member. LOCAL, the same on every rank.
 * @param[in]  whole  (n,) files to leave in one stretch, of their bytes on disk; NULL to cut all of
 *                    them as such bytes
 * Errors  DG_ERR_NOMEM.
 */
dg_status dg_stretches_cut(const dg_sources *files, const bool *whole, int64_t bytes,
                           dg_stretches *out, dg_err *err);

/** LOCAL, twice-safe. */
void dg_stretches_free(dg_stretches *s);

/** The run of stretches a rank reads: contiguous, about equal work. LOCAL, O(n). */
dg_range dg_stretches_share(const dg_stretches *s, int rank, int size);

/* Digests of files block by block, the same on every rank. Zero-initialise; free with
 * dg_file_digests_free. */
typedef struct dg_file_digests {
    dg_inputs inputs;    /* all as DG_INPUT_TRAIN */
    dg_stretches blocks; /* of 8 MiB, the last of a file shorter */
    int64_t *digest;     /* (blocks.n, 2) XXH3-128 of each */
    int64_t *first;      /* (files+1,) first block of each file */
} dg_file_digests;

/**
 * Digest files as they lie on disk, compressed or not. COLLECTIVE.
 *
 * @param[in]  paths  files and globs, at least one
 * @param[out] out    caller frees; empty after a failure
 * Cost    every byte is read once, by one rank: blocks of 8 MiB, XXH3-128 each.
 * Errors  as dg_sources_find and table/stream.h; agreed.
 */
dg_status dg_file_digests_read(const dg_comm *c, const dg_strings *paths, dg_file_digests *out,
                               dg_err *err);

/** One digest, BLAKE2b over all, of the content and base names of the files: for skipping work
 *  whose inputs are unchanged. Independent of ranks, folders and dates. LOCAL. Errors DG_ERR_NOMEM.
 */
dg_status dg_file_digests_hex(const dg_file_digests *d, char hex[DG_HEX_SIZE], dg_err *err);

/** Write the digests of the blocks that hold bytes [begin, end) of a file to `out`, and where the
 *  file ends before that, that it does; false where it had another size or is not known. LOCAL.
 *  @param[in,out] hint  a place to look first, 0 at the start; for files asked for in order */
bool dg_file_digests_show(const dg_file_digests *d, const dg_source *file, int64_t begin,
                          int64_t end, int64_t *hint, dg_text *out);

/** LOCAL, twice-safe. */
void dg_file_digests_free(dg_file_digests *d);

#endif
