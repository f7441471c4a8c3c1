/* event.h - one rating or behaviour event, at the owner of its user. */
#ifndef DG_INGEST_EVENT_H
#define DG_INGEST_EVENT_H
#include <stdint.h>

typedef struct dg_event {
    int32_t user, item; /* global rows */
    float value;        /* rating, or weight of the event */
    uint32_t order;     /* place in the input, among the events it is compared with */
    int64_t time;       /* seconds since 1970, 0 where the data has none */
    uint64_t key;       /* dg_pair_key of the two ids: what random draws depend on */
} dg_event;

/** The key of a pair from the dg_id_hash of both ids: the same wherever the pair is met. LOCAL. */
static inline uint64_t dg_pair_key(uint64_t user_hash, uint64_t item_hash)
{
    uint64_t z = user_hash + 0x9e3779b97f4a7c15u * (item_hash | 1);
    z = (z ^ z >> 32) * 0xd6e8feb86659fd93u + item_hash;
    return z ^ z >> 32;
}

#endif
