/* scenes.h - how often each good was met in each scene, counted while events are read. */
#ifndef DG_INGEST_SCENES_H
#define DG_INGEST_SCENES_H
#include "ingest/ids.h"
#include "store/groups.h"

/* Zero-initialise; free with dg_scenes_free. */
typedef struct dg_scenes {
    dg_ids name;
    dg_group_count *at; /* (n,) scene and item by the codes of this rank */
    int64_t n;
    int64_t merged; /* how many were left when pairs were last added up */
    size_t capacity;
} dg_scenes;

enum { DG_NO_SCENE = -1 };

/** Code of a scene, DG_NO_SCENE for an empty one. LOCAL. Errors DG_ERR_NOMEM; DG_ERR_DATA more than
 *  DG_GROUPS_MAX on this rank. */
dg_status dg_scenes_code(dg_scenes *s, const char *name, size_t n, int32_t *code, dg_err *err);

/** An event. LOCAL, amortised O(log n); 16 bytes for each different pair. Errors DG_ERR_NOMEM. */
dg_status dg_scenes_add(dg_scenes *s, int32_t scene, int32_t item, dg_err *err);

/**
 * The most met goods of each scene, over all ranks. COLLECTIVE.
 *
 * @param[in]  row    global row of each item code of this rank; DG_NO_ROW is passed over
 * Errors  DG_ERR_DATA more than DG_GROUPS_MAX scenes; DG_ERR_NOMEM; agreed. *s is used up.
 */
dg_status dg_scenes_make(const dg_comm *c, dg_scenes *s, const int64_t *row, const dg_shards *items,
                         dg_group_lists *out, dg_err *err);

/** LOCAL, twice-safe. */
void dg_scenes_free(dg_scenes *s);

#endif
