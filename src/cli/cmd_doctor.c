#include "artifact/container.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli/checks.h"
#include "cli/command.h"
#include "store/writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct flags {
    char *work;
} flags;

static const dg_option rows[] = {
    {.key = "work",
     .type = DG_OPT_TEXT,
     .offset = offsetof(flags, work),
     .help = "Folder to test; by default $TMPDIR or /tmp"},
};

static const struct {
    const char *name;
    dg_check_function *check;
} checks[] = {
    {"mpi", dg_check_mpi},       {"blas", dg_check_blas},     {"threads", dg_check_threads},
    {"folder", dg_check_folder}, {"locks", dg_check_locks},   {"parallel-write", dg_check_hdf5},
    {"shm", dg_check_shm},       {"limits", dg_check_limits}, {"slurm", dg_check_slurm},
};
enum { N_CHECKS = sizeof checks / sizeof *checks };

static const char *const verdicts[] = {"ok", "warn", "fail"};

static void print_check(const char *name, const dg_check *c)
{
    printf("  %-4s  %-14s  %s\n", verdicts[c->verdict], name, c->found);
    if (c->advice[0] != '\0') printf("  %-4s  %-14s  -> %s\n", "", "", c->advice);
    fflush(stdout); /* the next check may take its time */
}

static json_t *check_as_json(const char *name, const dg_check *c)
{
    return json_pack("{s:s, s:s, s:s, s:s}", "name", name, "verdict", verdicts[c->verdict], "found",
                     c->found, "advice", c->advice);
}

static const char *choose_folder(const flags *f)
{
    const char *folder = getenv("TMPDIR");
    if (f->work[0] != '\0') return f->work;
    return folder == NULL || folder[0] == '\0' ? "/tmp" : folder;
}

static dg_status run(const dg_cli *cli, dg_err *err)
{
    char self[4096] = "";
    const dg_checkup with = {choose_folder(cli->fields), self};
    int count[3] = {0};
    if (getenv("OMPI_COMM_WORLD_SIZE") != NULL)
        return DG_FAIL(err, DG_ERR_USAGE, "start it alone: it starts mpirun itself");
    if (readlink("/proc/self/exe", self, sizeof self - 1) < 0)
        return dg_err_errno(err, "/proc/self/exe", "cannot find this program");
    json_t *list = json_array();
    for (int k = 0; k < N_CHECKS; k++) {
        dg_check c = {.verdict = DG_FINE};
        checks[k].check(&with, &c);
        count[c.verdict]++;
        json_array_append_new(list, check_as_json(checks[k].name, &c));
        if (!cli->json) print_check(checks[k].name, &c);
    }
    dg_status st = DG_OK;
    if (cli->json)
        st = dg_cli_print_json(json_pack("{s:o, s:i, s:i}", "checks", list, "warnings",
                                         count[DG_WARN], "failures", count[DG_BAD]),
                               err);
    else
        json_decref(list);
    if (st != DG_OK || count[DG_BAD] == 0) return st;
    return DG_FAIL(err, DG_ERR_UNAVAILABLE, "%d of %d checks failed", count[DG_BAD], N_CHECKS);
}

const dg_command dg_cmd_doctor = {
    .name = "doctor",
    .arguments = "",
    .summary = "test what jobs need of this machine: MPI, BLAS, parallel files, limits",
    .row = rows,
    .n_rows = sizeof rows / sizeof *rows,
    .fields_size = sizeof(flags),
    .run = run,
};

enum { PROBE_SHARDS = 64, PROBE_ROWS = 4096 };

static dg_status write_probe(const dg_comm *c, const char *path, dg_err *err)
{
    const dg_run own = dg_shards_run(PROBE_SHARDS, c->rank, c->size);
    const size_t n = (size_t)(own.end - own.begin) * PROBE_ROWS;
    int64_t rows_of[PROBE_SHARDS], *at = dg_alloc(n, sizeof *at);
    dg_writer *w = NULL;
    dg_status st = at == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory") : DG_OK;
    for (int s = 0; s < PROBE_SHARDS; s++) rows_of[s] = PROBE_ROWS;
    for (size_t k = 0; k < n && at != NULL; k++) at[k] = own.begin * PROBE_ROWS + (int64_t)k;
    st = dg_agree(c, st, err);
    if (st == DG_OK) st = dg_writer_create(c, path, "daogou-probe", 1, &w, err);
    if (st == DG_OK) {
        const dg_piece piece = {DG_I64, 1, PROBE_SHARDS, rows_of, at};
        dg_writer_array(w, "numbers", &piece);
        st = dg_writer_commit(&w, NULL, err);
    }
    dg_free(at);
    return st;
}

static dg_status read_probe(const char *path, dg_err *err)
{
    dg_container *f = NULL;
    dg_status st = dg_container_open(path, "daogou-probe", 1, &f, err);
    if (st == DG_OK) st = dg_container_verify(f, err);
    dg_container_close(&f);
    return st;
}

/* What doctor starts: reaching this line shows that MPI starts; with a folder, write a file there
 * from all ranks, read it back on each, and say how it went. */
static dg_status probe(const dg_cli *cli, dg_err *err)
{
    char path[4096], bytes[32], spent[32];
    const double started = dg_now();
    if (cli->n_args == 0) return DG_OK;
    int pid = (int)getpid();
    dg_bcast(cli->comm, &pid, sizeof pid, 0);
    snprintf(path, sizeof path, "%s/daogou-probe-%d.h5", cli->args[0], pid);
    dg_status st = write_probe(cli->comm, path, err);
    if (st == DG_OK) st = dg_agree(cli->comm, read_probe(path, err), err);
    if (dg_cli_speaks(cli)) unlink(path);
    if (st == DG_OK && dg_cli_speaks(cli))
        printf("%s in %s\n", dg_show_bytes(8.0 * PROBE_SHARDS * PROBE_ROWS, bytes, sizeof bytes),
               dg_show_seconds(dg_now() - started, spent, sizeof spent));
    return st;
}

const dg_command dg_cmd_doctor_probe = {
    .name = "doctor-probe",
    .arguments = "[DIR]",
    .max_args = 1,
    .has_peers = true,
    .run = probe,
};
