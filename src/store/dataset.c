#include "store/dataset.h"

#include "base/memory.h"
#include "store/open.h"
#include "store/sparse.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char format[] = "daogou-dataset";

static void write_meta(dg_writer *w, const dg_dataset *d, const char *inputs, const char *config)
{
    dg_writer_text(w, "inputs", inputs);
    dg_writer_text(w, "job", config); /* paths: two of them may make the same data */
    if (d->card != NULL) dg_writer_text(w, "card", d->card); /* no part of the content digest */
    dg_writer_int(w, "n_users", d->users.begin[d->users.n]);
    dg_writer_int(w, "n_items", d->items.begin[d->items.n]);
    dg_writer_int(w, "n_train", d->n_train);
    dg_writer_int(w, "n_valid", d->n_valid);
    dg_writer_int(w, "n_test", d->n_test);
    dg_writer_int(w, "n_fold_in", d->n_fold_in);
    dg_writer_real(w, "value_min", d->value_min);
    dg_writer_real(w, "value_max", d->value_max);
    dg_writer_small(w, "shards/user", DG_I64, d->users.n + 1, 1, d->users.begin);
    dg_writer_small(w, "shards/item", DG_I64, d->items.n + 1, 1, d->items.begin);
}

dg_status dg_dataset_write(const dg_comm *c, dg_dataset *d, const char *path, const char *inputs,
                           const char *config, dg_err *err)
{
    dg_writer *w = NULL;
    const dg_status st = dg_writer_create(c, path, format, DG_DATASET_VERSION, &w, err);
    if (st != DG_OK) return st;
    int64_t titles = d->item_title.n;
    dg_max_int64(c, &titles, 1);
    write_meta(w, d, inputs, config);
    dg_writer_strings(w, "ids/user", &d->users, &d->user_id);
    dg_writer_strings(w, "ids/item", &d->items, &d->item_id);
    if (titles > 0) dg_writer_strings(w, "titles/item", &d->items, &d->item_title);
    dg_attribute_columns_write(c, w, "attributes/item", &d->items, &d->item_attributes);
    dg_attribute_columns_write(c, w, "attributes/user", &d->users, &d->user_attributes);
    dg_group_lists_write(w, "popularity/scene", &d->scenes);
    dg_sparse_write(c, w, "ratings/train/user", &d->users, &d->train);
    dg_sparse_write(c, w, "ratings/train/item", &d->items, &d->train_by_item);
    dg_sparse_write(c, w, "ratings/valid/user", &d->users, &d->valid);
    dg_sparse_write(c, w, "ratings/test/user", &d->users, &d->test);
    dg_sparse_write(c, w, "ratings/fold_in/user", &d->users, &d->fold_in);
    return dg_writer_commit(&w, d->content, err);
}

static dg_status load_shards(const dg_container *f, const char *array, dg_shards *out, dg_err *err)
{
    int64_t n = 0;
    dg_status st = dg_container_read_all(f, array, DG_I64, (void **)&out->begin, &n, err);
    if (st != DG_OK) return st;
    out->n = (int)n - 1;
    bool good = n >= 2 && n <= DG_SHARDS_MAX + 1 && (out->n & (out->n - 1)) == 0 &&
                out->begin[0] == 0 && out->begin[out->n] <= INT32_MAX;
    for (int s = 0; good && s < out->n; s++) good = out->begin[s] <= out->begin[s + 1];
    if (good) return DG_OK;
    return DG_FAIL(err, DG_ERR_DATA, "%s: %s is not a cut into shards", dg_container_path(f),
                   array);
}

dg_status dg_dataset_load_strings(const dg_container *f, const char *array, const dg_shards *shards,
                                  dg_run run, dg_strings *out, dg_err *err)
{
    char path[128];
    int64_t n_bytes = 0;
    out->n = shards->begin[run.end] - shards->begin[run.begin];
    snprintf(path, sizeof path, "%s/bytes", array);
    dg_status st = dg_container_read(f, path, DG_U8, run.begin, run.end, (void **)&out->bytes, NULL,
                                     &n_bytes, err);
    snprintf(path, sizeof path, "%s/offsets", array);
    return st == DG_OK ? dg_sparse__load_offsets(f, path, run, out->n, n_bytes, &out->offset, err)
                       : st;
}

