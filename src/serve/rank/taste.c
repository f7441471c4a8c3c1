#include "serve/rank/taste.h"

static const float *learned_row(const dg_artifact *a, int64_t user, float *room)
{
    const float *row = dg_factors_row(&a->user_factor, user, room);
    const int32_t n = a->similar_cols > 0 ? a->similar_cols : a->n_cols;
    for (int32_t c = 0; c < n; c++)
        if (row[c] != 0) return row;
    return NULL;
}

dg_taste dg_taste_of(const dg_artifact *a, int64_t user, float *room)
{
    dg_taste t = {.user = user};
    if (user < 0) return t;
    if (a->n_cols > 0) t.factor = learned_row(a, user, room);
    if (a->profile.ptr != NULL) {
        const int64_t begin = a->profile.ptr[user];
        t.item = a->profile.index + begin;
        t.value = a->profile.value + begin;
        t.n = a->profile.ptr[user + 1] - begin;
    }
    if (a->user_base != NULL) t.base = (double)a->user_base[user];
    return t;
}
