#include "table/stream.h"

#include "base/fault.h"
#include "base/memory.h"
#include "base/rng.h"
#include "made_file.h"
#include "unit_main.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const dg_codec codecs[] = {DG_CODEC_PLAIN, DG_CODEC_GZIP, DG_CODEC_ZSTD};

/* Lines as logs have them: compressible, but not to nothing. */
static void add_lines(dg_text *t, uint64_t seed, int n)
{
    dg_rng r = dg_rng_at(seed, DG_RNG_TEST, 0);
    for (int k = 0; k < n; k++)
        dg_text_add(t, "%u,%u,%u\n", dg_rng_below(&r, 1000), dg_rng_below(&r, 500),
                    dg_rng_below(&r, 6));
}

/* All of a stream, `piece` bytes at a time. */
static dg_status read_all(const dg_source *source, size_t piece, dg_text *out, dg_err *err)
{
    dg_stream *s;
    dg_status st = dg_stream_open(source, 0, &s, err);
    char *bytes = malloc(piece);
    for (size_t n = piece; n == piece && st == DG_OK;) {
        st = dg_stream_read(s, bytes, piece, &n, err);
        if (st == DG_OK) dg_text_bytes(out, bytes, n);
    }
    size_t n = 1;
    if (st == DG_OK && dg_stream_read(s, bytes, piece, &n, err) == DG_OK) ck_assert_uint_eq(n, 0);
    free(bytes);
    dg_stream_close(&s);
    dg_stream_close(&s);
    return st;
}

static void assert_content(const dg_text *packed, dg_codec codec, size_t piece,
                           const dg_text *expect)
{
    made_file f;
    dg_text got = {0};
    dg_err err = {0};
    make_file(&f, packed->at, packed->n, codec);
    ck_assert_msg(read_all(&f.source, piece, &got, &err) == DG_OK, "%s", err.text);
    ck_assert_uint_eq(got.n, expect->n);
    ck_assert_int_eq(memcmp(got.at, expect->at, got.n), 0);
    dg_text_free(&got);
    drop_file(&f);
}

