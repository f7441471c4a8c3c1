// peers_faiss.cpp - faiss behind peers.h, on one thread.
#include "peers.h"

#include <faiss/IndexHNSW.h>
#include <faiss/index_factory.h>
#include <memory>
#include <omp.h>

struct peer {
    std::unique_ptr<faiss::Index> index;
};

peer *peer_create(const char *kind, int d, int64_t n, const float *rows)
{
    omp_set_num_threads(1);
    peer *p = new peer{std::unique_ptr<faiss::Index>(
        faiss::index_factory(d, kind, faiss::METRIC_INNER_PRODUCT))};
    p->index->train(n, rows);
    p->index->add(n, rows);
    return p;
}

void peer_effort(peer *p, int effort)
{
    if (auto *hnsw = dynamic_cast<faiss::IndexHNSW *>(p->index.get())) hnsw->hnsw.efSearch = effort;
}

void peer_search(peer *p, const float *query, int k, float *score, int64_t *row)
{
    p->index->search(1, query, k, score, row);
}

void peer_destroy(peer *p) { delete p; }
