/* peers.h - what peers.c asks of faiss, which is C++. */
#ifndef TESTS_BENCH_PEERS_H
#define TESTS_BENCH_PEERS_H
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct peer peer;

/* An index over rows (n, d) by inner product: "Flat", "HNSW32", … as faiss' index_factory has it.
 */
peer *peer_create(const char *kind, int d, int64_t n, const float *rows);
/* How hard an index that is not exact looks. */
void peer_effort(peer *p, int effort);
/* The k best for one query. */
void peer_search(peer *p, const float *query, int k, float *score, int64_t *row);
void peer_destroy(peer *p);

#ifdef __cplusplus
}
#endif
#endif
