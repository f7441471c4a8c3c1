/* titles.h - titles of the catalogue, to the owners of the items. */
#ifndef DG_INGEST_TITLES_H
#define DG_INGEST_TITLES_H
#include "base/strings.h"
#include "comm/shards.h"

/**
 * Give every own row its title: the first listed one, "" where none is. COLLECTIVE.
 *
 * @param[in]  title   titles read by this rank; ranks hold them in file order
 * @param[in]  code    (title->n,) whose title each is, as a place in `row`
 * @param[in]  row     global row of each code; all titled ones have a row
 * @param[in]  shards  of the rows, same on every rank
 * @param[out] out     one string per row of this rank's shards; caller frees
 *
 * Cost    16 bytes and the text per title. Errors DG_ERR_NOMEM, agreed; *out is then empty.
 */
dg_status dg_titles_deliver(const dg_comm *c, const dg_strings *title, const int32_t *code,
                            const int64_t *row, const dg_shards *shards, dg_strings *out,
                            dg_err *err);

#endif
