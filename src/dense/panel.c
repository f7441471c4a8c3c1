#include "dense/panel.h"

#include <stdlib.h>
#include <string.h>

extern const dg_panel_kernels dg_panel_portable;
#ifdef __x86_64__
extern const dg_panel_kernels dg_panel_avx512, dg_panel_avx2;
#endif

enum { MAX_VARIANTS = 4 };

const dg_panel_kernels *const *dg_panel_variants(void)
{
    static const dg_panel_kernels *list[MAX_VARIANTS];
    int n = 0;
    if (list[0] != NULL) return list;
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq"))
        list[n++] = &dg_panel_avx512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
        __builtin_cpu_supports("f16c"))
        list[n++] = &dg_panel_avx2;
#endif
    list[n] = &dg_panel_portable;
    return list;
}

const dg_panel_kernels *dg_panel(void)
{
    const dg_panel_kernels *const *list = dg_panel_variants();
    const char *wanted = getenv("DAOGOU_KERNELS");
    for (size_t k = 0; wanted != NULL && list[k] != NULL; k++)
        if (strcmp(list[k]->name, wanted) == 0) return list[k];
    return list[0];
}