static dg_status load_meta(const dg_container *f, dg_dataset *d, dg_err *err)
{
    int64_t n_users = -1, n_items = -1;
    snprintf(d->content, sizeof d->content, "%s", dg_container_content(f));
    dg_status st = load_shards(f, "shards/user", &d->users, err);
    if (st == DG_OK) st = load_shards(f, "shards/item", &d->items, err);
    if (st == DG_OK) st = dg_container_int(f, "/meta", "n_users", &n_users, err);
    if (st == DG_OK) st = dg_container_int(f, "/meta", "n_items", &n_items, err);
    if (st == DG_OK) st = dg_container_int(f, "/meta", "n_train", &d->n_train, err);
    if (st == DG_OK) st = dg_container_int(f, "/meta", "n_valid", &d->n_valid, err);
    if (st == DG_OK) st = dg_container_int(f, "/meta", "n_test", &d->n_test, err);
    if (st == DG_OK) st = dg_container_int(f, "/meta", "n_fold_in", &d->n_fold_in, err);
    if (st == DG_OK) st = dg_container_real(f, "/meta", "value_min", &d->value_min, err);
    if (st == DG_OK) st = dg_container_real(f, "/meta", "value_max", &d->value_max, err);
    if (st == DG_OK &&
        (n_users != d->users.begin[d->users.n] || n_items != d->items.begin[d->items.n]))
        st = DG_FAIL(err, DG_ERR_DATA, "%s: shards and counts differ", dg_container_path(f));
    return st;
}

static dg_status load_own(const dg_comm *c, const dg_container *f, dg_dataset *d, dg_err *err)
{
    dg_status st = load_meta(f, d, err);
    if (st != DG_OK) return st;
    const int64_t n_users = d->users.begin[d->users.n], n_items = d->items.begin[d->items.n];
    const dg_run users = dg_shards_run(d->users.n, c->rank, c->size);
    const dg_run items = dg_shards_run(d->items.n, c->rank, c->size);
    st = dg_dataset_load_strings(f, "ids/user", &d->users, users, &d->user_id, err);
    if (st == DG_OK)
        st = dg_dataset_load_strings(f, "ids/item", &d->items, items, &d->item_id, err);
    if (st == DG_OK && dg_container_has(f, "titles/item/bytes"))
        st = dg_dataset_load_strings(f, "titles/item", &d->items, items, &d->item_title, err);
    if (st == DG_OK)
        st =
            dg_attribute_columns_load(c, f, "attributes/item", &d->items, &d->item_attributes, err);
    if (st == DG_OK)
        st =
            dg_attribute_columns_load(c, f, "attributes/user", &d->users, &d->user_attributes, err);
    if (st == DG_OK) st = dg_group_lists_load(c, f, "popularity/scene", n_items, &d->scenes, err);
    if (st == DG_OK)
        st = dg_sparse_load(c, f, "ratings/train/user", &d->users, n_items, &d->train, err);
    if (st == DG_OK)
        st = dg_sparse_load(c, f, "ratings/train/item", &d->items, n_users, &d->train_by_item, err);
    if (st == DG_OK)
        st = dg_sparse_load(c, f, "ratings/valid/user", &d->users, n_items, &d->valid, err);
    if (st == DG_OK)
        st = dg_sparse_load(c, f, "ratings/test/user", &d->users, n_items, &d->test, err);
    if (st == DG_OK)
        st = dg_sparse_load(c, f, "ratings/fold_in/user", &d->users, n_items, &d->fold_in, err);
    return st;
}

dg_status dg_dataset_load(const dg_comm *c, const char *path, dg_dataset *out, dg_err *err)
{
    dg_container *f = NULL;
    *out = (dg_dataset){0};
    dg_status st = dg_store_open(c, path, format, DG_DATASET_VERSION, &f, err);
    if (st != DG_OK) return st;
    st = dg_agree(c, load_own(c, f, out, err), err);
    dg_container_close(&f);
    if (st != DG_OK) dg_dataset_free(out);
    return st;
}

int64_t dg_dataset_history(const dg_dataset *d, int64_t user, int32_t *out)
{
    dg_row part[4] = {dg_csr_row(&d->train, user), dg_csr_row(&d->fold_in, user),
                      dg_csr_row(&d->valid, user), dg_csr_row(&d->test, user)};
    for (int64_t n = 0;; n++) {
        int32_t least = INT32_MAX;
        for (int p = 0; p < 4; p++)
            if (part[p].n > 0 && part[p].index[0] < least) least = part[p].index[0];
        if (least == INT32_MAX) return n;
        if (out != NULL) out[n] = least;
        for (int p = 0; p < 4; p++) {
            if (part[p].n == 0 || part[p].index[0] != least) continue;
            part[p].index++;
            part[p].n--;
        }
    }
}

void dg_dataset_free(dg_dataset *d)
{
    dg_shards_destroy(&d->users);
    dg_shards_destroy(&d->items);
    dg_strings_free(&d->user_id);
    dg_strings_free(&d->item_id);
    dg_strings_free(&d->item_title);
    dg_attribute_columns_free(&d->item_attributes);
    dg_attribute_columns_free(&d->user_attributes);
    dg_group_lists_free(&d->scenes);
    dg_csr_free(&d->train);
    dg_csr_free(&d->train_by_item);
    dg_csr_free(&d->valid);
    dg_csr_free(&d->test);
    dg_csr_free(&d->fold_in);
    dg_free(d->card);
    *d = (dg_dataset){0};
}
