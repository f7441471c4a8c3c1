#include "table/members.h"

#include "base/memory.h"
#include "base/rng.h"
#include "made_file.h"
#include "packed.h"
#include "table/stream.h"
#include "unit_main.h"

#include <stdlib.h>
#include <string.h>

enum { PART = 100, PARTS = 12 };

static dg_text make_content(void)
{
    dg_text content = {0};
    dg_rng r = dg_rng_at(3, DG_RNG_TEST, 0);
    while (content.n < PART * PARTS - 30)
        dg_text_add(&content, "%u,%u,%u\n", dg_rng_below(&r, 1000), dg_rng_below(&r, 500),
                    dg_rng_below(&r, 6));
    return content;
}

static void find_members(made_file *f, const char *bytes, size_t n, bool gzip)
{
    dg_err err;
    make_file(f, bytes, n, gzip ? DG_CODEC_GZIP : DG_CODEC_ZSTD);
    ck_assert_int_eq(dg_members_find(f->fd, f->source.size, gzip, &f->source.members, &err), DG_OK);
}

static void drop(made_file *f)
{
    dg_members_free(&f->source.members);
    drop_file(f);
}

/* Bytes [begin, end) of the content, or up to its end. */
static dg_status read_part(const dg_source *s, int64_t begin, int64_t end, dg_text *out,
                           dg_err *err)
{
    dg_stream *stream;
    char bytes[64];
    dg_status st = dg_stream_open(s, begin, &stream, err);
    for (size_t n = 1; st == DG_OK && n > 0 && begin < end; begin += (int64_t)n) {
        const size_t want = end - begin < 64 ? (size_t)(end - begin) : 64;
        st = dg_stream_read(stream, bytes, want, &n, err);
        if (st == DG_OK) dg_text_bytes(out, bytes, n);
    }
    dg_stream_close(&stream);
    return st;
}

