#include "table/stream.h"

#include "base/fault.h"
#include "base/memory.h"
#include "table/parquet.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

enum { PACKED_SIZE = 256 << 10 }; /* compressed bytes read at a time */

struct dg_stream {
    const dg_source *source;
    int fd;
    int64_t offset;   /* next byte of the file */
    int64_t unpacked; /* place in the content */

    /* Compressed sources only. */
    unsigned char *packed; /* (PACKED_SIZE,) of which [packed_at, packed_n) is to be unpacked */
    size_t packed_at, packed_n;
    bool inside;  /* a member or frame has begun and not ended */
    int64_t skip; /* bytes of content before the first one that is wanted */
    int64_t next; /* of the source's members: the one to come to */
    bool zlib_ready;
    z_stream zlib;
    ZSTD_DStream *zstd;
    dg_parquet *parquet;
    void *table; /* of the source's reader */
};

/* Reads until `capacity` or the size the file had when it was found. */
static dg_status read_file(dg_stream *s, void *bytes, size_t capacity, size_t *n, dg_err *err)
{
    const int64_t left = s->source->size - s->offset;
    const size_t want = left < (int64_t)capacity ? (size_t)left : capacity;
    *n = 0;
    if (dg_fault("read")) {
        errno = EIO;
        return dg_err_errno(err, s->source->path, "cannot read");
    }
    dg_fault("read.kill");
    while (*n < want) {
        const ssize_t got = pread(s->fd, (char *)bytes + *n, want - *n, s->offset);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return dg_err_errno(err, s->source->path, "cannot read");
        if (got == 0)
            return DG_FAIL(err, DG_ERR_DATA, "%s: became shorter while it was read",
                           s->source->path);
        *n += (size_t)got;
        s->offset += got;
    }
    return DG_OK;
}

static dg_status damaged(const dg_stream *s, const char *codec, const char *what, dg_err *err)
{
    return DG_FAIL(err, DG_ERR_DATA, "%s: damaged %s data after %lld bytes of content: %s",
                   s->source->path, codec, (long long)s->unpacked, what);
}

/* One step of zlib: *made bytes of content. A .gz may have many members, then zero padding. */
static dg_status unpack_gzip(dg_stream *s, char *bytes, size_t capacity, size_t *made, dg_err *err)
{
    while (!s->inside && s->packed_at < s->packed_n && s->packed[s->packed_at] == 0) s->packed_at++;
    const uInt in = (uInt)(s->packed_n - s->packed_at);
    const uInt room = capacity < INT_MAX ? (uInt)capacity : INT_MAX;
    *made = 0;
    if (!s->inside && in == 0) return DG_OK;
    s->zlib.next_in = s->packed + s->packed_at;
    s->zlib.avail_in = in;
    s->zlib.next_out = (Bytef *)bytes;
    s->zlib.avail_out = room;
    s->inside = true;
    const int code = inflate(&s->zlib, Z_NO_FLUSH);
    s->packed_at += in - s->zlib.avail_in;
    *made = room - s->zlib.avail_out;
    if (code == Z_STREAM_END) {
        s->inside = false;
        inflateReset(&s->zlib);
    } else if (code == Z_MEM_ERROR) {
        return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", s->source->path);
    } else if (code != Z_OK && code != Z_BUF_ERROR) {
        return damaged(s, "gzip", s->zlib.msg != NULL ? s->zlib.msg : zError(code), err);
    }
    return DG_OK;
}

/* One step of zstd, which goes from frame to frame by itself. */
static dg_status unpack_zstd(dg_stream *s, char *bytes, size_t capacity, size_t *made, dg_err *err)
{
    ZSTD_inBuffer in = {s->packed, s->packed_n, s->packed_at};
    ZSTD_outBuffer out = {bytes, capacity, 0};
    const size_t code = ZSTD_decompressStream(s->zstd, &out, &in);
    if (ZSTD_isError(code)) return damaged(s, "zstd", ZSTD_getErrorName(code), err);
    /* A call without input after a frame's end asks for the next frame: that is no beginning. */
    if (out.pos > 0 || in.pos > s->packed_at) s->inside = code != 0;
    s->packed_at = in.pos;
    *made = out.pos;
    return DG_OK;
}

/* Members that are entered elsewhere must lie where their headers say, or parts of the content
 * would be read twice, or by nobody. */
static dg_status check_place(dg_stream *s, dg_err *err)
{
    const dg_members *m = &s->source->members;
    const int64_t packed = s->offset - (int64_t)(s->packed_n - s->packed_at);
    const dg_member end = {s->source->size, m->content};
    const dg_member to = s->next < m->n ? m->at[s->next] : end;
    if (m->n == 0 || s->unpacked < to.content) {
        if (m->n == 0 || s->inside || packed < to.packed) return DG_OK;
    } else if (s->unpacked == to.content) {
        if (s->inside || packed < to.packed) return DG_OK;
        s->next += s->next < m->n;
        if (packed == to.packed) return DG_OK;
    }
    return DG_FAIL(err, DG_ERR_DATA,
                   "%s: before byte %lld it unpacks to another size than its headers say",
                   s->source->path, (long long)packed);
}

