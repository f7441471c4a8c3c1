/* Files of tokens, and headers judged by them. */
#include "base/file.h"
#include "base/memory.h"
#include "base/rng.h"
#include "scratch.h"
#include "serve/guard/tokens.h"
#include "unit_main.h"

#include <sys/stat.h>

static dg_err err;
static dg_text file;
static char token[3][DG_TOKEN_SIZE];

static void add(int k, const char *name, const char *roles, const char *expires)
{
    ck_assert_msg(dg_token_make(name, roles, expires, token[k], &file, &err) == DG_OK, "%s",
                  err.text);
    dg_text_add(&file, "\n");
}

static const char *header(int k)
{
    static char text[128];
    snprintf(text, sizeof text, "Bearer %s", token[k]);
    return text;
}

START_TEST(a_token_has_its_roles_until_it_expires)
{
    dg_tokens *t;
    dg_bearer who;
    dg_text_add(&file, "# who may ask\n\n");
    add(0, "web", "read,events", "never");
    add(1, "ops", "admin", "2027-01-31");
    ck_assert_msg(dg_tokens_parse("f", file.at, file.n, &t, &err) == DG_OK, "%s", err.text);
    ck_assert_int_eq(dg_tokens_count(t), 2);
    ck_assert_int_eq(dg_tokens_check(t, header(0), 1, &who), DG_TOKEN_GOOD);
    ck_assert_str_eq(who.name, "web");
    ck_assert_uint_eq(who.roles, DG_ROLE_READ | DG_ROLE_EVENTS);
    const int64_t end = 1801353600; /* date -u -d 2027-01-31 +%s */
    ck_assert_int_eq(dg_tokens_check(t, header(1), end - 1, &who), DG_TOKEN_GOOD);
    ck_assert_uint_eq(who.roles, DG_ROLE_READ | DG_ROLE_EVENTS | DG_ROLE_ADMIN);
    ck_assert_int_eq(dg_tokens_check(t, header(1), end, &who), DG_TOKEN_EXPIRED);
    dg_tokens_close(&t);
    dg_tokens_close(&t);
    dg_text_free(&file);
}
END_TEST

START_TEST(what_is_no_known_token_is_refused)
{
    dg_tokens *t;
    dg_bearer who;
    char text[4096] = "bearer ";
    add(0, "web", "read", "never");
    ck_assert_int_eq(dg_tokens_parse("f", file.at, file.n, &t, &err), DG_OK);
    ck_assert_int_eq(dg_tokens_check(t, NULL, 1, &who), DG_TOKEN_NONE);
    ck_assert_int_eq(dg_tokens_check(t, "", 1, &who), DG_TOKEN_NONE);
    ck_assert_int_eq(dg_tokens_check(t, "Basic dXNlcjpwYXNz", 1, &who), DG_TOKEN_NONE);
    ck_assert_int_eq(dg_tokens_check(t, "Bearer ", 1, &who), DG_TOKEN_WRONG);
    ck_assert_int_eq(dg_tokens_check(t, "Bearer dgt_", 1, &who), DG_TOKEN_WRONG);
    strcat(text, token[0]);
    ck_assert_int_eq(dg_tokens_check(t, text, 1, &who), DG_TOKEN_GOOD); /* any case: RFC 9110 */
    for (size_t k = strlen("bearer "); text[k] != '\0'; k++) {
        text[k] ^= 1;
        ck_assert_int_eq(dg_tokens_check(t, text, 1, &who), DG_TOKEN_WRONG);
        text[k] ^= 1;
    }
    strcat(text, "x");
    ck_assert_int_eq(dg_tokens_check(t, text, 1, &who), DG_TOKEN_WRONG);
    const char *hash = strrchr(file.at, ' ') + 1; /* the file's hash is no token */
    snprintf(text, sizeof text, "Bearer %.64s", hash);
    ck_assert_int_eq(dg_tokens_check(t, text, 1, &who), DG_TOKEN_WRONG);
    dg_tokens_close(&t);
    dg_text_free(&file);
}
END_TEST

START_TEST(a_bad_line_is_named)
{
#define H "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    static const struct {
        const char *text, *says;
    } cases[] = {{"web read never", "f:1: expected NAME"},
                 {"\nweb read never " H " more", "f:2: expected NAME"},
                 {"web! read never " H, "a name has"},
                 {"web write never " H, "roles are"},
                 {"web read, never " H, "roles are"},
                 {"web read soon " H, "a date or"},
                 {"web read never " H "0", "64 hexadecimal"},
                 {"web read never g123", "64 hexadecimal"}};
    dg_tokens *t;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        ck_assert_int_eq(dg_tokens_parse("f", cases[k].text, strlen(cases[k].text), &t, &err),
                         DG_ERR_DATA);
        ck_assert_msg(strstr(err.text, cases[k].says) != NULL, "%s", err.text);
        ck_assert_ptr_null(t);
    }
    ck_assert_int_eq(dg_tokens_parse("f", "", 0, &t, &err), DG_OK); /* nobody may ask */
    ck_assert_int_eq(dg_tokens_count(t), 0);
    dg_tokens_close(&t);
}
END_TEST