START_TEST(a_file_in_parts_is_entered_anywhere)
{
    dg_text content = make_content();
    for (int how = 0; how < N_PACKINGS; how++) {
        made_file f;
        dg_text packed = {0};
        dg_err err;
        pack_parts(&packed, (packing)how, content.at, content.n, PART);
        find_members(&f, packed.at, packed.n, how == PACKED_BGZF);
        dg_text_free(&packed);
        ck_assert_int_eq(f.source.members.n, PARTS);
        ck_assert_int_eq(dg_source_content(&f.source), (int64_t)content.n);
        for (size_t begin = 0; begin <= content.n; begin++) {
            dg_text got = {0};
            ck_assert_int_eq(read_part(&f.source, (int64_t)begin, INT64_MAX, &got, &err), DG_OK);
            ck_assert_uint_eq(got.n, content.n - begin);
            ck_assert(got.n == 0 || memcmp(got.at, content.at + begin, got.n) == 0);
            dg_text_free(&got);
        }
        drop(&f);
    }
    dg_text_free(&content);
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

START_TEST(others_are_read_from_their_first_byte)
{
    dg_text content = make_content();
    for (int kind = 0; kind < 4; kind++) { /* one part, or several that do not say their size */
        made_file f;
        dg_text packed = {0};
        const bool gzip = kind < 2;
        for (int k = 0; k < 1 + kind % 2; k++)
            if (kind < 3)
                compress_to(&packed, gzip ? DG_CODEC_GZIP : DG_CODEC_ZSTD, content.at, content.n);
            else
                pack_parts(&packed, PACKED_SEEKABLE, content.at, content.n, PART);
        find_members(&f, packed.at, packed.n - (kind == 3), gzip); /* without its table's end */
        ck_assert_int_eq(f.source.members.n, 0);
        ck_assert_int_eq(dg_source_content(&f.source), -1);
        drop(&f);
        dg_text_free(&packed);
    }
    dg_text_free(&content);
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

START_TEST(more_members_than_are_kept_are_entered_by_every_second)
{
    made_file f;
    dg_text bytes = {0}, packed = {0}, got = {0};
    dg_err err;
    const int n = DG_MEMBERS_MAX + 3;
    for (int k = 0; k < n; k++) dg_text_add(&bytes, "%05d\n", k);
    pack_parts(&packed, PACKED_BGZF, bytes.at, bytes.n, 6);
    find_members(&f, packed.at, packed.n, true);
    ck_assert_int_eq(f.source.members.n, n / 2 + 1);
    for (int64_t k = 1; k < f.source.members.n; k++)
        ck_assert_int_eq(f.source.members.at[k].content, 12 * k);
    ck_assert_int_eq(read_part(&f.source, 6 * (n - 2), INT64_MAX, &got, &err), DG_OK);
    ck_assert_uint_eq(got.n, 12);
    ck_assert_int_eq(memcmp(got.at, bytes.at + 6 * (n - 2), got.n), 0);
    drop(&f);
    dg_text_free(&bytes);
    dg_text_free(&packed);
    dg_text_free(&got);
}
END_TEST

/* What ranks do: every piece by itself, up to where the next is entered and a byte more. Where all
 * of them are read, they are what reading from the first byte finds; otherwise nobody is told so.
 */
static bool pieces_are_the_whole(dg_source *s)
{
    dg_err err;
    dg_text whole = {0};
    dg_source plain = *s;
    plain.members = (dg_members){0};
    const dg_status st = read_part(&plain, 0, INT64_MAX, &whole, &err);
    bool right = true, all = true;
    for (int64_t k = 0; k < s->members.n; k++) {
        dg_text piece = {0};
        const int64_t begin = s->members.at[k].content;
        const int64_t end = k + 1 < s->members.n ? s->members.at[k + 1].content + 1 : INT64_MAX;
        if (read_part(s, begin, end, &piece, &err) != DG_OK)
            all = false;
        else if (st == DG_OK)
            right &= begin + (int64_t)piece.n <= (int64_t)whole.n &&
                     memcmp(piece.at, whole.at + begin, piece.n) == 0;
        dg_text_free(&piece);
    }
    dg_text_free(&whole);
    return s->members.n == 0 || !all || (st == DG_OK && right);
}

/* All pieces, or an error that is a sentence. */
static dg_status read_pieces(const dg_source *s, dg_err *err)
{
    dg_status st = DG_OK;
    for (int64_t k = 0; k < s->members.n && st == DG_OK; k++) {
        dg_text piece = {0};
        st = read_part(s, s->members.at[k].content,
                       k + 1 < s->members.n ? s->members.at[k + 1].content + 1 : INT64_MAX, &piece,
                       err);
        dg_text_free(&piece);
    }
    return st;
}

START_TEST(sizes_that_are_not_true_are_refused)
{
    dg_text content = make_content();
    dg_text packed = {0};
    made_file f;
    dg_err err;
    pack_parts(&packed, PACKED_SEEKABLE, content.at, content.n, PART);
    char *table = packed.at + packed.n - 9 - 8 * PARTS;
    table[4 + 8 * 5] += 1; /* the content of a frame, */
    table[4 + 8 * 6] -= 1; /* so that all is as long as before */
    find_members(&f, packed.at, packed.n, false);
    ck_assert_int_eq(f.source.members.n, PARTS);
    ck_assert_int_eq(read_pieces(&f.source, &err), DG_ERR_DATA);
    ck_assert_ptr_nonnull(strstr(err.text, "it unpacks to another size than its headers say"));
    drop(&f);
    table[4 + 8 * 6] += 1; /* now it is longer */
    find_members(&f, packed.at, packed.n, false);
    ck_assert_int_eq(read_pieces(&f.source, &err), DG_ERR_DATA);
    drop(&f);
    table[4 + 8 * 5] -= 1;
    memcpy(table + 4 + 8 * 5, "\xff\xff\xff\xff", 4); /* and more than it can hold: no table */
    find_members(&f, packed.at, packed.n, false);
    ck_assert_int_eq(f.source.members.n, 0);
    drop(&f);
    dg_text_free(&packed);
    dg_text_free(&content);
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

START_TEST(cut_anywhere_nothing_wrong_is_read)
{
    dg_text content = make_content();
    for (int how = 0; how < N_PACKINGS; how++) {
        dg_text packed = {0};
        pack_parts(&packed, (packing)how, content.at, content.n, PART);
        for (size_t n = packed.n - 1; n > 0; n--) {
            made_file f;
            find_members(&f, packed.at, n, how == PACKED_BGZF);
            ck_assert_msg(pieces_are_the_whole(&f.source), "cut to %zu", n);
            drop(&f);
        }
        dg_text_free(&packed);
    }
    dg_text_free(&content);
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

START_TEST(damaged_anywhere_nothing_wrong_is_read)
{
    dg_text content = make_content();
    dg_rng r = dg_rng_at(4, DG_RNG_TEST, 0);
    int entered = 0;
    for (int round = 0; round < 3000; round++) {
        const packing how = (packing)(round % N_PACKINGS);
        made_file f;
        dg_text packed = {0};
        pack_parts(&packed, how, content.at, content.n, PART);
        /* Half of them near the end, where tables are. */
        const uint32_t reach = round % 2 ? 110 : (uint32_t)packed.n;
        for (uint32_t k = 0; k <= dg_rng_below(&r, 2); k++)
            packed.at[packed.n - 1 - dg_rng_below(&r, reach)] ^= (char)(1 << dg_rng_below(&r, 8));
        find_members(&f, packed.at, packed.n, how == PACKED_BGZF);
        entered += f.source.members.n > 0;
        ck_assert_msg(pieces_are_the_whole(&f.source), "round %d", round);
        drop(&f);
        dg_text_free(&packed);
    }
    ck_assert_int_gt(entered, 500); /* damage that headers do not show */
    dg_text_free(&content);
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

UNIT_MAIN("members", a_file_in_parts_is_entered_anywhere, others_are_read_from_their_first_byte,
          more_members_than_are_kept_are_entered_by_every_second,
          sizes_that_are_not_true_are_refused, cut_anywhere_nothing_wrong_is_read,
          damaged_anywhere_nothing_wrong_is_read)
