#include "serve/rank/allowed.h"

#include <stdlib.h>

dg_allowed dg_allowed_unseen(const dg_artifact *a, int64_t user)
{
    if (user < 0) return (dg_allowed){0};
    const int64_t begin = a->history_ptr[user];
    return (dg_allowed){.skip = a->history_item + begin,
                        .n_skip = a->history_ptr[user + 1] - begin};
}

static int compare_items(const void *a, const void *b)
{
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

bool dg_allowed_has(const dg_allowed *allowed, int32_t item)
{
    if (allowed->bits != NULL && !(allowed->bits[item / 64] >> (item % 64) & 1)) return false;
    return allowed->n_skip == 0 || bsearch(&item, allowed->skip, (size_t)allowed->n_skip,
                                           sizeof item, compare_items) == NULL;
}

void dg_allowed_mask(const dg_allowed *allowed, int64_t first, int32_t n, uint16_t *mark)
{
    if (allowed->bits == NULL) return;
    for (int64_t w = first / 16; w < (first + n + 15) / 16; w++)
        mark[w - first / 16] &= (uint16_t)(allowed->bits[w / 4] >> (w % 4 * 16));
}
