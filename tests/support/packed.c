#include "packed.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

static void add_number(dg_text *t, uint64_t v, int bytes)
{
    for (int k = 0; k < bytes; k++) dg_text_bytes(t, &(char){(char)(v >> 8 * k)}, 1);
}

/* SAM specification, section 4.1. */
static void add_bgzf(dg_text *out, const char *bytes, size_t n)
{
    static const char head[] = "\x1f\x8b\x08\x04\0\0\0\0\0\xff\x06\0BC\x02";
    char packed[1 << 16];
    z_stream z = {.next_in = (Bytef *)(uintptr_t)bytes,
                  .avail_in = (uInt)n,
                  .next_out = (Bytef *)packed,
                  .avail_out = sizeof packed};
    if (deflateInit2(&z, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK ||
        deflate(&z, Z_FINISH) != Z_STREAM_END)
        abort();
    const size_t made = sizeof packed - z.avail_out;
    deflateEnd(&z);
    dg_text_bytes(out, head, 16);
    add_number(out, 18 + made + 8 - 1, 2);
    dg_text_bytes(out, packed, made);
    add_number(out, crc32(0, (const Bytef *)bytes, (uInt)n), 4);
    add_number(out, n, 4);
}

static size_t add_frame(dg_text *out, const char *bytes, size_t n, bool sized)
{
    const size_t room = ZSTD_compressBound(n);
    char *to = malloc(room);
    ZSTD_CCtx *z = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1);
    ZSTD_CCtx_setParameter(z, ZSTD_c_contentSizeFlag, sized);
    const size_t made = ZSTD_compress2(z, to, room, bytes, n);
    if (ZSTD_isError(made)) abort();
    dg_text_bytes(out, to, made);
    ZSTD_freeCCtx(z);
    free(to);
    return made;
}

/* zstd, contrib/seekable_format: pairs of sizes between a skippable frame's head and a foot. */
static void add_table(dg_text *out, const dg_text *sizes)
{
    add_number(out, 0x184d2a5e, 4);
    add_number(out, sizes->n + 9, 4);
    dg_text_bytes(out, sizes->at, sizes->n);
    add_number(out, sizes->n / 8, 4);
    add_number(out, 0, 1);
    add_number(out, 0x8f92eab1, 4);
}

void pack_parts(dg_text *out, packing how, const char *bytes, size_t n, size_t part)
{
    dg_text sizes = {0};
    for (size_t at = 0; at < n; at += part) {
        const size_t take = n - at < part ? n - at : part;
        if (how == PACKED_BGZF) {
            add_bgzf(out, bytes + at, take);
        } else {
            add_number(&sizes, add_frame(out, bytes + at, take, how == PACKED_FRAMES), 4);
            add_number(&sizes, take, 4);
        }
        if (how == PACKED_FRAMES) dg_text_bytes(out, "\x50\x2a\x4d\x18\x03\0\0\0abc", 11);
    }
    if (how == PACKED_BGZF) add_bgzf(out, "", 0);
    if (how == PACKED_SEEKABLE) add_table(out, &sizes);
    dg_text_free(&sizes);
}
