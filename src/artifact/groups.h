/* groups.h - what is most chosen in each group of events or people: scenes, and segments of users
 * by one of their attributes; in place in a dataset.h5 or an artifact.h5. */
#ifndef DG_ARTIFACT_GROUPS_H
#define DG_ARTIFACT_GROUPS_H
#include "artifact/container.h"

enum { DG_GROUPS_MAX = 4096, DG_GROUP_LENGTH = 1000 };

/* Borrowed from the file. */
typedef struct dg_groups {
    int32_t n;             /* groups; 0 where the file has none */
    const int64_t *offset; /* (n+1,) name of group g is bytes[offset[g] .. offset[g+1]), */
    const char *bytes;     /* in the order of their bytes, each once */
    const int64_t *ptr; /* (n+1,) group g's goods are [ptr[g], ptr[g+1]), DG_GROUP_LENGTH at most */
    const int32_t *item;  /* most chosen first, equal ones by row */
    const int64_t *count; /* times chosen, > 0 */
} dg_groups;

/** Map the lists GROUP/… ("popularity/scene") and check them: all that the type says holds
 *  afterwards. LOCAL; n == 0 where the file has none. Errors DG_ERR_DATA with file, array and row.
 */
dg_status dg_groups_map(const dg_container *f, const char *group, int64_t n_items, dg_groups *out,
                        dg_err *err);

/** The group of a name, or -1. LOCAL, O(log n). */
int32_t dg_groups_find(const dg_groups *g, const char *name, size_t n);

#endif
