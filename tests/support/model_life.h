/* model_life.h - what every model of weights must survive, for collective tests. */
#ifndef TESTS_MODEL_LIFE_H
#define TESTS_MODEL_LIFE_H
#include "base/fault.h"
#include "base/memory.h"
#include "model_run.h"
#include "mpi_main.h"
#include "scratch.h"

#include <stdio.h>
#include <string.h>

/* A path all ranks share. */
static inline const char *life_file(const char *name)
{
    long tag = getpid();
    MPI_Bcast(&tag, 1, MPI_LONG, 0, world.comm);
    return scratch(tag, name);
}

static inline void life_clean_up(void)
{
    MPI_Barrier(world.comm);
    if (world.rank == 0) scratch_remove();
    MPI_Barrier(world.comm);
}

/* Everything a job does with a model; `from` is a saved one, or NULL to make one at `to`. */
static inline dg_status life_of(const dg_model_class *class, const dg_dataset *d,
                                const void *options, const char *from, const char *to, dg_err *err)
{
    dg_model *m = NULL;
    dg_loss loss;
    dg_scorer scorer = {0};
    dg_status st = class->create(&world, d, options, 1, &m, err);
    if (st == DG_OK && from != NULL) st = run_load(&world, class, m, from, err);
    if (st == DG_OK) st = class->sweep(m, &loss, err);
    if (st == DG_OK) st = class->scorer(m, &scorer, err);
    if (scorer.destroy != NULL) scorer.destroy(&scorer);
    if (st == DG_OK) st = run_save(&world, class, m, to, NULL, err);
    if (st == DG_OK && from != NULL) st = run_export(&world, class, m, to, err);
    class->destroy(&m);
    return st;
}

/* Whichever allocation of the last rank fails, all fail alike and leave nothing behind. */
static inline void life_fails_alike(const dg_model_class *class, const char *text,
                                    const made_shop *shop)
{
    const char *from = life_file("good.h5"), *to = life_file("made.h5");
    void *options = run_options(class, text);
    dg_dataset d;
    dg_err err, ignored;
    made_dataset(&world, shop, &d);
    const size_t before = dg_alloc_live();
    ck_assert_all(life_of(class, &d, options, NULL, from, &err) == DG_OK);
    dg_status st = DG_ERR_NOMEM;
    int nth = 0;
    while (st != DG_OK && nth < 2000) {
        char spec[48];
        nth += world.size > 1 ? 7 : 2; /* a life takes a while, and all come around by and by */
        snprintf(spec, sizeof spec, "alloc:%d:%d", world.size - 1, nth);
        setenv("DAOGOU_FAULT", spec, 1);
        dg_fault_reload();
        st = life_of(class, &d, options, from, to, &err);
        unsetenv("DAOGOU_FAULT");
        dg_fault_reload();
        ck_assert_all(dg_agree_same(&world, "status", st, &ignored) == DG_OK);
        ck_assert_msg(st == DG_OK || st == DG_ERR_NOMEM, "allocation %d: %s", nth, err.text);
        ck_assert_all(dg_alloc_live() == before);
    }
    ck_assert_all(st == DG_OK && nth > 30);
    dg_dataset_free(&d);
    dg_free(options);
    life_clean_up();
    ck_assert_all(dg_alloc_live() == 0);
}

/* Loading refuses the file of another shop, and says so. */
static inline void life_refuses(const dg_model_class *class, const char *text,
                                const made_shop *shop, const char *says)
{
    const char *path = life_file("other.h5");
    void *options = run_options(class, text);
    made_shop fewer = *shop;
    dg_dataset d;
    dg_model *m;
    dg_err err;
    fewer.n_items--;
    made_dataset(&world, &fewer, &d);
    ck_assert_all(life_of(class, &d, options, NULL, path, &err) == DG_OK);
    dg_dataset_free(&d);
    made_dataset(&world, shop, &d);
    ck_assert_all(class->create(&world, &d, options, 1, &m, &err) == DG_OK);
    ck_assert_all(run_load(&world, class, m, path, &err) == DG_ERR_DATA);
    ck_assert_all(strstr(err.text, says) != NULL);
    class->destroy(&m);
    dg_dataset_free(&d);
    dg_free(options);
    life_clean_up();
    ck_assert_all(dg_alloc_live() == 0);
}

static inline void life_refuses_weights(const dg_model_class *class, const char *text,
                                        const made_shop *shop)
{
    life_refuses(class, text, shop, "weights/item has");
}

#endif
