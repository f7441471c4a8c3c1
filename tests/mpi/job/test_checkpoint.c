/* Checkpoints of a made-up model: which one a run goes on from, and what failures leave. */
#include "mpi_main.h"
#include "scratch.h"

#include "base/memory.h"
#include "job/checkpoint.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

enum { N = 4096 };

/* Its state is N numbers that count sweeps. */
struct dg_model {
    int64_t state[N];
    dg_status loads; /* how a load ends, on the last rank */
};

static void save(const dg_model *m, dg_writer *w)
{
    dg_writer_small(w, "state", DG_I64, N, 1, m->state);
}

static dg_status load(dg_model *m, const dg_container *f, dg_err *err)
{
    int64_t *state = NULL, n = 0;
    dg_status st = dg_container_read_all(f, "state", DG_I64, (void **)&state, &n, err);
    if (st == DG_OK && n == N) memcpy(m->state, state, sizeof m->state);
    if (world.rank == world.size - 1 && m->loads != DG_OK) st = DG_FAIL(err, m->loads, "told to");
    dg_free(state);
    return dg_agree(&world, st, err);
}

static const dg_model_class class = {.name = "made-up", .save = save, .load = load};
static const dg_identity own = {"made-up", "data", "seed: 7\nmodel:\n  iterations: 9\n", 9, 4};

static char folder[512];
static const char *second; /* folder to resume from, where not NULL */

static const char *numbered(int64_t sweep)
{
    static char path[600];
    return dg_checkpoint_path(folder, sweep, path, sizeof path);
}

/* A fresh folder, the same on every rank. */
static void use_folder(const char *name)
{
    long tag = getpid();
    MPI_Bcast(&tag, 1, MPI_LONG, 0, world.comm);
    snprintf(folder, sizeof folder, "%s", scratch(tag, name));
}

static dg_status write_sweep(int64_t sweep, const dg_identity *id, int64_t keep, dg_err *err)
{
    dg_model m = {.loads = DG_OK};
    dg_training t = {0};
    dg_status st = DG_OK;
    for (int k = 0; k < N; k++) m.state[k] = sweep;
    for (int64_t k = 0; k < sweep && st == DG_OK; k++)
        st = dg_training_add(&t, (dg_loss){1, 2, 3}, err);
    if (st == DG_OK) st = dg_checkpoint_write(&world, &class, &m, &t, id, folder, keep, err);
    dg_training_free(&t);
    return st;
}

/* The sweep a run would go on from, 0 for none; -1 where the state is not that sweep's. */
static int64_t resumed(dg_status loads, dg_status *st, dg_err *err)
{
    dg_model m = {.loads = loads};
    dg_training t = {0};
    bool found = false;
    *st = dg_checkpoint_resume(&world, &class, &m, &t, &own,
                               (const char *const[]){folder, second, NULL}, &found, err);
    int64_t sweep = found ? t.sweep : 0;
    for (int k = 0; k < N && found; k++)
        if (m.state[k] != sweep) sweep = -1;
    dg_training_free(&t);
    return sweep;
}

static dg_status load_named(const char *path, const dg_identity *id, bool *touched, dg_err *err)
{
    dg_model m = {.loads = DG_OK};
    dg_training t = {0};
    const dg_status st =
        dg_state_load(&world, &class, &m, &t, id, "daogou-checkpoint", path, NULL, touched, err);
    dg_training_free(&t);
    return st;
}

static void write_newer(const char *path)
{
    dg_writer *w = NULL;
    dg_err err;
    ck_assert_all(dg_writer_create(&world, path, "daogou-checkpoint", DG_MODEL_VERSION + 1, &w,
                                   &err) == DG_OK);
    ck_assert_all(dg_writer_commit(&w, NULL, &err) == DG_OK);
}

static void flip(const char *path)
{
    MPI_Barrier(world.comm);
    if (world.rank == 0) {
        const int fd = open(path, O_WRONLY);
        ck_assert(pwrite(fd, "x", 1, 3000) == 1);
        close(fd);
    }
    MPI_Barrier(world.comm);
}

