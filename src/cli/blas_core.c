#include "cli/blas_core.h"

#include "base/fault.h"
#include "dense/blas.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char marker[] = "DAOGOU_BLAS_REPLACED"; /* says what the library had chosen */

const char *dg_blas_core_wanted(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return "SkylakeX";
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "Haswell";
#endif
    return NULL;
}

/* 0: SSE; 1: AVX; 2: AVX2 and FMA; 3: AVX-512, or AMD's own; names of OpenBLAS 0.3. */
static int level(const char *core)
{
    static const struct {
        const char *core;
        int level;
    } known[] = {
        {"Generic", 0},     {"Katmai", 0},       {"Coppermine", 0}, {"Northwood", 0},
        {"Prescott", 0},    {"Banias", 0},       {"Atom", 0},       {"Core2", 0},
        {"Penryn", 0},      {"Dunnington", 0},   {"Nehalem", 0},    {"Athlon", 0},
        {"Opteron", 0},     {"Opteron_SSE3", 0}, {"Barcelona", 0},  {"Bobcat", 0},
        {"Nano", 0},        {"Sandybridge", 1},  {"Bulldozer", 1},  {"Piledriver", 1},
        {"Steamroller", 1}, {"Excavator", 2},    {"Haswell", 2},
    };
    for (size_t k = 0; k < sizeof known / sizeof *known; k++)
        if (strcasecmp(known[k].core, core) == 0) return known[k].level;
    return 3;
}

bool dg_blas_core_is_older(const char *core, const char *wanted)
{
    return wanted != NULL && level(core) < level(wanted);
}

const char *dg_blas_core_replaced(void) { return getenv(marker); }

void dg_blas_core_choose(char **argv)
{
    /* Site "blas.core": the library's choice counts as its oldest, to test starting over. */
    const char *core = dg_fault("blas.core") ? "Prescott" : dg_blas_core();
    const char *wanted = dg_blas_core_wanted();
    setenv("OPENBLAS_NUM_THREADS", "1", 0);
    setenv("OMPI_MCA_io", "romio321", 0);
    if (getenv("OPENBLAS_CORETYPE") != NULL || !dg_blas_core_is_older(core, wanted)) return;
    setenv("OPENBLAS_CORETYPE", wanted, 1);
    setenv(marker, core, 1);
    execv("/proc/self/exe", argv);
    unsetenv("OPENBLAS_CORETYPE"); /* could not: go on with the slow one */
    unsetenv(marker);
}
