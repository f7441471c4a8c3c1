/* peers GOODS [FACTORS [RAW_ITEMS RAW_USERS]] - lists of ten by the ranker and by faiss, in turns,
 * one core, as JSON: exact ones (IndexFlatIP), and with HNSW in its name a graph (HNSW32) at the
 * least effort of recall .98. Goods are normally distributed, or rows of floats from files. */
#include "peers.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/rng.h"
#include "serve/rank/by_factors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { K = 10, QUERIES = 64 };

static float *rows(int64_t n, int d, uint64_t seed, const char *file)
{
    float *at = dg_alloc((size_t)n * (size_t)d, sizeof *at);
    dg_rng rng = dg_rng_at(seed, DG_RNG_TEST, 0);
    if (at == NULL) exit(71);
    for (int64_t k = 0; file == NULL && k < n * d; k++) at[k] = (float)dg_rng_normal(&rng);
    FILE *f = file == NULL ? NULL : fopen(file, "rb");
    if (file != NULL &&
        (f == NULL || fread(at, sizeof *at, (size_t)(n * d), f) != (size_t)(n * d))) {
        fprintf(stderr, "peers: %s: not %lld rows of %d floats\n", file, (long long)n, d);
        exit(66);
    }
    if (f != NULL) fclose(f);
    return at;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *at, int n)
{
    qsort(at, (size_t)n, sizeof *at, by_size);
    return at[n / 2];
}

typedef struct bench {
    dg_by_factors *ours;
    const float *user;
    int d;
    int32_t want[QUERIES][K];
    double ours_seconds[QUERIES], their_seconds[QUERIES];
} bench;

static void ask_ours(bench *b, int i)
{
    const dg_allowed all = {0};
    const float *taste = b->user + (int64_t)i * b->d;
    dg_hit hit[K];
    dg_err err;
    const double began = dg_now();
    dg_topk best = dg_topk_start(hit, K);
    if (dg_by_factors_top(b->ours, 1, &taste, &all, &best, &err) != DG_OK) exit(70);
    dg_topk_finish(&best);
    b->ours_seconds[i] = dg_now() - began;
    for (int k = 0; k < K; k++) b->want[i][k] = hit[k].index;
}

/* How many of ours are among theirs. */
static int ask_theirs(bench *b, peer *p, int i)
{
    float score[K];
    int64_t row[K];
    int found = 0;
    const double began = dg_now();
    peer_search(p, b->user + (int64_t)i * b->d, K, score, row);
    b->their_seconds[i] = dg_now() - began;
    for (int k = 0; k < K; k++)
        for (int j = 0; j < K; j++) found += row[j] == b->want[i][k];
    return found;
}

static double run(bench *b, peer *p)
{
    int found = 0;
    for (int warm = 1; warm >= 0; warm--) {
        found = 0;
        for (int i = 0; i < QUERIES; i++) {
            ask_ours(b, i);
            found += ask_theirs(b, p, i);
        }
    }
    return found / (double)(QUERIES * K);
}

int main(int argc, char **argv)
{
    const int64_t n = argc > 1 ? atoll(argv[1]) : 26744;
    const int d = argc > 2 ? atoi(argv[2]) : 64;
    const bool graph = getenv("PEERS_GRAPH") != NULL;
    bench *b = dg_alloc(1, sizeof *b);
    dg_err err;
    float *item = rows(n, d, 1, argc > 4 ? argv[3] : NULL);
    b->user = rows(QUERIES, d, 2, argc > 4 ? argv[4] : NULL);
    b->d = d;
    const dg_artifact a = {.path = (char *)(uintptr_t) "goods",
                           .n_items = n,
                           .n_cols = d,
                           .similar_cols = d,
                           .item_factor = {.n_cols = d, .at = item}};
    if (dg_by_factors_create(&a, &b->ours, &err) != DG_OK) return 70;
    double began = dg_now();
    peer *p = peer_create(graph ? "HNSW32" : "Flat", d, n, item);
    const double built = dg_now() - began;
    double recall = 0;
    int effort = graph ? 16 : 0;
    for (; recall < 0.98 && effort <= 65536; effort *= 2) {
        peer_effort(p, effort);
        recall = run(b, p);
        if (!graph) break;
    }
    printf("{\"goods\": %lld, \"factors\": %d, \"peer\": \"faiss %s\", \"effort\": %d, \"built\": "
           "%.3g, "
           "\"recall\": %.4f, \"ours_seconds\": %.4g, \"their_seconds\": %.4g}\n",
           (long long)n, d, graph ? "HNSW32" : "IndexFlatIP", graph ? effort / 2 : 0, built, recall,
           median(b->ours_seconds, QUERIES), median(b->their_seconds, QUERIES));
    peer_destroy(p);
    dg_by_factors_destroy(&b->ours);
    return 0;
}
