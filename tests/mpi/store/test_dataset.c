/* A dataset written by any ranks is read back whole by any other. */
#include "mpi_main.h"
#include "scratch.h"

#include "base/memory.h"
#include "store/dataset.h"

enum { USERS = 301, ITEMS = 47 };

/* User u rates items u % 3, u % 3 + d, … with d = 1 + u % 5; every seventh user rates nothing. */
static int64_t row_length(int64_t u)
{
    return u % 7 == 0 ? 0 : (ITEMS - u % 3 - 1) / (1 + u % 5) + 1;
}

static dg_status fill_rows(dg_range rows, int64_t n, bool filled, dg_csr *out, dg_err *err)
{
    dg_status st = dg_csr_create(rows.begin, rows.end, filled ? n : 0, out, err);
    if (st != DG_OK || !filled) return st;
    for (int64_t u = rows.begin, at = 0; u < rows.end; u++) {
        for (int64_t k = 0; k < row_length(u); k++, at++) {
            out->index[at] = (int32_t)(u % 3 + k * (1 + u % 5));
            out->value[at] = (float)(u % 5) + 0.5f;
        }
        out->ptr[u - rows.begin + 1] = at;
    }
    return DG_OK;
}

static dg_status make_ids(dg_range rows, char kind, dg_strings *out, dg_err *err)
{
    char id[32];
    dg_status st = DG_OK;
    for (int64_t r = rows.begin; r < rows.end && st == DG_OK; r++)
        st = dg_strings_add(out, id, (size_t)snprintf(id, sizeof id, "%c%ld", kind, (long)r), err);
    return st;
}

static void make(const dg_comm *c, dg_dataset *d)
{
    dg_err err;
    *d = (dg_dataset){.value_min = 0.5, .value_max = 4.5};
    dg_shards_create(64, &d->users, &err);
    dg_shards_create(64, &d->items, &err);
    for (int s = 0; s <= 64; s++) {
        d->users.begin[s] = (int64_t)USERS * s / 64;
        d->items.begin[s] = (int64_t)ITEMS * s / 64;
    }
    const dg_range users = dg_shards_rows(&d->users, c->rank, c->size);
    const dg_range items = dg_shards_rows(&d->items, c->rank, c->size);
    int64_t n = 0;
    for (int64_t u = users.begin; u < users.end; u++) n += row_length(u);
    d->n_train = n;
    dg_sum_int64(c, &d->n_train, 1);
    make_ids(users, 'u', &d->user_id, &err);
    make_ids(items, 'i', &d->item_id, &err);
    fill_rows(users, n, true, &d->train, &err);
    fill_rows(items, 0, false, &d->train_by_item, &err);
    fill_rows(users, 0, false, &d->valid, &err);
    fill_rows(users, 0, false, &d->test, &err);
    fill_rows(users, 0, false, &d->fold_in, &err);
}

static bool same_rows(const dg_csr *a, const dg_csr *b)
{
    const int64_t n = dg_csr_count(a);
    return a->begin == b->begin && a->end == b->end && n == dg_csr_count(b) &&
           memcmp(a->ptr, b->ptr, (size_t)(a->end - a->begin + 1) * sizeof *a->ptr) == 0 &&
           memcmp(a->index, b->index, (size_t)n * sizeof *a->index) == 0 &&
           memcmp(a->value, b->value, (size_t)n * sizeof *a->value) == 0;
}

static bool same_strings(const dg_strings *a, const dg_strings *b)
{
    if (a->n != b->n || (a->n > 0 && a->offset[a->n] != b->offset[b->n])) return false;
    return a->n == 0 ||
           (memcmp(a->offset, b->offset, (size_t)(a->n + 1) * sizeof *a->offset) == 0 &&
            memcmp(a->bytes, b->bytes, (size_t)a->offset[a->n]) == 0);
}

START_TEST(what_is_written_is_read_back)
{
    long tag = getpid();
    char name[64];
    dg_err err = {.text = ""};
    dg_dataset made, loaded, alone, again;
    dg_comm self;
    MPI_Bcast(&tag, 1, MPI_LONG, 0, world.comm);
    const char *path = scratch(tag, "dataset.h5");
    make(&world, &made);
    ck_assert_all(dg_dataset_write(&world, &made, path, "inputs", "config", &err) == DG_OK);
    ck_assert_all(dg_dataset_load(&world, path, &loaded, &err) == DG_OK);
    ck_assert_all(same_rows(&made.train, &loaded.train));
    ck_assert_all(same_rows(&made.test, &loaded.test));
    ck_assert_all(same_strings(&made.user_id, &loaded.user_id));
    ck_assert_all(same_strings(&made.item_id, &loaded.item_id));
    ck_assert_all(loaded.item_title.n == 0 && loaded.n_train == made.n_train);
    ck_assert_all(strcmp(made.content, loaded.content) == 0);

    dg_comm_init(&self, MPI_COMM_SELF); /* one rank writes the same and reads the others' file */
    make(&self, &alone);
    snprintf(name, sizeof name, "alone-%d.h5", world.rank);
    ck_assert_all(dg_dataset_write(&self, &alone, scratch(tag, name), "other", "config", &err) ==
                  DG_OK);
    ck_assert_all(strcmp(made.content, alone.content) == 0);
    ck_assert_all(dg_dataset_load(&self, path, &again, &err) == DG_OK);
    ck_assert_all(same_rows(&alone.train, &again.train));
    ck_assert_all(same_strings(&alone.user_id, &again.user_id));
    dg_comm_free(&self);
    dg_dataset_free(&made);
    dg_dataset_free(&loaded);
    dg_dataset_free(&alone);
    dg_dataset_free(&again);
    MPI_Barrier(world.comm);
    if (world.rank == 0) scratch_remove();
}
END_TEST

MPI_MAIN("dataset", what_is_written_is_read_back)
