#include "ingest/select.h"

#include "base/memory.h"

#include <string.h>

enum { DIGIT_BITS = 16, DIGITS = 1 << DIGIT_BITS };

/* Negative numbers first when read as unsigned. */
static uint64_t ordered(int64_t v) { return (uint64_t)v ^ (1ULL << 63); }

/* The digit that holds place *place, which becomes a place among that digit's numbers. */
static uint64_t find_digit(const int64_t *count, int64_t *place)
{
    uint64_t last = 0;
    for (uint64_t d = 0; d < DIGITS; d++) {
        if (count[d] == 0) continue;
        if (*place < count[d]) return d;
        *place -= count[d];
        last = d;
    }
    *place = count[last]; /* beyond the last: stay with the largest */
    return last;
}

dg_status dg_select(const dg_comm *c, const void *from, dg_number_at *at, int64_t n, int64_t place,
                    int64_t *out, dg_err *err)
{
    uint64_t prefix = 0;
    int64_t *count = dg_alloc(DIGITS, sizeof *count);
    dg_status st =
        count == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory selecting a quantile") : DG_OK;
    st = dg_agree(c, st, err);
    for (int shift = 64 - DIGIT_BITS; st == DG_OK && shift >= 0; shift -= DIGIT_BITS) {
        memset(count, 0, DIGITS * sizeof *count);
        for (int64_t k = 0; k < n; k++) {
            int64_t number;
            if (!at(from, k, &number)) continue;
            const uint64_t key = ordered(number);
            const uint64_t above = shift + DIGIT_BITS == 64 ? 0 : key >> (shift + DIGIT_BITS);
            if (above == prefix) count[(key >> shift) & (DIGITS - 1)]++;
        }
        dg_sum_int64(c, count, DIGITS);
        prefix = prefix << DIGIT_BITS | find_digit(count, &place);
    }
    *out = (int64_t)(prefix ^ (1ULL << 63));
    dg_free(count);
    return st;
}
