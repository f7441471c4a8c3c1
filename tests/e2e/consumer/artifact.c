/* artifact FILE [USER [TRUSTED]] - what an artifact holds, and the five best goods for a user, as
 * daogou-serve lists them. With TRUSTED, a file of public keys, one of them must have signed it. */
#include "serve/rank/ranker.h"

#include <stdio.h>
#include <string.h>

/* Any kind of model; goods the user has seen are left out. */
static dg_status print_best(const dg_artifact *a, const char *user, dg_err *err)
{
    dg_hit best[5];
    dg_list list = {.hit = best};
    dg_ranker *ranker = NULL;
    const int64_t row = dg_names_find(&a->user_id, user, strlen(user));
    if (row < 0) return DG_FAIL(err, DG_ERR_NOINPUT, "%s: no user \"%s\"", a->path, user);
    dg_status st = dg_ranker_create(a, &ranker, err);
    if (st == DG_OK) st = dg_ranker_recommend(ranker, row, 5, true, &list, err);
    for (int k = 0; k < list.n && st == DG_OK; k++) {
        size_t n;
        const char *id = dg_names_at(&a->item_id, best[k].index, &n);
        printf("%.*s %.4f\n", (int)n, id, (double)best[k].score);
    }
    dg_ranker_destroy(&ranker);
    return st;
}

int main(int argc, char **argv)
{
    dg_artifact *a = NULL;
    dg_keyring trusted = {0};
    dg_access access = {0};
    dg_err err = {.text = "usage: artifact FILE [USER [TRUSTED]]"};
    dg_status st = argc < 2 ? DG_ERR_USAGE : DG_OK;
    if (argc > 3) st = dg_keyring_read(argv[3], &trusted, &err);
    if (argc > 3) access.trusted = &trusted;
    if (st == DG_OK) st = dg_artifact_open_for(argv[1], &access, &a, &err);
    if (st == DG_OK)
        printf("%s (%s): %lld users, %lld items, %lld seen\n", a->name, a->algorithm,
               (long long)a->n_users, (long long)a->n_items, (long long)a->history_ptr[a->n_users]);
    if (st == DG_OK && argc > 2) st = print_best(a, argv[2], &err);
    if (st != DG_OK) fprintf(stderr, "%s\n", err.text);
    dg_artifact_close(&a);
    dg_keyring_free(&trusted);
    return dg_status_exit(st);
}
