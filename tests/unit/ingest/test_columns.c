/* What columns seem to hold. Card numbers are the published test numbers of payment processors,
 * names and numbers those set aside for examples (RFC 2606, RFC 5737, Ofcom's drama numbers). */
#include "ingest/columns.h"

#include "base/memory.h"
#include "base/rng.h"
#include "base/text.h"
#include "unit_main.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static dg_err err;
static dg_columns found;

static dg_looks looks(const char *text) { return dg_looks_of((dg_slice){text, strlen(text)}); }

START_TEST(values_look_like_what_they_are)
{
    ck_assert_int_eq(looks("ann@example.com"), DG_LOOKS_MAIL);
    ck_assert_int_eq(looks("a@b"), DG_LOOKS_TEXT);
    ck_assert_int_eq(looks("to ann@example.com"), DG_LOOKS_TEXT);
    ck_assert_int_eq(looks("4111 1111 1111 1111"), DG_LOOKS_CARD);
    ck_assert_int_eq(looks("378282246310005"), DG_LOOKS_CARD);
    ck_assert_int_eq(looks("4111111111111112"), DG_LOOKS_NUMBER);
    ck_assert_int_eq(looks("+44 20 7946 0000"), DG_LOOKS_PHONE);
    ck_assert_int_eq(looks("(020) 7946-0000"), DG_LOOKS_PHONE);
    ck_assert_int_eq(looks("13800138000"), DG_LOOKS_PHONE);
    ck_assert_int_eq(looks("1117904823"), DG_LOOKS_NUMBER);
    ck_assert_int_eq(looks("-1.5e3"), DG_LOOKS_NUMBER);
    ck_assert_int_eq(looks("192.0.2.7"), DG_LOOKS_ADDRESS);
    ck_assert_int_eq(looks("192.0.2.700"), DG_LOOKS_TEXT);
    ck_assert_int_eq(looks("2010-12-01 08:26:00"), DG_LOOKS_TIME);
    ck_assert_int_eq(looks("WHITE METAL LANTERN"), DG_LOOKS_TEXT);
    ck_assert_int_eq(looks(""), DG_LOOKS_TEXT);
}
END_TEST

static dg_dialect csv(bool header)
{
    dg_dialect d = dg_dialect_default();
    d.header = header;
    return d;
}

/* The columns of a file of these bytes. */
static dg_status look_with(dg_dialect d, const void *bytes, size_t n)
{
    static const char *const role[DG_N_ROLES] = {"who.mail", "what", NULL, "at"};
    char path[] = "/tmp/daogou-columns-XXXXXX";
    const int fd = mkstemp(path);
    ck_assert(fd >= 0 && write(fd, bytes, n) == (ssize_t)n && close(fd) == 0);
    const dg_source source = {.path = path, .size = (int64_t)n};
    const dg_status st = dg_columns_look(&source, &d, role, &found, &err);
    unlink(path);
    return st;
}

static dg_status look_at(const void *bytes, size_t n, bool header)
{
    return look_with(csv(header), bytes, n);
}

START_TEST(paths_of_objects_are_columns)
{
    dg_text t = {0};
    dg_dialect d = csv(false);
    d.format = DG_FORMAT_JSONL;
    for (int k = 0; k < 120; k++)
        dg_text_add(&t, "{\"who\":{\"mail\":\"u%d@example.com\"},\"what\":%d,\"note\":[%d]}\n",
                    k % 9, k % 5, k);
    dg_text_add(&t, "no object\n");
    ck_assert_int_eq(look_with(d, t.at, t.n), DG_OK);
    ck_assert(found.n == 3 && found.rows == 120);
    ck_assert_str_eq(found.at[0].name, "who.mail");
    ck_assert(found.at[0].looks == DG_LOOKS_MAIL && found.at[0].distinct == 9);
    ck_assert(found.at[1].looks == DG_LOOKS_NUMBER && found.at[1].distinct == 5);
    ck_assert(found.at[2].empty == 120);
    dg_text_free(&t);
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

START_TEST(odd_columns_are_told)
{
    dg_text t = {0};
    dg_text_add(&t, "id,shop,mail,note,2\n");
    for (int k = 0; k < 200; k++)
        dg_text_add(&t, "%d,main,u%d@example.com,%s,%d\n", k, k % 9, k % 3 == 0 ? "gift" : "",
                    k % 5);
    dg_text_add(&t, "ragged,row\n");
    ck_assert_int_eq(look_at(t.at, t.n, true), DG_OK);
    ck_assert(found.n == 5 && found.rows == 200);
    ck_assert(found.at[0].unique && !found.at[0].constant && found.at[0].distinct == 200);
    ck_assert(found.at[1].constant && found.at[1].looks == DG_LOOKS_TEXT);
    ck_assert(found.at[2].looks == DG_LOOKS_MAIL && found.at[2].distinct == 9);
    ck_assert(found.at[3].empty == 133 && found.at[3].distinct == 2);
    ck_assert_str_eq(found.at[4].name, "2");
    ck_assert(found.at[4].looks == DG_LOOKS_NUMBER && found.at[4].distinct == 5);
    dg_text_free(&t);
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

START_TEST(any_bytes_are_looked_at_without_harm)
{
    static const char made[] =
        "u,i,\"v\n1,2,3\n4,\"5\n6\",7\n\xe5\xaf\xbc,b,a@b.c\n+1 (2),.,1.2.3.4\n";
    for (uint64_t round = 0; round < 3000; round++) {
        char text[sizeof made];
        dg_rng r = dg_rng_at(9, DG_RNG_TEST, round);
        const size_t n = 1 + dg_rng_below(&r, sizeof made - 2);
        memcpy(text, made, sizeof made);
        for (uint32_t k = dg_rng_below(&r, 6); k > 0; k--)
            text[dg_rng_below(&r, (uint32_t)n)] = (char)dg_rng_u32(&r);
        for (size_t k = 0; k < n; k++) (void)dg_looks_of((dg_slice){text + k, n - k});
        if (round % 10 == 0) (void)look_at(text, n, round % 20 == 0);
        ck_assert_uint_eq(dg_alloc_live(), 0);
    }
}
END_TEST

UNIT_MAIN("columns", values_look_like_what_they_are, odd_columns_are_told,
          paths_of_objects_are_columns, any_bytes_are_looked_at_without_harm)
