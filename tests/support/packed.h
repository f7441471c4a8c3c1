/* packed.h - bytes packed in parts, as the tools do that write files to be entered anywhere. */
#ifndef TESTS_SUPPORT_PACKED_H
#define TESTS_SUPPORT_PACKED_H
#include "base/text.h"

typedef enum packing {
    PACKED_BGZF,   /* bgzip: members that say their size, and an empty one at the end */
    PACKED_FRAMES, /* zstd frames that say their content's size, with skippable ones between them */
    PACKED_SEEKABLE, /* zstd frames that do not, and a table of their sizes */
    N_PACKINGS
} packing;

/** Append the bytes to `out`, `part` of them in each member. */
void pack_parts(dg_text *out, packing how, const char *bytes, size_t n, size_t part);

#endif