START_TEST(the_newest_that_is_whole_and_fits_is_taken)
{
    static const dg_identity others[] = {
        {"other", "data", "seed: 7\nmodel:\n  iterations: 9\n", 9, 4},
        {"made-up", "other", "seed: 7\nmodel:\n  iterations: 9\n", 9, 4},
        {"made-up", "data", "seed: 8\nmodel:\n  iterations: 9\n", 9, 4},
    };
    dg_err err = {.text = ""};
    dg_status st;
    use_folder("newest");
    ck_assert_all(resumed(DG_OK, &st, &err) == 0 && st == DG_OK);
    for (int64_t sweep = 1; sweep <= 4; sweep++)
        ck_assert_all(write_sweep(sweep, &own, 99, &err) == DG_OK);
    for (int k = 0; k < 3; k++) ck_assert_all(write_sweep(5 + k, &others[k], 99, &err) == DG_OK);
    write_newer(numbered(8));
    flip(numbered(4));
    ck_assert_all(resumed(DG_OK, &st, &err) == 3 && st == DG_OK);
}
END_TEST

START_TEST(of_two_folders_the_newest_counts_wherever_it_is)
{
    char other[512];
    dg_err err = {.text = ""};
    dg_status st;
    use_folder("second");
    for (int64_t k = 2; k <= 5; k++) ck_assert_all(write_sweep(k, &own, 9, &err) == DG_OK);
    flip(numbered(5));
    snprintf(other, sizeof other, "%s", folder);
    use_folder("first");
    second = other;
    for (int64_t k = 3; k <= 4; k++) ck_assert_all(write_sweep(k, &own, 9, &err) == DG_OK);
    ck_assert_all(resumed(DG_OK, &st, &err) == 4 && st == DG_OK);
    flip(numbered(4)); /* the other's is whole */
    ck_assert_all(resumed(DG_OK, &st, &err) == 4 && st == DG_OK);
    ck_assert_all(write_sweep(6, &own, 9, &err) == DG_OK);
    ck_assert_all(resumed(DG_OK, &st, &err) == 6 && st == DG_OK);
    second = NULL;
    ck_assert_all(resumed(DG_OK, &st, &err) == 6 && st == DG_OK);
}
END_TEST

START_TEST(a_named_one_that_does_not_fit_is_refused_with_the_reason)
{
    static const struct {
        dg_identity id;
        const char *says;
    } cases[] = {
        {{"made-up", "data", "seed: 8\nmodel:\n  iterations: 9\n", 9, 4},
         "options or seed: seed 7, now 8"},
        {{"made-up", "data", "seed: 7\nmodel:\n  iterations: 9\n  b: 1\n", 9, 4},
         "model.b absent, now 1"},
        {{"made-up", "x", "seed: 7\nmodel:\n  iterations: 9\n", 9, 4}, "was made with other data"},
        {{"other", "data", "seed: 7\nmodel:\n  iterations: 9\n", 9, 4}, "another algorithm"},
        {{"made-up", "data", "seed: 7\nmodel:\n  iterations: 4\n", 4, 9},
         "is of sweep 5, the job ends after 4"},
    };
    dg_err err = {.text = ""};
    bool touched;
    use_folder("named");
    ck_assert_all(write_sweep(5, &own, 9, &err) == DG_OK);
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        ck_assert_all(load_named(numbered(5), &cases[k].id, &touched, &err) == DG_ERR_DATA);
        ck_assert_all(strstr(err.text, cases[k].says) != NULL && !touched);
    }
    const dg_identity longer = {"made-up", "data", "seed: 7\nmodel:\n  iterations: 5\n", 5, 5};
    ck_assert_all(load_named(numbered(5), &longer, &touched, &err) == DG_OK);
    write_newer(numbered(6));
    ck_assert_all(load_named(numbered(6), &own, &touched, &err) == DG_ERR_DATA);
    ck_assert_all(strstr(err.text, "ckpt-000006.h5: format version 2, this program reads up to 1"));
}
END_TEST

START_TEST(the_oldest_beyond_keep_go)
{
    dg_err err = {.text = ""};
    int64_t sweep[DG_MAX_SAVED];
    use_folder("keep");
    for (int64_t k = 1; k <= 6; k++) ck_assert_all(write_sweep(k, &own, 2, &err) == DG_OK);
    MPI_Barrier(world.comm);
    ck_assert_all(dg_checkpoint_list(folder, sweep) == 2 && sweep[0] == 6 && sweep[1] == 5);
}
END_TEST

