/* memory.h - the one allocator: zeroed, aligned, overflow-checked, counted, and able to fail on
 * demand (fault site "alloc"). */
#ifndef DG_BASE_MEMORY_H
#define DG_BASE_MEMORY_H
#include <stddef.h>

enum { DG_ALIGN = 64 }; /* bytes; one cache line, one AVX-512 register */

/** n * size zeroed bytes, 64-byte aligned; NULL when out of memory or the product overflows.
 *  n == 0 yields a valid pointer. Free with dg_free. LOCAL. */
void *dg_alloc(size_t n, size_t size);

/** Grow a dg_alloc block from `used` to at least `need` elements, doubling; *capacity is updated.
 *  Returns the block (moved or not), or NULL with the old one untouched. LOCAL. */
void *dg_grow(void *block, size_t used, size_t need, size_t *capacity, size_t size);

/** Copy of a string, or NULL. LOCAL. */
char *dg_strdup(const char *s);

/** Free a block of this module; NULL-safe. LOCAL. */
void dg_free(void *block);

/** Give freed memory back to the system: after a lot of it, before a lot more is asked for. The
 *  allocator keeps blocks under 32 MB otherwise, and the peak counts them twice. LOCAL. */
void dg_memory_trim(void);

/** Blocks alive, for leak tests. LOCAL. */
size_t dg_alloc_live(void);

/** Peak resident set of this process in bytes, from the kernel. LOCAL. */
size_t dg_peak_rss(void);

#endif
