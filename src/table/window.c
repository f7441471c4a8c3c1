#include "table/window.h"

#include "base/memory.h"

#include <string.h>

enum {
    FIRST_SIZE = 256 << 10,
    OVERRUN = 64 << 10 /* bytes read at a time beyond the end, where one record ends */
};

/* Any byte beyond ASCII? At the speed of memory, so that records need not look. */
static bool has_high_byte(const char *s, size_t n)
{
    uint64_t word, all = 0;
    for (; n % sizeof word != 0; n--) all |= (unsigned char)s[n - 1];
    for (size_t i = 0; i < n; i += sizeof word) {
        memcpy(&word, s + i, sizeof word);
        all |= word;
    }
    return (all & 0x8080808080808080) != 0;
}

static dg_status out_of_memory(const dg_window *w, dg_err *err)
{
    return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", w->source->path);
}

/* Move the unread bytes to the front, of twice the memory where they fill half of it. */
static dg_status make_room(dg_window *w, size_t left, dg_err *err)
{
    char *bytes = w->bytes;
    if (left > w->size / 2 && w->size < DG_WINDOW_SIZE) {
        bytes = dg_alloc(2 * w->size, 1);
        if (bytes == NULL) return out_of_memory(w, err);
        w->size *= 2;
    }
    memmove(bytes, w->bytes + w->at, left);
    if (bytes != w->bytes) dg_free(w->bytes);
    w->bytes = bytes;
    return DG_OK;
}

dg_status dg_window_refill(dg_window *w, dg_err *err)
{
    const size_t left = w->n - w->at;
    dg_status st = make_room(w, left, err);
    if (st != DG_OK) return st;
    w->position += (int64_t)w->at;
    w->at = 0;
    w->n = left;

    const int64_t to_end = w->end - w->position - (int64_t)left;
    size_t want = w->size - left, got;
    if (to_end < OVERRUN)
        want = want < OVERRUN ? want : OVERRUN;
    else if (to_end < (int64_t)want)
        want = (size_t)to_end;
    st = dg_stream_read(w->stream, w->bytes + left, want, &got, err);
    if (st != DG_OK) return st;
    w->n += got;
    w->drained = got < want;
    if (!w->has_nul) w->has_nul = memchr(w->bytes + left, '\0', got) != NULL;
    if (!w->has_high) w->has_high = has_high_byte(w->bytes + left, got);
    return DG_OK;
}

/* The content's first bytes. */
static dg_status pass_mark(dg_window *w, dg_err *err)
{
    const char *b = w->bytes;
    if (w->n >= 2 && (memcmp(b, "\xff\xfe", 2) == 0 || memcmp(b, "\xfe\xff", 2) == 0)) {
        const dg_status st = DG_FAIL(err, DG_ERR_DATA, "%s: UTF-16, not UTF-8", w->source->path);
        return dg_err_hint(err, st, "convert it: iconv -f UTF-16 -t UTF-8");
    }
    if (w->n >= 3 && memcmp(b, "\xef\xbb\xbf", 3) == 0) w->at = 3;
    return DG_OK;
}

static dg_status go_to(dg_window *w, int64_t begin, dg_err *err)
{
    dg_status st = dg_window_refill(w, err);
    if (st == DG_OK && w->position == 0) st = pass_mark(w, err);
    while (st == DG_OK && begin > w->position + (int64_t)w->n && !w->drained) {
        w->at = w->n;
        st = dg_window_refill(w, err);
    }
    const int64_t ahead = begin - w->position;
    if (ahead > (int64_t)w->at) w->at = ahead < (int64_t)w->n ? (size_t)ahead : w->n;
    return st;
}

dg_status dg_window_open(dg_window *w, const dg_source *source, int64_t begin, int64_t end,
                         dg_err *err)
{
    *w = (dg_window){.source = source, .end = end, .size = FIRST_SIZE};
    if (dg_source_content(source) >= 0) {
        const int64_t left = dg_source_content(source) - begin; /* one byte more, to see its end */
        if (left < FIRST_SIZE) w->size = left > 0 ? (size_t)left + 1 : 1;
        w->position = begin;
    }
    w->bytes = dg_alloc(w->size, 1);
    if (w->bytes == NULL) return out_of_memory(w, err);
    dg_status st = dg_stream_open(source, w->position, &w->stream, err);
    if (st == DG_OK) st = go_to(w, begin, err);
    if (st != DG_OK) dg_window_close(w);
    return st;
}

dg_status dg_window_skip_line(dg_window *w, int64_t limit, bool *found, dg_err *err)
{
    for (;;) {
        const char *feed = memchr(w->bytes + w->at, '\n', w->n - w->at);
        w->at = feed == NULL ? w->n : (size_t)(feed - w->bytes) + 1;
        if (found != NULL) *found = feed != NULL;
        if (feed != NULL || w->drained || w->position + (int64_t)w->at >= limit) return DG_OK;
        const dg_status st = dg_window_refill(w, err);
        if (st != DG_OK) return st;
    }
}

void dg_window_close(dg_window *w)
{
    dg_stream_close(&w->stream);
    dg_free(w->bytes);
    *w = (dg_window){0};
}
