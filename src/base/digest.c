#include "base/digest.h"

#include <sodium.h>
#define XXH_STATIC_LINKING_ONLY /* the state's size */
#include <xxhash.h>

_Static_assert(sizeof(XXH3_state_t) <= sizeof(dg_digest_stream), "room for libxxhash's state");

dg_digest dg_digest_of(const void *bytes, size_t n)
{
    const XXH128_hash_t h = XXH3_128bits(bytes, n);
    return (dg_digest){h.low64, h.high64};
}

void dg_digest_begin(dg_digest_stream *s)
{
    XXH3_state_t *state = (XXH3_state_t *)s->state;
    XXH3_INITSTATE(state);
    XXH3_128bits_reset(state);
}

void dg_digest_add(dg_digest_stream *s, const void *bytes, size_t n)
{
    XXH3_128bits_update((XXH3_state_t *)s->state, bytes, n);
}

dg_digest dg_digest_end(const dg_digest_stream *s)
{
    const XXH128_hash_t h = XXH3_128bits_digest((const XXH3_state_t *)s->state);
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
