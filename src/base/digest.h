/* digest.h - the two digests: XXH3-128 for bulk arrays, BLAKE2b-256 for what names a file. */
#ifndef DG_BASE_DIGEST_H
#define DG_BASE_DIGEST_H
#include <stddef.h>
#include <stdint.h>

/* Detects damage, not forgery: bulk arrays go through this at memory speed. */
typedef struct dg_digest {
    uint64_t low, high;
} dg_digest;

enum { DG_HEX_SIZE = 65 }; /* 32 bytes in hexadecimal, and the NUL */

/** XXH3-128 of n bytes. LOCAL. */
dg_digest dg_digest_of(const void *bytes, size_t n);

/* The same of bytes that come in pieces. */
typedef struct dg_digest_stream {
    _Alignas(64) unsigned char state[640]; /* of libxxhash */
} dg_digest_stream;

/** Begin, add bytes in their order, and the digest of them all. LOCAL. */
void dg_digest_begin(dg_digest_stream *s);
void dg_digest_add(dg_digest_stream *s, const void *bytes, size_t n);
dg_digest dg_digest_end(const dg_digest_stream *s);

/** 64-bit hash for tables and shuffles; `seed` separates purposes. LOCAL. */
uint64_t dg_hash64(const void *bytes, size_t n, uint64_t seed);

/** The hash an id is known by everywhere: rows are dealt to shards, and found, by it. LOCAL. */
static inline uint64_t dg_id_hash(const char *bytes, size_t n) { return dg_hash64(bytes, n, 0); }

/** BLAKE2b-256 (libsodium generichash) of n bytes as lower-case hexadecimal. LOCAL. */
void dg_digest_hex(const void *bytes, size_t n, char hex[DG_HEX_SIZE]);

#endif
