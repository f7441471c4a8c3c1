/* MatrixMarket files: what is read, what is refused. The first is the standard's own example. */
#include "base/memory.h"
#include "base/rng.h"
#include "made_file.h"
#include "unit_main.h"

#include <string.h>

static dg_dialect mtx(void)
{
    dg_dialect d = dg_dialect_default();
    d.format = DG_FORMAT_MTX;
    d.header = false;
    strcpy(d.separator, " ");
    return d;
}

static void assert_reads(const char *text, const char *expected)
{
    const dg_dialect d = mtx();
    char *got = transcript_of(text, strlen(text), &d, "-");
    ck_assert_str_eq(got, expected);
    dg_free(got);
    ck_assert_uint_eq(dg_alloc_live(), 0);
}

START_TEST(coordinates_are_users_and_items)
{
    assert_reads("%%MatrixMarket matrix coordinate real general\n% a comment\n%\n"
                 "  5  5  2\n    1     1   1.000e+00\n    2     2   1.050e+01\n",
                 "1,1,1,0 @70\n2,2,10.5,0 @94\n= 6");
    assert_reads("%%MatrixMarket matrix coordinate PATTERN general\n2 2 1\n2 1\n",
                 "2,1,1,0 @55\n= 3");
    assert_reads("%%MatrixMarket matrix coordinate integer general\r\n2 2 2\r\n1 2 3\r\n1 2\r\n",
                 "1,2,3,0 @57\n! 4 2 columns where 3 are expected\n= 4");
}
END_TEST

START_TEST(other_files_are_refused_in_a_sentence)
{
    static const char other[] =
        ":1: only general coordinate matrices of real, integer or pattern are read";
    assert_reads("1 2 3\n", ":1: no MatrixMarket banner");
    assert_reads("%%MatrixMarket matrix array real general\n2 2\n", other);
    assert_reads("%%MatrixMarket matrix coordinate real symmetric\n2 2 1\n", other);
    assert_reads("%%MatrixMarket matrix coordinate complex general\n2 2 1\n", other);
    assert_reads("%%MatrixMarket matrix coordinate real general\n% only this\n",
                 ": it ends before a MatrixMarket file's sizes");
    assert_reads("%%MatrixMarket matrix coordinate real general\n1 2\n",
                 ":2: rows, columns and entries are expected");
    assert_reads("%%MatrixMarket matrix coordinate real general\n1 -2 3\n",
                 ":2: rows, columns and entries are expected");
}
END_TEST

START_TEST(mangled_and_truncated_files_do_no_harm)
{
    static const char made[] = "%%MatrixMarket matrix coordinate real general\n%c\n3 3 2\n1 2 3\n";
    const dg_dialect d = mtx();
    for (size_t n = 1; n < sizeof made; n++) dg_free(transcript_of(made, n, &d, "-"));
    for (uint64_t round = 0; round < 3000; round++) {
        char text[sizeof made];
        dg_rng r = dg_rng_at(6, DG_RNG_TEST, round);
        memcpy(text, made, sizeof made);
        for (uint32_t k = 1 + dg_rng_below(&r, 4); k > 0; k--)
            text[dg_rng_below(&r, sizeof made - 1)] = (char)dg_rng_u32(&r);
        dg_free(transcript_of(text, sizeof made - 1, &d, "-"));
    }
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

UNIT_MAIN("mtx", coordinates_are_users_and_items, other_files_are_refused_in_a_sentence,
          mangled_and_truncated_files_do_no_harm)
