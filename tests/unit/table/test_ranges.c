/* However a file is cut into ranges, its records, rejects and lines are those of the whole. */
#include "base/memory.h"
#include "base/rng.h"
#include "made_file.h"
#include "unit_main.h"

#include <string.h>

/* Lines good and bad, long and short, blank ones, either line end; no quotes, which have a
 * test of their own. */
static void add_random_lines(dg_text *t, dg_rng *r, const char *separator)
{
    static const char *const fields[] = {"1",  "22",  "é", "x y",  "4.5",
                                         "-3", "nan", "",  "\xff", "1e5"};
    const int n = (int)dg_rng_below(r, 12);
    for (int line = 0; line < n; line++) {
        const uint32_t n_fields = dg_rng_below(r, 5) == 0 ? dg_rng_below(r, 6) : 3;
        for (uint32_t k = 0; k < n_fields; k++)
            dg_text_add(t, "%s%s", k == 0 ? "" : separator,
                        fields[dg_rng_below(r, sizeof fields / sizeof *fields)]);
        if (line + 1 < n || dg_rng_below(r, 3) > 0)
            dg_text_add(t, "%s", dg_rng_below(r, 3) == 0 ? "\r\n" : "\n");
    }
}

static void assert_ranges_make_the_whole(const dg_source *source, const dg_dialect *d,
                                         const dg_layout *layout, const int64_t *cut, int n_cuts)
{
    dg_text whole = {0}, parts = {0};
    const int64_t lines = transcribe(source, d, layout, 0, source->size, 0, &whole);
    int64_t counted = 0, begin = 0;
    for (int k = 0; k <= n_cuts; k++) {
        const int64_t end = k < n_cuts ? cut[k] : source->size;
        counted += transcribe(source, d, layout, begin, end, counted, &parts);
        begin = end;
    }
    ck_assert_int_eq(counted, lines);
    if (whole.n > 0) ck_assert_str_eq(parts.at, whole.at);
    ck_assert_uint_eq(parts.n, whole.n);
    dg_text_free(&whole);
    dg_text_free(&parts);
}

static void make_random_file(dg_rng *r, made_file *f, dg_dialect *d, dg_layout *layout)
{
    static const char *const separators[] = {",", "::", " ", "\t"};
    const char *const columns[DG_N_ROLES] = {"1", "2", "3"};
    dg_text t = {0};
    dg_err err = {0};
    *d = dg_dialect_default();
    strcpy(d->separator, separators[dg_rng_below(r, 4)]);
    d->format = dg_rng_below(r, 4) == 0 ? DG_FORMAT_LISTS : DG_FORMAT_CSV;
    d->header = dg_rng_below(r, 2) == 0;
    d->encoding = dg_rng_below(r, 2) == 0 ? DG_ENCODING_UTF8 : DG_ENCODING_LATIN1;
    if (dg_rng_below(r, 4) == 0) dg_text_add(&t, "\xef\xbb\xbf");
    if (dg_rng_below(r, 4) == 0) dg_text_add(&t, "\r\n\n");
    dg_text_add(&t, "a%sb%s3\n", d->separator, d->separator);
    add_random_lines(&t, r, d->separator);
    make_file(f, t.at, t.n, DG_CODEC_PLAIN);
    dg_text_free(&t);
    ck_assert_msg(dg_layout_read(&f->source, d, columns, NULL, layout, &err) == DG_OK, "%s",
                  err.text);
}

