#include "base/fault.h"
#include "base/stop.h"
#include "base/version.h"
#include "cli/blas_core.h"
#include "cli/job_input.h"
#include "cli/line.h"
#include "dense/blas.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One line and a hint, from one rank; `size` 1 means there was no other to blame. */
static void report(const char *command, const dg_err *err, int size)
{
    dg_progress_end();
    fprintf(stderr, "daogou%s%s: %s", command[0] == '\0' ? "" : " ", command, err->text);
    if (size > 1 && err->rank >= 0) fprintf(stderr, " (rank %d)", err->rank);
    fprintf(stderr, "\n");
    if (err->hint[0] != '\0') fprintf(stderr, "hint: %s\n", err->hint);
}

/* The rank a launcher gave this process, as far as it can be known before MPI starts. */
static int rank_of_launcher(void)
{
    static const char *const names[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        const char *rank = getenv(names[k]);
        if (rank != NULL) return atoi(rank);
    }
    return 0;
}

/* All ranks see the same line, one tells. The others end well: mpirun kills those still at work
 * when the first one fails, and that could be the one that tells. */
static int end_usage(const char *command, const dg_err *err, dg_status st)
{
    if (rank_of_launcher() != 0) return EXIT_SUCCESS;
    report(command, err, 1);
    return dg_status_exit(st);
}

static void log_start(void)
{
    const char *core = dg_blas_core(), *replaced = dg_blas_core_replaced();
    dg_log_fields(DG_LOG_DEBUG, "start",
                  json_pack("{s:s, s:s, s:s, s:s*}", "version", dg_version(), "revision",
                            dg_revision(), "blas_core", core, "blas_core_replaced", replaced),
                  "daogou %s (%s), BLAS core %s%s%s", dg_version(), dg_revision(), core,
                  replaced == NULL ? "" : " in place of ", replaced == NULL ? "" : replaced);
}

/* Output that did not reach its reader is a failure too. */
static dg_status flush_output(dg_err *err)
{
    if (fflush(stdout) == 0 && !ferror(stdout)) return DG_OK;
    return dg_err_errno(err, "standard output", "cannot write");
}

/* Commands that need no peers answer once, even when mpirun started them on every rank. */
static int run_alone(dg_cli *cli)
{
    dg_err err;
    if (rank_of_launcher() != 0) return EXIT_SUCCESS;
    dg_log_setup(0, cli->level);
    log_start();
    dg_status st =
        dg_cli_asks_about_job(cli) ? dg_cli_about_job(cli, &err) : cli->command->run(cli, &err);
    if (st == DG_OK) st = flush_output(&err);
    if (st != DG_OK) report(cli->command->name, &err, 1);
    return dg_status_exit(st);
}

/* Ranks of a node share its processors: a rank that takes them all slows the others ten times. A
 * rank that is bound to some takes no more than those. */
static void share_processors(const dg_comm *world)
{
    const int ranks = dg_comm_node_size(world), all = dg_comm_node_processors(world);
    const int share = all / ranks > 1 ? all / ranks : 1, own = omp_get_num_procs();
    if (getenv("OMP_NUM_THREADS") == NULL) omp_set_num_threads(share < own ? share : own);
    const bool oversubscribed = omp_get_max_threads() * ranks > all;
    if (oversubscribed && omp_get_max_threads() > 1)
        dg_log(DG_LOG_WARN, "oversubscribed",
               "%d ranks of %d threads share %d processors: set OMP_NUM_THREADS lower", ranks,
               omp_get_max_threads(), all);
    else if (oversubscribed)
        dg_log(DG_LOG_INFO, "oversubscribed", "%d ranks share %d processors", ranks, all);
}

static int run_with_peers(dg_cli *cli, int *argc, char ***argv)
{
    dg_comm world;
    dg_err err;
    int provided;
    MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &provided);
    dg_comm_init(&world, MPI_COMM_WORLD);
    dg_fault_rank(world.rank);
    dg_log_setup(world.rank, cli->level);
    dg_stop_catch(world.rank == 0);
    dg_stop_allow(true); /* but for what says otherwise */
    share_processors(&world);
    log_start();
    cli->comm = &world;
    dg_status st = dg_agree(&world, dg_blas_reserve(omp_get_max_threads(), &err), &err);
    if (st == DG_OK) st = cli->command->run(cli, &err);
    if (st == DG_OK) st = dg_agree(&world, flush_output(&err), &err);
    if (st != DG_OK && world.rank == 0) report(cli->command->name, &err, world.size);
    dg_comm_free(&world);
    MPI_Finalize();
    return dg_status_exit(st);
}

static int run_command(const dg_command *command, int argc, char **argv)
{
    dg_cli cli;
    dg_err err;
    int code;
    const dg_status st = dg_cli_parse(command, argc, argv, &cli, &err);
    if (st != DG_OK) {
        code = end_usage(command->name, &err, st);
    } else if (cli.help) {
        if (rank_of_launcher() == 0) dg_cli_help(command);
        code = EXIT_SUCCESS;
    } else if (command->has_peers && !dg_cli_asks_about_job(&cli) &&
               (command->needs_peers == NULL || command->needs_peers(&cli))) {
        code = run_with_peers(&cli, &argc, &argv);
    } else {
        code = run_alone(&cli);
    }
    dg_cli_free(&cli);
    return code;
}

static bool is(const char *word, const char *a, const char *b)
{
    return strcmp(word, a) == 0 || strcmp(word, b) == 0;
}

int main(int argc, char **argv)
{
    dg_err err;
    dg_blas_core_choose(argv);
    if (argc < 2) {
        const dg_status st = DG_FAIL(&err, DG_ERR_USAGE, "expected a command");
        return end_usage("", &err, dg_err_hint(&err, st, "daogou --help lists the commands"));
    }
    if (is(argv[1], "--help", "-h") || is(argv[1], "help", "-help")) {
        if (rank_of_launcher() == 0) dg_cli_overview();
        return EXIT_SUCCESS;
    }
    if (is(argv[1], "--version", "-V")) {
        if (rank_of_launcher() == 0) printf("daogou %s (%s)\n", dg_version(), dg_revision());
        return EXIT_SUCCESS;
    }
    const dg_command *command = dg_cli_find(argv[1], &err);
    if (command == NULL) return end_usage("", &err, DG_ERR_USAGE);
    return run_command(command, argc - 1, argv + 1);
}
