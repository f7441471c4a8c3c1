/* The UTF-8 step against a checker that decodes first and asks questions later. */
#include "base/text.h"
#include "unit_main.h"

#include <string.h>

/* Slow and obvious: try each length, decode, and require that it is the shortest form. */
static size_t reference_step(const char *s, size_t n)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    static const unsigned mark[] = {0, 0, 0xc0, 0xe0, 0xf0}, kept[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    const unsigned char *u = (const unsigned char *)s;
    for (size_t length = 1; length <= 4 && length <= n; length++) {
        if ((u[0] & ~kept[length]) != mark[length]) continue;
        uint32_t code = u[0] & kept[length];
        for (size_t k = 1; k < length; k++) {
            if (u[k] >> 6 != 2) return 0;
            code = code << 6 | (u[k] & 0x3f);
        }
        if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return 0;
        return length;
    }
    return 0;
}

START_TEST(known_texts_are_judged_right)
{
    ck_assert(dg_utf8_valid("", 0));
    ck_assert(dg_utf8_valid("导购 näive \xf0\x9f\x9b\x92", strlen("导购 näive \xf0\x9f\x9b\x92")));
    ck_assert(dg_utf8_valid("a\0b", 3));
    ck_assert(!dg_utf8_valid("n\xe4ive", 5));         /* Latin-1 */
    ck_assert(!dg_utf8_valid("\xc0\xaf", 2));         /* overlong slash */
    ck_assert(!dg_utf8_valid("\xed\xa0\x80", 3));     /* surrogate */
    ck_assert(!dg_utf8_valid("\xe5\xaf", 2));         /* cut off */
    ck_assert(!dg_utf8_valid("\xf4\x90\x80\x80", 4)); /* above U+10FFFF */
}
END_TEST

START_TEST(every_start_agrees_with_the_reference)
{
    static const unsigned char tails[] = {0x00, 0x7f, 0x80, 0x8f, 0x90,
                                          0x9f, 0xa0, 0xbf, 0xc0, 0xff};
    for (int first = 0; first < 256; first++)
        for (size_t mix = 0; mix < 1000; mix++) {
            const char s[4] = {(char)first, (char)tails[mix % 10], (char)tails[mix / 10 % 10],
                               (char)tails[mix / 100]};
            for (size_t n = 0; n <= 4; n++) /* ck_assert is slow in loops */
                if (dg_utf8_step(s, n) != reference_step(s, n))
                    ck_abort_msg("first %zu bytes of %02x %02x %02x %02x", n, s[0] & 0xff,
                                 s[1] & 0xff, s[2] & 0xff, s[3] & 0xff);
        }
}
END_TEST

UNIT_MAIN("utf8", known_texts_are_judged_right, every_start_agrees_with_the_reference)