/* Whatever fails, on whichever rank: the run goes on from the one before, or from the new one
 * where only its folder could not be made durable. */
START_TEST(a_failed_write_leaves_the_one_before)
{
    static const struct {
        const char *site;
        int nth, rank, left; /* rank -1: each */
    } cases[] = {{"write", 1, 0, 1},
                 {"fsync", 1, -1, 1},
                 {"alloc", 2, -1, 1},
                 {"fsync", 2, 0, 1},
                 {"fsync", 3, 0, 2}};
    dg_err err = {.text = ""};
    dg_status st;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        for (int rank = 0; rank < (cases[k].rank < 0 ? world.size : 1); rank++) {
            char spec[64], name[64];
            snprintf(name, sizeof name, "failed-%d-%d", (int)k, rank);
            use_folder(name);
            ck_assert_all(write_sweep(1, &own, 1, &err) == DG_OK);
            snprintf(spec, sizeof spec, "%s:%d:%d", cases[k].site, rank, cases[k].nth);
            setenv("DAOGOU_FAULT", spec, 1);
            dg_fault_reload();
            st = write_sweep(2, &own, 1, &err);
            unsetenv("DAOGOU_FAULT");
            dg_fault_reload();
            ck_assert_all(st == DG_ERR_IO || st == DG_ERR_NOMEM);
            ck_assert_all(err.rank == rank);
            ck_assert_all(resumed(DG_OK, &st, &err) == cases[k].left && st == DG_OK);
        }
    }
}
END_TEST

/* A limit on the length of files stands for a disk that fills up within a write. */
START_TEST(a_full_disk_leaves_the_one_before)
{
    dg_err err = {.text = ""};
    dg_status st;
    struct rlimit old, low;
    use_folder("full");
    ck_assert_all(write_sweep(1, &own, 1, &err) == DG_OK);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    low = (struct rlimit){.rlim_cur = 20000, .rlim_max = old.rlim_max};
    if (world.rank == 0) setrlimit(RLIMIT_FSIZE, &low);
    st = write_sweep(2, &own, 1, &err);
    setrlimit(RLIMIT_FSIZE, &old);
    ck_assert_all(st == DG_ERR_IO && strstr(err.text, "ckpt-000002.h5: cannot write") != NULL);
    ck_assert_all(resumed(DG_OK, &st, &err) == 1 && st == DG_OK);
}
END_TEST

/* Half a state is none: older checkpoints and a fresh start are for models that are untouched. */
START_TEST(a_model_that_cannot_load_a_whole_one_ends_the_run)
{
    dg_err err = {.text = ""};
    dg_status st;
    use_folder("load");
    ck_assert_all(write_sweep(1, &own, 2, &err) == DG_OK);
    ck_assert_all(write_sweep(2, &own, 2, &err) == DG_OK);
    ck_assert_all(resumed(DG_ERR_IO, &st, &err) == 0 && st == DG_ERR_IO);
    ck_assert_all(strstr(err.text, "told to") != NULL && err.rank == world.size - 1);
}
END_TEST

START_TEST(bytes_are_known_before_anything_is_written)
{
    dg_err err = {.text = ""};
    int64_t n_bytes = 0;
    struct stat info;
    dg_model m = {.loads = DG_OK};
    use_folder("bytes");
    ck_assert_all(dg_state_bytes(&world, &class, &m, &n_bytes, &err) == DG_OK);
    ck_assert_all(write_sweep(1, &own, 1, &err) == DG_OK);
    ck_assert_all(stat(numbered(1), &info) == 0);
    ck_assert_all(n_bytes >= info.st_size && n_bytes < info.st_size + (80 << 10));
    MPI_Barrier(world.comm);
    if (world.rank == 0) scratch_remove();
}
END_TEST

MPI_MAIN("checkpoint", the_newest_that_is_whole_and_fits_is_taken,
         of_two_folders_the_newest_counts_wherever_it_is,
         a_named_one_that_does_not_fit_is_refused_with_the_reason, the_oldest_beyond_keep_go,
         a_failed_write_leaves_the_one_before, a_full_disk_leaves_the_one_before,
         a_model_that_cannot_load_a_whole_one_ends_the_run,
         bytes_are_known_before_anything_is_written)
