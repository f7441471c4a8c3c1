/* artifact FILE [USER] - what an artifact holds, and the five best goods for a user. */
#include "artifact/artifact.h"
#include "ranking/topk.h"

#include <stdio.h>
#include <string.h>

/* Goods are scored as docs/formats.md says; nothing is left out. */
static dg_status print_best(const dg_artifact *a, const char *user, dg_err *err)
{
    float user_room[DG_FACTORS_ROOM], item_room[DG_FACTORS_ROOM];
    dg_hit room[5];
    dg_topk best = dg_topk_start(room, 5);
    const int64_t row = dg_names_find(&a->user_id, user, strlen(user));
    if (row < 0) return DG_FAIL(err, DG_ERR_NOINPUT, "%s: no user \"%s\"", a->path, user);
    const float *taste = dg_factors_row(&a->user_factor, row, user_room);
    for (int32_t item = 0; item < (int32_t)a->n_items; item++) {
        const float *goods = dg_factors_row(&a->item_factor, item, item_room);
        double score = a->offset;
        for (int32_t c = 0; c < a->n_cols; c++) score += taste[c] * goods[c];
        const float rounded = (float)score;
        const dg_status st = dg_topk_push(&best, &rounded, item, 1, NULL, 0, err);
        if (st != DG_OK) return st;
    }
    const int n_best = dg_topk_finish(&best);
    for (int k = 0; k < n_best; k++) {
        size_t n;
        const char *id = dg_names_at(&a->item_id, room[k].index, &n);
        printf("%.*s %.4f\n", (int)n, id, (double)room[k].score);
    }
    return DG_OK;
}

int main(int argc, char **argv)
{
    dg_artifact *a = NULL;
    dg_err err = {.text = "usage: artifact FILE [USER]"};
    dg_status st = argc < 2 ? DG_ERR_USAGE : dg_artifact_open(argv[1], &a, &err);
    if (st == DG_OK)
        printf("%s (%s): %lld users, %lld items, %lld seen\n", a->name, a->algorithm,
               (long long)a->n_users, (long long)a->n_items, (long long)a->history_ptr[a->n_users]);
    if (st == DG_OK && argc > 2) st = print_best(a, argv[2], &err);
    if (st != DG_OK) fprintf(stderr, "%s\n", err.text);
    dg_artifact_close(&a);
    return dg_status_exit(st);
}
