#include "made_file.h"

#include "base/memory.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

void make_file(made_file *f, const void *bytes, size_t n, dg_codec codec)
{
    f->fd = memfd_create("made", MFD_CLOEXEC);
    ck_assert_int_ge(f->fd, 0);
    snprintf(f->path, sizeof f->path, "/proc/self/fd/%d", f->fd);
    f->source = (dg_source){.path = f->path, .codec = codec};
    append_file(f, bytes, n);
}

void append_file(made_file *f, const void *bytes, size_t n)
{
    for (size_t done = 0; done < n;) {
        const ssize_t put = write(f->fd, (const char *)bytes + done, n - done);
        ck_assert_int_gt(put, 0);
        done += (size_t)put;
    }
    f->source.size += (int64_t)n;
}

void cut_file(made_file *f, size_t n)
{
    ck_assert_int_eq(ftruncate(f->fd, (off_t)n), 0);
    f->source.size = (int64_t)n;
}

void drop_file(made_file *f) { close(f->fd); }

static size_t compress_gzip(void *to, size_t room, const void *bytes, size_t n)
{
    z_stream z = {
        .next_in = (Bytef *)bytes, .avail_in = (uInt)n, .next_out = to, .avail_out = (uInt)room};
    ck_assert_int_eq(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return room - z.avail_out;
}

static size_t compress_zstd(void *to, size_t room, const void *bytes, size_t n)
{
    ZSTD_CCtx *z = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1);
    const size_t made = ZSTD_compress2(z, to, room, bytes, n);
    ck_assert(!ZSTD_isError(made));
    ZSTD_freeCCtx(z);
    return made;
}

void compress_to(dg_text *out, dg_codec codec, const void *bytes, size_t n)
{
    const size_t room = n + n / 100 + 1000;
    char *to = malloc(room);
    const size_t made = codec == DG_CODEC_GZIP ? compress_gzip(to, room, bytes, n)
                                               : compress_zstd(to, room, bytes, n);
    dg_text_bytes(out, to, made);
    free(to);
}

static void add_record(const dg_record *x, dg_text *out)
{
    dg_text_bytes(out, x->user.at, x->user.n);
    dg_text_bytes(out, ",", 1);
    dg_text_bytes(out, x->item.at, x->item.n);
    dg_text_add(out, ",%g,%lld", (double)x->value, (long long)x->time);
    if (x->event.n > 0) dg_text_add(out, ",%.*s", (int)x->event.n, x->event.at);
    if (x->scene.n > 0) dg_text_add(out, ",%.*s", (int)x->scene.n, x->scene.at);
    dg_text_add(out, " @%lld\n", (long long)x->position);
}

int64_t transcribe(const dg_source *source, const dg_dialect *d, const dg_layout *layout,
                   int64_t begin, int64_t end, int64_t lines_before, dg_text *out)
{
    dg_err err;
    dg_records *r;
    dg_record x;
    dg_status st = dg_records_open(source, d, layout, NULL, (dg_bytes){begin, end, 0}, &r, &err);
    if (st != DG_OK) {
        dg_text_add(out, "%s\n", err.text);
        return 0;
    }
    while ((st = dg_records_next(r, &x, &err)) == DG_OK && x.outcome != DG_OUTCOME_END) {
        ck_assert(x.line > 0 && x.line <= dg_records_lines(r));
        if (x.outcome == DG_OUTCOME_RECORD) {
            add_record(&x, out);
            continue;
        }
        ck_assert_int_eq(x.line, x.reject->line);
        dg_text_add(out, "! %lld", (long long)(x.line + lines_before));
        if (x.reject->column > 0) dg_text_add(out, ":%d", x.reject->column);
        dg_text_add(out, " %s\n", x.reject->reason);
    }
    if (st != DG_OK) dg_text_add(out, "%s\n", err.text);
    const int64_t lines = dg_records_lines(r);
    dg_records_close(&r);
    return lines;
}

char *transcript_of(const void *bytes, size_t n, const dg_dialect *d, const char *columns)
{
    char names[200], *rest = names;
    const char *column[DG_N_ROLES] = {0};
    snprintf(names, sizeof names, "%s", columns);
    for (int role = 0; role < DG_N_ROLES && rest != NULL; role++) {
        column[role] = strsep(&rest, " ");
        if (strcmp(column[role], "-") == 0) column[role] = NULL;
    }
    made_file f;
    dg_layout layout;
    dg_err err;
    dg_text out = {0};
    make_file(&f, bytes, n, DG_CODEC_PLAIN);
    if (dg_layout_read(&f.source, d, column, NULL, &layout, &err) != DG_OK)
        dg_text_add(&out, "%s", err.text + strlen(f.path)); /* which file is no news */
    else
        dg_text_add(&out, "= %lld",
                    (long long)transcribe(&f.source, d, &layout, 0, f.source.size, 0, &out));
    drop_file(&f);
    ck_assert(!out.failed);
    return out.at;
}
