#include "ingest/scenes.h"

#include "base/memory.h"
#include "ingest/attributes.h"
#include "ingest/numbering.h"

#include <stdlib.h>

static const char key[] = "prepare.scenes";

static dg_status too_many(dg_err *err)
{
    const dg_status st =
        DG_FAIL(err, DG_ERR_DATA, "%s: more than %d different scenes", key, DG_GROUPS_MAX);
    return dg_err_hint(err, st,
                       "is data.ratings.columns.scene a session or a time? leave "
                       "prepare.scenes away");
}

dg_status dg_scenes_code(dg_scenes *s, const char *name, size_t n, int32_t *code, dg_err *err)
{
    *code = DG_NO_SCENE;
    if (n == 0) return DG_OK;
    const dg_status st = dg_ids_code(&s->name, name, n, code, err);
    return st == DG_OK && s->name.text.n > DG_GROUPS_MAX ? too_many(err) : st;
}

static int by_pair(const void *a, const void *b)
{
    const dg_group_count *x = a, *y = b;
    if (x->group != y->group) return x->group < y->group ? -1 : 1;
    return (x->item > y->item) - (x->item < y->item);
}

static void add_up(dg_scenes *s)
{
    int64_t kept = 0;
    qsort(s->at, (size_t)s->n, sizeof *s->at, by_pair);
    for (int64_t k = 0; k < s->n; k++) {
        if (kept > 0 && by_pair(&s->at[kept - 1], &s->at[k]) == 0)
            s->at[kept - 1].count += s->at[k].count;
        else
            s->at[kept++] = s->at[k];
    }
    s->n = s->merged = kept;
}

dg_status dg_scenes_add(dg_scenes *s, int32_t scene, int32_t item, dg_err *err)
{
    enum { LEAST = 1 << 16 };
    if (scene == DG_NO_SCENE) return DG_OK;
    if (s->n >= LEAST && s->n >= 2 * s->merged) add_up(s); /* grows no more than twofold */
    dg_group_count *grown =
        dg_grow(s->at, (size_t)s->n, (size_t)s->n + 1, &s->capacity, sizeof *grown);
    if (grown == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory counting scenes");
    s->at = grown;
    s->at[s->n++] = (dg_group_count){scene, item, 1};
    return DG_OK;
}

/* Codes of this rank into places among all scenes and into rows. */
static dg_status translate(dg_scenes *s, const dg_strings *all, const int64_t *row, dg_err *err)
{
    int64_t kept = 0;
    int32_t *place = dg_alloc((size_t)s->name.text.n, sizeof *place);
    if (place == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory counting scenes");
    for (int64_t g = 0; g < all->n; g++) {
        size_t n;
        const char *name = dg_strings_at(all, g, &n);
        const int32_t code = dg_ids_find(&s->name, name, n);
        if (code >= 0) place[code] = (int32_t)g;
    }
    for (int64_t k = 0; k < s->n; k++) {
        const dg_group_count at = s->at[k];
        if (row[at.item] == DG_NO_ROW) continue;
        s->at[kept++] = (dg_group_count){place[at.group], (int32_t)row[at.item], at.count};
    }
    s->n = kept;
    dg_free(place);
    return DG_OK;
}

dg_status dg_scenes_make(const dg_comm *c, dg_scenes *s, const int64_t *row, const dg_shards *items,
                         dg_group_lists *out, dg_err *err)
{
    dg_strings all = {0};
    dg_status st = dg_texts_of_all(c, &s->name.text, key, DG_GROUPS_MAX, &all, err);
    if (st == DG_OK) st = dg_agree(c, translate(s, &all, row, err), err);
    if (st == DG_OK && all.n > 0) st = dg_group_lists_make(c, s->at, s->n, &all, items, out, err);
    dg_strings_free(&all);
    return st;
}

void dg_scenes_free(dg_scenes *s)
{
    dg_ids_free(&s->name);
    dg_free(s->at);
    *s = (dg_scenes){0};
}
