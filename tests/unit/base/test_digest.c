#include "base/digest.h"

#include "unit_main.h"

/* Origin of the numbers: xxhsum -H2 and -H3 of xxHash 0.8; b2sum -l 256 of coreutils. */
START_TEST(known_answers)
{
    char hex[DG_HEX_SIZE];
    dg_digest d = dg_digest_of("", 0);
    ck_assert(d.high == 0x99aa06d3014798d8 && d.low == 0x6001c324468d497f);
    d = dg_digest_of("abc", 3);
    ck_assert(d.high == 0x06b05ab6733a6185 && d.low == 0x78af5f94892f3950);
    ck_assert(dg_hash64("", 0, 0) == 0x2d06800538d394c2);
    ck_assert(dg_hash64("abc", 3, 0) == 0x78af5f94892f3950);
    dg_digest_hex("", 0, hex);
    ck_assert_str_eq(hex, "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
    dg_digest_hex("abc", 3, hex);
    ck_assert_str_eq(hex, "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
}
END_TEST

START_TEST(every_bit_counts)
{
    unsigned char bytes[300] = {0};
    const dg_digest zero = dg_digest_of(bytes, sizeof bytes);
    for (size_t bit = 0; bit < 8 * sizeof bytes; bit++) {
        bytes[bit / 8] = (unsigned char)(1 << bit % 8);
        const dg_digest d = dg_digest_of(bytes, sizeof bytes);
        ck_assert(d.low != zero.low && d.high != zero.high);
        bytes[bit / 8] = 0;
    }
}
END_TEST

START_TEST(pieces_have_the_digest_of_the_whole)
{
    static unsigned char bytes[3000];
    static const size_t pieces[] = {1, 64, 255, 1000, 3000};
    for (size_t k = 0; k < sizeof bytes; k++) bytes[k] = (unsigned char)(k * 37 + k / 256);
    for (size_t n = 0; n <= sizeof bytes; n += 250)
        for (size_t p = 0; p < sizeof pieces / sizeof *pieces; p++) {
            dg_digest_stream s;
            dg_digest_begin(&s);
            for (size_t at = 0; at < n; at += pieces[p])
                dg_digest_add(&s, bytes + at, n - at < pieces[p] ? n - at : pieces[p]);
            const dg_digest whole = dg_digest_of(bytes, n), got = dg_digest_end(&s);
            ck_assert(got.low == whole.low && got.high == whole.high);
        }
}
END_TEST

START_TEST(seeds_separate_purposes)
{
    ck_assert(dg_hash64("user", 4, 1) != dg_hash64("user", 4, 2));
}
END_TEST

UNIT_MAIN("digest", pieces_have_the_digest_of_the_whole, known_answers, every_bit_counts,
          seeds_separate_purposes)