START_TEST(content_is_the_same_in_any_codec_and_piece)
{
    dg_text content = {0};
    add_lines(&content, 1, 100000);
    for (int k = 0; k < 3; k++) {
        dg_text packed = {0};
        if (codecs[k] == DG_CODEC_PLAIN)
            dg_text_bytes(&packed, content.at, content.n);
        else
            compress_to(&packed, codecs[k], content.at, content.n);
        const size_t pieces[] = {977, 65536, content.n, content.n + 1, 4 << 20};
        for (size_t p = 0; p < 5; p++) assert_content(&packed, codecs[k], pieces[p], &content);
        dg_text_free(&packed);
    }
    dg_text_free(&content);
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

START_TEST(members_and_frames_follow_each_other)
{
    for (int k = 1; k < 3; k++) {
        dg_text content = {0}, packed = {0};
        for (int member = 0; member < 5; member++) {
            dg_text part = {0};
            add_lines(&part, (uint64_t)member, member == 2 ? 0 : 1000);
            dg_text_bytes(&content, part.at, part.n);
            compress_to(&packed, codecs[k], part.n > 0 ? part.at : "", part.n);
            dg_text_free(&part);
        }
        if (codecs[k] == DG_CODEC_GZIP) dg_text_bytes(&packed, "\0\0\0\0\0\0\0", 7); /* padding */
        assert_content(&packed, codecs[k], 1, &content);
        assert_content(&packed, codecs[k], 1 << 20, &content);
        dg_text_free(&content);
        dg_text_free(&packed);
    }
}
END_TEST

START_TEST(a_plain_file_is_entered_anywhere)
{
    made_file f;
    dg_stream *s;
    dg_err err;
    char got[8];
    size_t n;
    make_file(&f, "0123456789", 10, DG_CODEC_PLAIN);
    for (int64_t begin = 0; begin <= 10; begin++) {
        ck_assert_int_eq(dg_stream_open(&f.source, begin, &s, &err), DG_OK);
        ck_assert_int_eq(dg_stream_read(s, got, sizeof got, &n, &err), DG_OK);
        ck_assert_uint_eq(n, begin < 2 ? 8 : (size_t)(10 - begin));
        ck_assert_int_eq(memcmp(got, "0123456789" + begin, n), 0);
        dg_stream_close(&s);
    }
    ck_assert_int_eq(dg_stream_open(&f.source, 11, &s, &err), DG_ERR_INTERNAL);
    ck_assert_ptr_null(s);
    f.source.codec = DG_CODEC_GZIP;
    ck_assert_int_eq(dg_stream_open(&f.source, 1, &s, &err), DG_ERR_INTERNAL);
    drop_file(&f);
}
END_TEST

START_TEST(cut_anywhere_is_bad_data)
{
    for (int k = 1; k < 3; k++) {
        made_file f;
        dg_text content = {0}, packed = {0};
        add_lines(&content, 7, 60);
        compress_to(&packed, codecs[k], content.at, content.n);
        make_file(&f, packed.at, packed.n, codecs[k]);
        for (size_t n = packed.n - 1; n > 0; n--) {
            dg_text got = {0};
            dg_err err = {0};
            cut_file(&f, n);
            ck_assert_msg(read_all(&f.source, 512, &got, &err) == DG_ERR_DATA, "cut to %zu", n);
            ck_assert_msg(strstr(err.text, "the file ends too early") != NULL, "%s", err.text);
            ck_assert_int_eq(strncmp(err.text, f.path, strlen(f.path)), 0);
            dg_text_free(&got);
        }
        drop_file(&f);
        dg_text_free(&content);
        dg_text_free(&packed);
    }
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

/* A flip in a header's date or name changes nothing; any other is noticed. */
START_TEST(damage_is_noticed_or_harmless)
{
    for (int k = 1; k < 3; k++) {
        dg_text content = {0}, packed = {0};
        int noticed = 0;
        add_lines(&content, 8, 60);
        compress_to(&packed, codecs[k], content.at, content.n);
        for (size_t bit = 0; bit < packed.n * 8; bit++) {
            made_file f;
            dg_text got = {0};
            dg_err err = {0};
            packed.at[bit / 8] ^= (char)(1 << bit % 8);
            make_file(&f, packed.at, packed.n, codecs[k]);
            const dg_status st = read_all(&f.source, 4096, &got, &err);
            ck_assert(st == DG_ERR_DATA || (st == DG_OK && got.n == content.n &&
                                            memcmp(got.at, content.at, got.n) == 0));
            noticed += st == DG_ERR_DATA;
            packed.at[bit / 8] ^= (char)(1 << bit % 8);
            drop_file(&f);
            dg_text_free(&got);
        }
        ck_assert_int_gt(noticed, (int)packed.n * 7);
        dg_text_free(&content);
        dg_text_free(&packed);
    }
}
END_TEST

START_TEST(garbage_behind_the_data_is_damage)
{
    for (int k = 1; k < 3; k++) {
        made_file f;
        dg_text packed = {0}, got = {0};
        dg_err err = {0};
        compress_to(&packed, codecs[k], "1,2\n", 4);
        dg_text_bytes(&packed, "garbage", 7);
        make_file(&f, packed.at, packed.n, codecs[k]);
        ck_assert_int_eq(read_all(&f.source, 4096, &got, &err), DG_ERR_DATA);
        ck_assert_ptr_nonnull(strstr(err.text, "damaged"));
        drop_file(&f);
        dg_text_free(&packed);
        dg_text_free(&got);
    }
}
END_TEST

START_TEST(a_file_that_shrinks_is_bad_data)
{
    made_file f;
    dg_text got = {0};
    dg_err err = {0};
    make_file(&f, "0123456789", 10, DG_CODEC_PLAIN);
    cut_file(&f, 5);
    f.source.size = 10;
    ck_assert_int_eq(read_all(&f.source, 4, &got, &err), DG_ERR_DATA);
    ck_assert_ptr_nonnull(strstr(err.text, "became shorter while it was read"));
    dg_text_free(&got);
    drop_file(&f);
}
END_TEST

/* Every allocation and every read fails once: the right code, nothing left behind. */
START_TEST(faults_are_reported_and_leave_nothing)
{
    static const struct {
        const char *spec;
        dg_status expect;
    } site[] = {{"alloc:0:%d", DG_ERR_NOMEM}, {"read:0:%d", DG_ERR_IO}};
    dg_text content = {0};
    add_lines(&content, 9, 100);
    for (int k = 0; k < 6; k++) {
        dg_text packed = {0};
        made_file f;
        const dg_codec codec = codecs[k / 2];
        if (codec == DG_CODEC_PLAIN)
            dg_text_bytes(&packed, content.at, content.n);
        else
            compress_to(&packed, codec, content.at, content.n);
        make_file(&f, packed.at, packed.n, codec);
        dg_text_free(&packed);
        const size_t live = dg_alloc_live();
        int failed = 0;
        for (int nth = 1;; nth++) {
            char spec[32], bytes[512];
            size_t n = 1;
            dg_stream *s;
            dg_err err = {0};
            snprintf(spec, sizeof spec, site[k % 2].spec, nth);
            setenv("DAOGOU_FAULT", spec, 1);
            dg_fault_reload();
            dg_status st = dg_stream_open(&f.source, 0, &s, &err);
            while (st == DG_OK && n > 0) st = dg_stream_read(s, bytes, sizeof bytes, &n, &err);
            dg_stream_close(&s);
            ck_assert_uint_eq(dg_alloc_live(), live);
            if (st == DG_OK) break;
            ck_assert_msg(st == site[k % 2].expect, "%s: %s", spec, err.text);
            failed++;
        }
        ck_assert_int_gt(failed, 0);
        unsetenv("DAOGOU_FAULT");
        dg_fault_reload();
        drop_file(&f);
    }
    dg_text_free(&content);
}
END_TEST

UNIT_MAIN("stream", content_is_the_same_in_any_codec_and_piece,
          members_and_frames_follow_each_other, a_plain_file_is_entered_anywhere,
          cut_anywhere_is_bad_data, damage_is_noticed_or_harmless,
          garbage_behind_the_data_is_damage, a_file_that_shrinks_is_bad_data,
          faults_are_reported_and_leave_nothing)
