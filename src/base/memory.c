#include "base/memory.h"

#include "base/fault.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

static atomic_size_t live;

/* Large blocks lie on huge pages where the system has them: rows gathered from anywhere in a table
 * would otherwise miss the translation cache nearly every time. */
static void *get(size_t bytes)
{
    enum { HUGE_PAGE = 2 << 20 };
    if (bytes < 4 * (size_t)HUGE_PAGE || bytes > SIZE_MAX - HUGE_PAGE)
        return aligned_alloc(DG_ALIGN, bytes);
    void *p = aligned_alloc(HUGE_PAGE, (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE);
    if (p != NULL) (void)madvise(p, bytes, MADV_HUGEPAGE); /* advice: refused is no failure */
    return p;
}

void *dg_alloc(size_t n, size_t size)
{
    size_t bytes;
    if (dg_fault("alloc") || __builtin_mul_overflow(n, size, &bytes) || bytes > SIZE_MAX - DG_ALIGN)
        return NULL;
    bytes = (bytes + DG_ALIGN) / DG_ALIGN * DG_ALIGN; /* never zero */
    void *p = get(bytes);
    if (p == NULL) return NULL;
    atomic_fetch_add(&live, 1);
    return memset(p, 0, bytes);
}

void *dg_grow(void *block, size_t used, size_t need, size_t *capacity, size_t size)
{
    if (block != NULL && need <= *capacity) return block;
    size_t want = *capacity < 16 ? 16 : *capacity;
    while (want < need) {
        if (want > SIZE_MAX / 2) return NULL;
        want *= 2;
    }
    void *grown = dg_alloc(want, size);
    if (grown == NULL) return NULL;
    if (used > 0) memcpy(grown, block, used * size);
    dg_free(block);
    *capacity = want;
    return grown;
}

char *dg_strdup(const char *s)
{
    const size_t n = strlen(s) + 1;
    char *copy = dg_alloc(n, 1);
    return copy == NULL ? NULL : memcpy(copy, s, n);
}

void dg_free(void *block)
{
    if (block == NULL) return;
    atomic_fetch_sub(&live, 1);
    free(block);
}

void dg_memory_trim(void) { (void)malloc_trim(0); }

size_t dg_alloc_live(void) { return atomic_load(&live); }

size_t dg_peak_rss(void)
{
    struct rusage use;
    return getrusage(RUSAGE_SELF, &use) == 0 ? (size_t)use.ru_maxrss * 1024 : 0;
}
