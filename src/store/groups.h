/* groups.h - the most chosen goods of each group, made by all ranks and written by rank 0
 * (artifact/groups.h). */
#ifndef DG_STORE_GROUPS_H
#define DG_STORE_GROUPS_H
#include "artifact/groups.h"
#include "comm/shards.h"
#include "store/writer.h"

typedef struct dg_group_count {
    int32_t group, item; /* item: global row */
    int64_t count;
} dg_group_count;

/* Zero-initialise; free with dg_group_lists_free. Rank 0 has it all, the others nothing but n. */
typedef struct dg_group_lists {
    int32_t n;
    dg_strings name; /* (n,) by their bytes */
    int64_t *ptr;    /* (n+1,) */
    int32_t *item;
    int64_t *count;
} dg_group_lists;

/**
 * Add up the counts of all ranks and keep the DG_GROUP_LENGTH most chosen goods of each group.
 * COLLECTIVE.
 *
 * @param[in]  count  (n,) of this rank, in any order, a pair any number of times; sorted in place
 * @param[in]  names  of the groups, sorted, the same on every rank; copied
 *
 * Cost    16 bytes on the wire for each pair of a rank.
 * Errors  DG_ERR_NOMEM, agreed; *out is then empty.
 */
dg_status dg_group_lists_make(const dg_comm *c, dg_group_count *count, int64_t n,
                              const dg_strings *names, const dg_shards *items, dg_group_lists *out,
                              dg_err *err);

/** Write GROUP/…; nothing where there are none. COLLECTIVE. A failure is remembered by the writer.
 */
void dg_group_lists_write(dg_writer *w, const char *group, const dg_group_lists *g);

/** Load GROUP/… on rank 0, the number of groups elsewhere. LOCAL. Errors as dg_groups_map and
 *  DG_ERR_NOMEM; free *out either way. */
dg_status dg_group_lists_load(const dg_comm *c, const dg_container *f, const char *group,
                              int64_t n_items, dg_group_lists *out, dg_err *err);

/** LOCAL, twice-safe. */
void dg_group_lists_free(dg_group_lists *g);

#endif