START_TEST(every_cut_in_two)
{
    dg_rng r = dg_rng_at(1, DG_RNG_TEST, 0);
    for (int round = 0; round < 60; round++) {
        made_file f;
        dg_dialect d;
        dg_layout layout;
        make_random_file(&r, &f, &d, &layout);
        for (int64_t cut = 0; cut <= f.source.size; cut++)
            assert_ranges_make_the_whole(&f.source, &d, &layout, &cut, 1);
        drop_file(&f);
    }
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

START_TEST(many_cuts_some_ranges_without_a_line)
{
    dg_rng r = dg_rng_at(2, DG_RNG_TEST, 0);
    for (int round = 0; round < 60; round++) {
        made_file f;
        dg_dialect d;
        dg_layout layout;
        int64_t cut[40];
        make_random_file(&r, &f, &d, &layout);
        for (int64_t k = 0; k < 40; k++) cut[k] = f.source.size * k / 40;
        assert_ranges_make_the_whole(&f.source, &d, &layout, cut, 40);
        drop_file(&f);
    }
}
END_TEST

/* Lines of all lengths up to a few buffers' worth, so that every refill meets every part of one. */
START_TEST(cuts_in_a_file_of_several_windows)
{
    dg_rng r = dg_rng_at(3, DG_RNG_TEST, 0);
    dg_text t = {0};
    static char filler[100000];
    memset(filler, 'x', sizeof filler);
    while (t.n < 7 << 20) {
        dg_text_add(&t, "%u,%u,%u,", dg_rng_below(&r, 1000), dg_rng_below(&r, 1000),
                    dg_rng_below(&r, 6));
        dg_text_bytes(&t, filler, dg_rng_below(&r, 4) == 0 ? dg_rng_below(&r, sizeof filler) : 3);
        dg_text_add(&t, "%s", dg_rng_below(&r, 2) == 0 ? "\r\n" : "\n");
    }
    made_file f;
    dg_layout layout;
    dg_err err;
    dg_dialect d = dg_dialect_default();
    const char *const columns[DG_N_ROLES] = {"1", "2", "3"};
    d.header = false;
    make_file(&f, t.at, t.n, DG_CODEC_PLAIN);
    ck_assert_int_eq(dg_layout_read(&f.source, &d, columns, NULL, &layout, &err), DG_OK);
    for (int round = 0; round < 10; round++) {
        int64_t cut[3] = {dg_rng_below(&r, 2 << 20)};
        cut[1] = cut[0] + dg_rng_below(&r, 2 << 20);
        cut[2] = cut[1] + dg_rng_below(&r, 2 << 20);
        assert_ranges_make_the_whole(&f.source, &d, &layout, cut, 3);
    }
    drop_file(&f);
    dg_text_free(&t);
}
END_TEST

/* Records and rejects of one range, its start known or not; where it began and where it ended. */
static dg_bytes read_from(const dg_source *source, const dg_layout *layout, dg_bytes at,
                          dg_text *out)
{
    const dg_dialect d = dg_dialect_default();
    dg_err err;
    dg_records *r;
    dg_record x;
    ck_assert_int_eq(dg_records_open(source, &d, layout, NULL, at, &r, &err), DG_OK);
    while (dg_records_next(r, &x, &err) == DG_OK && x.outcome != DG_OUTCOME_END) {
        dg_text_add(out, "%lld ", (long long)x.position);
        if (x.outcome == DG_OUTCOME_REJECT)
            dg_text_add(out, "! %s\n", x.reject->reason);
        else
            dg_text_add(out, "%.*s|%.*s\n", (int)x.user.n, x.user.at, (int)x.item.n, x.item.at);
    }
    const dg_bytes met = {dg_records_first(r), dg_records_end(r), 0};
    dg_records_close(&r);
    return met;
}

/* Quoted fields with line ends, separators and quotes in them, some of them broken. */
static void add_quoted_lines(dg_text *t, dg_rng *r)
{
    static const char *const parts[] = {"a", "\n", "\r\n", ",", "\"\"", "b\nc", "\n\"\",", "é"};
    dg_text_add(t, "u,i\n");
    for (uint32_t line = dg_rng_below(r, 14); line > 0; line--) {
        dg_text_add(t, "%u,\"", dg_rng_below(r, 30));
        for (uint32_t k = dg_rng_below(r, 6); k > 0; k--)
            dg_text_add(t, "%s", parts[dg_rng_below(r, 8)]);
        dg_text_add(t, "x%s\n", dg_rng_below(r, 9) == 0 ? "" : "\"");
    }
}

START_TEST(ends_tell_which_starts_were_wrong_until_all_are_right)
{
    enum { RANGES = 7 };
    const char *const columns[DG_N_ROLES] = {"1", "2"};
    int64_t repaired = 0;
    for (uint64_t round = 0; round < 1500; round++) {
        dg_rng r = dg_rng_at(4, DG_RNG_TEST, round);
        const dg_dialect d = dg_dialect_default();
        dg_text t = {0}, whole = {0}, parts = {0};
        dg_bytes met[RANGES];
        dg_layout layout;
        made_file f;
        dg_err err;
        add_quoted_lines(&t, &r);
        make_file(&f, t.at, t.n, DG_CODEC_PLAIN);
        ck_assert_int_eq(dg_layout_read(&f.source, &d, columns, NULL, &layout, &err), DG_OK);
        read_from(&f.source, &layout, (dg_bytes){0, f.source.size, 0}, &whole);
        for (int k = 0; k < RANGES; k++) {
            const int64_t begin = f.source.size * k / RANGES;
            const int64_t end = f.source.size * (k + 1) / RANGES;
            dg_text range = {0};
            met[k] = read_from(&f.source, &layout, (dg_bytes){begin, end, 0}, &range);
            if (k > 0 && met[k].begin != met[k - 1].end) {
                repaired++;
                range.n = 0;
                met[k] =
                    read_from(&f.source, &layout, (dg_bytes){begin, end, met[k - 1].end}, &range);
            }
            dg_text_bytes(&parts, range.at, range.n);
            dg_text_free(&range);
        }
        ck_assert_uint_eq(parts.n, whole.n);
        if (whole.n > 0) ck_assert_mem_eq(parts.at, whole.at, whole.n);
        dg_text_free(&whole);
        dg_text_free(&parts);
        dg_text_free(&t);
        drop_file(&f);
    }
    ck_assert_int_gt(repaired, 1000);
}
END_TEST

START_TEST(a_compressed_file_belongs_to_the_range_of_byte_0)
{
    made_file f;
    dg_text packed = {0}, first = {0}, other = {0};
    dg_layout layout;
    dg_err err;
    const dg_dialect d = dg_dialect_default();
    const char *const columns[DG_N_ROLES] = {"u", "i"};
    compress_to(&packed, DG_CODEC_GZIP, "\xef\xbb\xbfu,i\n1,2\n3,4\n", 15);
    make_file(&f, packed.at, packed.n, DG_CODEC_GZIP);
    ck_assert_int_eq(dg_layout_read(&f.source, &d, columns, NULL, &layout, &err), DG_OK);
    ck_assert_int_eq(layout.data_begin, 7);
    ck_assert_int_eq(transcribe(&f.source, &d, &layout, 0, 1, 0, &first), 3);
    ck_assert_str_eq(first.at, "1,2,1,0 @7\n3,4,1,0 @11\n");
    ck_assert_int_eq(transcribe(&f.source, &d, &layout, 1, f.source.size, 0, &other), 0);
    ck_assert_int_eq(transcribe(&f.source, &d, &layout, 0, 0, 0, &other), 0);
    ck_assert_uint_eq(other.n, 0);
    dg_text_free(&packed);
    dg_text_free(&first);
    drop_file(&f);
}
END_TEST

UNIT_MAIN("ranges", every_cut_in_two, many_cuts_some_ranges_without_a_line,
          cuts_in_a_file_of_several_windows, ends_tell_which_starts_were_wrong_until_all_are_right,
          a_compressed_file_belongs_to_the_range_of_byte_0)
