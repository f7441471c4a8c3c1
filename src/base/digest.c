#include "base/digest.h"

#include <sodium.h>
#include <xxhash.h>

dg_digest dg_digest_of(const void *bytes, size_t n)
{
    const XXH128_hash_t h = XXH3_128bits(bytes, n);
    return (dg_digest){h.low64, h.high64};
}

uint64_t dg_hash64(const void *bytes, size_t n, uint64_t seed)
{
    return XXH3_64bits_withSeed(bytes, n, seed);
}

void dg_digest_hex(const void *bytes, size_t n, char hex[DG_HEX_SIZE])
{
    unsigned char raw[32];
    crypto_generichash(raw, sizeof raw, bytes, n, NULL, 0);
    sodium_bin2hex(hex, DG_HEX_SIZE, raw, sizeof raw);
}
