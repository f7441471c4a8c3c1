#include "dense/nibbles.h"

#include <stdlib.h>
#include <string.h>

extern const dg_nibble_kernels dg_nibbles_portable;
#ifdef __x86_64__
extern const dg_nibble_kernels dg_nibbles_avx512vnni, dg_nibbles_avx512, dg_nibbles_avx2;
#endif

enum { MAX_VARIANTS = 5 };

const dg_nibble_kernels *const *dg_nibble_variants(void)
{
    static const dg_nibble_kernels *list[MAX_VARIANTS];
    int n = 0;
    if (list[0] != NULL) return list;
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl")) {
        if (__builtin_cpu_supports("avx512vnni")) list[n++] = &dg_nibbles_avx512vnni;
        list[n++] = &dg_nibbles_avx512;
    }
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        list[n++] = &dg_nibbles_avx2;
#endif
    list[n] = &dg_nibbles_portable;
    return list;
}

const dg_nibble_kernels *dg_nibbles(void)
{
    const dg_nibble_kernels *const *list = dg_nibble_variants();
    const char *wanted = getenv("DAOGOU_KERNELS");
    for (size_t k = 0; wanted != NULL && list[k] != NULL; k++)
        if (strncmp(list[k]->name, wanted, strlen(wanted)) == 0) return list[k];
    return list[0];
}
