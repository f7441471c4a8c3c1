#define PETSC_HAVE_BROKEN_RECURSIVE_MACRO /* MPI calls stay MPI calls: PETSc is not linked */
#include "comm/forest.h"

#include "base/memory.h"

#include <dlfcn.h>
#include <petscsf.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct dg_forest {
    const dg_comm *comm;
    int n;
    PetscSF *sf; /* (n,) NULL until planned */
    MPI_Datatype row;
};

static struct {
    bool started;
    __typeof__(PetscInitialize) *initialize;
    __typeof__(PetscPushErrorHandler) *push_error_handler;
    __typeof__(PetscReturnErrorHandler) *return_error_handler;
    __typeof__(PetscSFCreate) *create;
    __typeof__(PetscSFSetGraph) *set_graph;
    __typeof__(PetscSFSetUp) *set_up;
    __typeof__(PetscSFBcastBegin) *bcast_begin;
    __typeof__(PetscSFBcastEnd) *bcast_end;
    __typeof__(PetscSFDestroy) *destroy;
} petsc;

/* Nobody can agree on a failure of a collective library: as dg_mpi. */
static void check(PetscErrorCode code, const dg_comm *c, const char *what)
{
    if (code == 0) return;
    fprintf(stderr, "daogou: PETSc failed in %s: error %d (rank %d)\n", what, (int)code, c->rank);
    MPI_Abort(c->comm, dg_status_exit(DG_ERR_INTERNAL));
    _exit(dg_status_exit(DG_ERR_INTERNAL)); /* MPI_Abort may hang or return */
}

/* ISO C has no cast from an object pointer to a function pointer; POSIX promises the bytes fit. */
static bool find(void *library, const char *name, void *function)
{
    void *at = dlsym(library, name);
    memcpy(function, &at, sizeof at);
    return at != NULL;
}

static dg_status load(dg_err *err)
{
    void *library = dlopen(DG_PETSC_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (library != NULL && find(library, "PetscInitialize", &petsc.initialize) &&
        find(library, "PetscPushErrorHandler", &petsc.push_error_handler) &&
        find(library, "PetscReturnErrorHandler", &petsc.return_error_handler) &&
        find(library, "PetscSFCreate", &petsc.create) &&
        find(library, "PetscSFSetGraph", &petsc.set_graph) &&
        find(library, "PetscSFSetUp", &petsc.set_up) &&
        find(library, "PetscSFBcastBegin", &petsc.bcast_begin) &&
        find(library, "PetscSFBcastEnd", &petsc.bcast_end) &&
        find(library, "PetscSFDestroy", &petsc.destroy))
        return DG_OK;
    const dg_status st = DG_FAIL(err, DG_ERR_UNAVAILABLE, "cannot load PETSc: %s", dlerror());
    return dg_err_hint(err, st, "install it, or set model.exchange to replicate");
}

static void start(const dg_comm *c)
{
    char name[] = "daogou", no_signals[] = "-no_signal_handler", no_file[] = "-skip_petscrc";
    char *list[] = {name, no_signals, no_file, NULL}, **argv = list;
    int argc = 3;
    check(petsc.initialize(&argc, &argv, NULL, NULL), c, "start");
    check(petsc.push_error_handler(petsc.return_error_handler, NULL), c, "start");
}

dg_status dg_forest_start(const dg_comm *c, dg_err *err)
{
    if (petsc.started) return DG_OK;
    const dg_status st = dg_agree(c, load(err), err);
    if (st != DG_OK) return st;
    start(c);
    petsc.started = true;
    return DG_OK;
}

_Static_assert(sizeof(dg_place) == sizeof(PetscSFNode), "a place is what PETSc calls a node");

dg_status dg_forest_create(const dg_comm *c, int n, int n_cols, dg_forest **out, dg_err *err)
{
    dg_forest *f = *out = dg_alloc(1, sizeof *f);
    if (f != NULL) f->sf = dg_alloc((size_t)n, sizeof *f->sf);
    if (f == NULL || f->sf == NULL) {
        dg_free(f);
        *out = NULL;
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for %d transfers", n);
    }
    f->comm = c;
    f->n = n;
    dg_mpi(MPI_Type_contiguous(n_cols, MPI_FLOAT, &f->row), c, "type of a row");
    dg_mpi(MPI_Type_commit(&f->row), c, "type of a row");
    return DG_OK;
}

void dg_forest_plan(dg_forest *f, int tree, int32_t n_rows, int32_t n, dg_place *from)
{
    check(petsc.create(f->comm->comm, &f->sf[tree]), f->comm, "plan");
    check(petsc.set_graph(f->sf[tree], n_rows, n, NULL, PETSC_COPY_VALUES,
                          (PetscSFNode *)(void *)from, PETSC_COPY_VALUES),
          f->comm, "plan");
    check(petsc.set_up(f->sf[tree]), f->comm, "plan");
}

void dg_forest_begin(dg_forest *f, int tree, const float *rows, float *to)
{
    check(petsc.bcast_begin(f->sf[tree], f->row, rows, to, MPI_REPLACE), f->comm, "transfer");
}

void dg_forest_end(dg_forest *f, int tree, const float *rows, float *to)
{
    check(petsc.bcast_end(f->sf[tree], f->row, rows, to, MPI_REPLACE), f->comm, "transfer");
}

void dg_forest_destroy(dg_forest **forest)
{
    dg_forest *f = *forest;
    if (f == NULL) return;
    for (int k = 0; k < f->n; k++)
        if (f->sf[k] != NULL) check(petsc.destroy(&f->sf[k]), f->comm, "end");
    MPI_Type_free(&f->row);
    dg_free(f->sf);
    dg_free(f);
    *forest = NULL;
}
