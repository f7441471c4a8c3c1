/* sparse.h - sparse rows in files, cut over shards: each rank its own. */
#ifndef DG_STORE_SPARSE_H
#define DG_STORE_SPARSE_H
#include "artifact/container.h"
#include "comm/shards.h"
#include "sparse/csr.h"
#include "store/writer.h"

/** Write own rows as ARRAY/ptr, ARRAY/index, ARRAY/value. COLLECTIVE. A failure is remembered and
 *  reported by dg_writer_commit. */
void dg_sparse_write(const dg_comm *c, dg_writer *w, const char *array, const dg_shards *shards,
                     const dg_csr *own);

/** Load the own rows of such arrays. LOCAL.
 *  Errors DG_ERR_DATA missing, cut differently, a row not ascending or beyond n_columns;
 *  DG_ERR_NOMEM. dg_csr_free in either case. */
dg_status dg_sparse_load(const dg_comm *c, const dg_container *f, const char *array,
                         const dg_shards *shards, int64_t n_columns, dg_csr *out, dg_err *err);

/** The offsets of n own rows, made to start at 0 and closed by the own entries' count. LOCAL.
 *  Errors DG_ERR_DATA they do not fit; DG_ERR_NOMEM. */
dg_status dg_sparse__load_offsets(const dg_container *f, const char *array, dg_run run, int64_t n,
                                  int64_t n_entries, int64_t **out, dg_err *err);

#endif
