#include "table/members.h"

#include "base/memory.h"

#include <string.h>
#include <unistd.h>

/* No block of zstd takes less than four bytes or holds more than 128 kB: what says more is no
 * size, and would have memory taken for pieces that are not there. */
enum { ZSTD_BLOCK = 128 << 10, ZSTD_BLOCK_MIN = 4, BGZF_MAX = 64 << 10 };

typedef struct walk {
    int fd;
    int64_t size;
    dg_members *found;
    int64_t at, content; /* of the next member */
    int64_t step, n;     /* every step-th member is kept; members so far */
} walk;

static bool get(const walk *w, int64_t at, void *bytes, size_t n)
{
    return at >= 0 && at <= w->size && (int64_t)n <= w->size - at &&
           pread(w->fd, bytes, n, at) == (ssize_t)n;
}

static uint32_t u32(const unsigned char *b)
{
    return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

/* The member at hand holds that much; the next begins behind it. */
static bool pass(walk *w, int64_t packed, int64_t content)
{
    dg_members *m = w->found;
    if (packed > w->size - w->at) return false;
    if (m->n == DG_MEMBERS_MAX) {
        m->n /= 2;
        for (int64_t k = 0; k < m->n; k++) m->at[k] = m->at[2 * k];
        w->step *= 2;
    }
    if (content > 0 && w->n++ % w->step == 0)
        m->at[m->n++] = (dg_member){w->content == 0 ? 0 : w->at, w->content};
    w->at += packed;
    w->content += content;
    return true;
}

/* ---- gzip ---- */

/* RFC 1952 with the extra field that holds the member's size. */
static bool walk_bgzf(walk *w)
{
    static const unsigned char id[] = {0x1f, 0x8b, 8, 4}, extra[] = {'B', 'C', 2, 0};
    unsigned char head[18], length[4];
    while (w->at < w->size) {
        if (!get(w, w->at, head, sizeof head) || memcmp(head, id, sizeof id) != 0 ||
            memcmp(head + 12, extra, sizeof extra) != 0)
            return false;
        const int64_t packed = (head[16] | head[17] << 8) + 1;
        if (packed < (int64_t)sizeof head + 10 || !get(w, w->at + packed - 4, length, 4) ||
            u32(length) > BGZF_MAX || !pass(w, packed, u32(length)))
            return false;
    }
    return true;
}

/* ---- zstd ---- */

static bool plausible(int64_t packed, uint64_t content)
{
    return content / ZSTD_BLOCK <= (uint64_t)packed / ZSTD_BLOCK_MIN;
}

/* The sizes of all frames, in a table that is the file's last, skippable, frame. */
static bool walk_table(walk *w)
{
    enum { FOOT = 9, HEAD = 8 };
    unsigned char foot[FOOT], head[HEAD], entry[12];
    if (!get(w, w->size - FOOT, foot, FOOT) || u32(foot + 5) != 0x8f92eab1 || (foot[4] & 0x7c) != 0)
        return false;
    const int64_t n = u32(foot), each = foot[4] >> 7 ? 12 : 8;
    const int64_t begin = w->size - FOOT - n * each - HEAD;
    if (!get(w, begin, head, HEAD) || u32(head) != 0x184d2a5e || u32(head + 4) != n * each + FOOT)
        return false;
    for (int64_t k = 0; k < n; k++) {
        if (!get(w, begin + HEAD + k * each, entry, (size_t)each)) return false;
        const int64_t packed = u32(entry), content = u32(entry + 4);
        if (!plausible(packed, (uint64_t)content) || !pass(w, packed, content)) return false;
    }
    return w->at == begin;
}

/* What a frame's header says: how long it is, and its content. False where it does not. */
static bool read_header(const unsigned char *b, int64_t *header, uint64_t *content)
{
    static const unsigned char id_bytes[] = {0, 1, 2, 4}, size_bytes[] = {1, 2, 4, 8};
    const bool single = b[4] >> 5 & 1;
    const int size = !single && b[4] >> 6 == 0 ? 0 : size_bytes[b[4] >> 6];
    const int at = 5 + !single;
    *header = at + size;
    *content = 0;
    if (size == 0 || id_bytes[b[4] & 3] != 0) return false; /* dictionaries are not at hand */
    for (int k = size; k-- > 0;) *content = *content << 8 | b[at + k];
    if (size == 2) *content += 256;
    return true;
}

/* From block to block, since frames do not say how long they are packed. */
static bool walk_frame(walk *w)
{
    unsigned char head[18] = {0}, block[3];
    const int64_t left = w->size - w->at;
    int64_t at, length;
    uint64_t content;
    if (!get(w, w->at, head, left < 18 ? (size_t)left : 18)) return false;
    if (u32(head) >> 4 == 0x184d2a5) return pass(w, (int64_t)u32(head + 4) + 8, 0);
    if (u32(head) != 0xfd2fb528 || !read_header(head, &at, &content)) return false;
    do {
        if (!get(w, w->at + at, block, sizeof block)) return false;
        length = (block[0] | block[1] << 8 | block[2] << 16) >> 3;
        at += 3 + ((block[0] >> 1 & 3) == 1 ? 1 : length); /* one byte is repeated */
    } while ((block[0] & 1) == 0);
    at += (head[4] >> 2 & 1) * 4; /* a checksum */
    return plausible(at, content) && pass(w, at, (int64_t)content);
}

static bool walk_zstd(walk *w)
{
    if (walk_table(w)) return true;
    w->found->n = w->at = w->content = w->n = 0;
    w->step = 1;
    while (w->at < w->size)
        if (!walk_frame(w)) return false;
    return true;
}

dg_status dg_members_find(int fd, int64_t size, bool gzip, dg_members *out, dg_err *err)
{
    walk w = {.fd = fd, .size = size, .found = out, .step = 1};
    *out = (dg_members){.at = dg_alloc(DG_MEMBERS_MAX, sizeof *out->at)};
    if (out->at == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a packed file");
    const bool known = gzip ? walk_bgzf(&w) : walk_zstd(&w);
    out->content = w.content;
    if (!known || out->n < 2) dg_members_free(out);
    return DG_OK;
}

int64_t dg_members_before(const dg_members *m, int64_t content)
{
    int64_t low = 0, high = m->n;
    while (high - low > 1) {
        const int64_t middle = low + (high - low) / 2;
        *(m->at[middle].content <= content ? &low : &high) = middle;
    }
    return low;
}

void dg_members_free(dg_members *m)
{
    dg_free(m->at);
    *m = (dg_members){0};
}