static void store(const char *path)
{
    ck_assert_int_eq(dg_file_replace(path, file.at, file.n, &err), DG_OK);
    ck_assert_int_eq(chmod(path, 0644), 0);
}

START_TEST(a_changed_file_counts_and_a_broken_one_does_not)
{
    const char *path = scratch(getpid(), "tokens");
    dg_tokens *t;
    dg_bearer who;
    bool changed;
    add(0, "web", "read", "never");
    store(path);
    ck_assert_msg(dg_tokens_open(path, &t, &err) == DG_OK, "%s", err.text);
    ck_assert_int_eq(dg_tokens_refresh(t, &changed, &err), DG_OK);
    ck_assert(!changed);
    add(1, "new", "events", "never");
    store(path);
    ck_assert_int_eq(dg_tokens_refresh(t, &changed, &err), DG_OK);
    ck_assert(changed);
    ck_assert_int_eq(dg_tokens_check(t, header(1), 1, &who), DG_TOKEN_GOOD);
    dg_text_add(&file, "broken\n");
    store(path);
    ck_assert_int_eq(dg_tokens_refresh(t, &changed, &err), DG_ERR_DATA);
    ck_assert_ptr_nonnull(strstr(err.text, "tokens:3: "));
    ck_assert_int_eq(dg_tokens_refresh(t, &changed, &err), DG_OK); /* told once */
    ck_assert_int_eq(dg_tokens_check(t, header(0), 1, &who), DG_TOKEN_GOOD);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(dg_tokens_refresh(t, &changed, &err), DG_ERR_NOINPUT);
    ck_assert_int_eq(dg_tokens_check(t, header(1), 1, &who), DG_TOKEN_GOOD);
    dg_text_free(&file);
    add(2, "last", "read", "never");
    store(path);
    ck_assert_int_eq(dg_tokens_refresh(t, &changed, &err), DG_OK);
    ck_assert_int_eq(dg_tokens_check(t, header(0), 1, &who), DG_TOKEN_WRONG); /* taken back */
    ck_assert_int_eq(dg_tokens_check(t, header(2), 1, &who), DG_TOKEN_GOOD);
    dg_tokens_close(&t);
    dg_text_free(&file);
    scratch_remove();
}
END_TEST

START_TEST(a_file_that_others_may_write_is_refused)
{
    const char *path = scratch(getpid(), "tokens");
    dg_tokens *t;
    add(0, "web", "read", "never");
    store(path);
    ck_assert_int_eq(chmod(path, 0664), 0);
    ck_assert_int_eq(dg_tokens_open(path, &t, &err), DG_ERR_PERM);
    ck_assert_ptr_nonnull(strstr(err.hint, "chmod"));
    dg_text_free(&file);
    scratch_remove();
}
END_TEST

START_TEST(tokens_are_made_of_256_random_bits)
{
    add(0, "a", "read", "never");
    add(1, "a", "read", "never");
    ck_assert_str_ne(token[0], token[1]);
    ck_assert_uint_eq(strlen(token[0]), DG_TOKEN_SIZE - 1); /* 4 + ceil(256 / 6) */
    ck_assert_ptr_null(strstr(file.at, token[0]));
    dg_text none = {0};
    ck_assert_int_eq(dg_token_make("a b", "read", "never", token[2], &none, &err), DG_ERR_USAGE);
    ck_assert_int_eq(dg_token_make("a", "write", "never", token[2], &none, &err), DG_ERR_USAGE);
    ck_assert_int_eq(dg_token_make("a", "read", "later", token[2], &none, &err), DG_ERR_USAGE);
    dg_text_free(&file);
    dg_text_free(&none);
}
END_TEST

START_TEST(any_bytes_are_tokens_or_an_error)
{
    dg_rng rng = dg_rng_at(5, DG_RNG_TEST, 0);
    dg_tokens *t;
    add(0, "web", "read,admin", "2027-01-31");
    add(1, "x", "events", "never");
    for (int round = 0; round < 5000; round++) {
        char text[512];
        size_t n = file.n;
        memcpy(text, file.at, n);
        for (uint32_t times = dg_rng_below(&rng, 4); times > 0; times--)
            text[dg_rng_below(&rng, (uint32_t)n)] = (char)dg_rng_u32(&rng);
        if (dg_rng_below(&rng, 3) == 0) n = dg_rng_below(&rng, (uint32_t)n);
        if (dg_tokens_parse("f", text, n, &t, &err) == DG_OK)
            ck_assert_int_le(dg_tokens_count(t), 2);
        dg_tokens_close(&t);
    }
    dg_text_free(&file);
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

UNIT_MAIN("tokens", a_token_has_its_roles_until_it_expires, what_is_no_known_token_is_refused,
          a_bad_line_is_named, a_changed_file_counts_and_a_broken_one_does_not,
          a_file_that_others_may_write_is_refused, tokens_are_made_of_256_random_bits,
          any_bytes_are_tokens_or_an_error)