static dg_status unpack(dg_stream *s, char *bytes, size_t capacity, size_t *n, dg_err *err)
{
    const bool gzip = s->source->codec == DG_CODEC_GZIP;
    dg_status st = DG_OK;
    for (*n = 0; *n < capacity;) {
        if (s->packed_at == s->packed_n) {
            s->packed_at = 0;
            st = read_file(s, s->packed, PACKED_SIZE, &s->packed_n, err);
            if (st != DG_OK) return st;
        }
        const size_t before = s->packed_at;
        size_t made;
        st = (gzip ? unpack_gzip : unpack_zstd)(s, bytes + *n, capacity - *n, &made, err);
        if (st != DG_OK) return st;
        *n += made;
        s->unpacked += (int64_t)made;
        if (made > 0 || s->packed_at > before) {
            st = check_place(s, err);
            if (st != DG_OK) return st;
            continue;
        }
        if (!s->inside) return DG_OK;
        return damaged(s, gzip ? "gzip" : "zstd", "the file ends too early", err);
    }
    return DG_OK;
}

dg_status dg_stream_read(dg_stream *s, char *bytes, size_t capacity, size_t *n, dg_err *err)
{
    if (s->source->codec == DG_CODEC_PLAIN) return read_file(s, bytes, capacity, n, err);
    if (s->source->codec == DG_CODEC_PARQUET)
        return dg_parquet_read(s->parquet, bytes, capacity, n, err);
    if (s->source->codec == DG_CODEC_HDF5)
        return s->source->reader->read(s->table, bytes, capacity, n, err);
    while (s->skip > 0) { /* it ends no earlier than check_place allows */
        const size_t part = s->skip < (int64_t)capacity ? (size_t)s->skip : capacity;
        const dg_status st = unpack(s, bytes, part, n, err);
        if (st != DG_OK) return st;
        s->skip -= (int64_t)part;
    }
    return unpack(s, bytes, capacity, n, err);
}

static void *zlib_alloc(void *opaque, unsigned n, unsigned size)
{
    (void)opaque;
    return dg_alloc(n, size);
}

static void zlib_free(void *opaque, void *block)
{
    (void)opaque;
    dg_free(block);
}

static bool prepare_codec(dg_stream *s)
{
    if (s->source->codec != DG_CODEC_GZIP && s->source->codec != DG_CODEC_ZSTD) return true;
    s->packed = dg_alloc(PACKED_SIZE, 1);
    if (s->source->codec == DG_CODEC_ZSTD) {
        s->zstd = ZSTD_createDStream();
        return s->packed != NULL && s->zstd != NULL;
    }
    s->zlib.zalloc = zlib_alloc;
    s->zlib.zfree = zlib_free;
    s->zlib_ready = inflateInit2(&s->zlib, 15 + 16) == Z_OK; /* largest window, gzip wrapper */
    return s->packed != NULL && s->zlib_ready;
}

static dg_status open_table(dg_stream *s, dg_err *err)
{
    const dg_source *from = s->source;
    if (from->reader == NULL || from->cut == NULL)
        return DG_FAIL(err, DG_ERR_UNAVAILABLE, "%s: HDF5 files are not read here", from->path);
    return from->reader->open(from->path, from->size, from->cut, &s->table, err);
}

static void enter(dg_stream *s, int64_t begin)
{
    const dg_members *m = &s->source->members;
    const int64_t k = dg_members_before(m, begin);
    s->offset = m->at[k].packed;
    s->unpacked = m->at[k].content;
    s->skip = begin - s->unpacked;
    s->next = k + 1;
}

dg_status dg_stream_open(const dg_source *source, int64_t begin, dg_stream **out, dg_err *err)
{
    *out = NULL;
    const int64_t content = dg_source_content(source);
    if (begin < 0 || begin > (content < 0 ? 0 : content))
        return DG_FAIL(err, DG_ERR_INTERNAL, "%s: cannot start reading at byte %lld", source->path,
                       (long long)begin);
    dg_stream *s = dg_alloc(1, sizeof *s);
    if (s == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", source->path);
    s->source = source;
    s->offset = begin;
    if (source->members.n > 0) enter(s, begin);
    s->fd = open(source->path, O_RDONLY | O_CLOEXEC);
    dg_status st = DG_OK;
    if (s->fd < 0)
        st = dg_err_errno(err, source->path, "cannot open");
    else if (!prepare_codec(s))
        st = DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", source->path);
    else if (source->codec == DG_CODEC_PARQUET)
        st = dg_parquet_open(source->path, &s->parquet, err);
    else if (source->codec == DG_CODEC_HDF5)
        st = open_table(s, err);
    else
        posix_fadvise(s->fd, s->offset, 0, POSIX_FADV_SEQUENTIAL); /* advice: may fail */
    *out = s;
    if (st != DG_OK) dg_stream_close(out);
    return st;
}

void dg_stream_close(dg_stream **s)
{
    if (*s == NULL) return;
    if ((*s)->fd >= 0) close((*s)->fd);
    if ((*s)->zlib_ready) inflateEnd(&(*s)->zlib);
    ZSTD_freeDStream((*s)->zstd);
    dg_parquet_close(&(*s)->parquet);
    if ((*s)->table != NULL) (*s)->source->reader->close(&(*s)->table);
    dg_free((*s)->packed);
    dg_free(*s);
    *s = NULL;
}
