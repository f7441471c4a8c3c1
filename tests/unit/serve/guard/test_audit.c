/* The chain of an audit log: whole, changed, cut, torn, shared. */
#include "base/file.h"
#include "base/rng.h"
#include "scratch.h"
#include "serve/guard/audit.h"
#include "unit_main.h"

#include <sys/wait.h>

static dg_err err;
static const char *path;
static dg_text file;

static void write_some(int lines)
{
    dg_audit *a;
    ck_assert_msg(dg_audit_open(path, &a, &err) == DG_OK, "%s", err.text);
    for (int k = 0; k < lines; k++)
        ck_assert_int_eq(dg_audit_note(a, "swap", json_pack("{s:i}", "to", k), &err), DG_OK);
    dg_audit_close(&a);
    dg_audit_close(&a);
}

static void read_file(void)
{
    dg_text_free(&file);
    ck_assert_int_eq(dg_file_read(path, 1 << 20, &file, &err), DG_OK);
}

static dg_status verify_bytes(size_t n)
{
    dg_audit_seen seen;
    ck_assert_int_eq(dg_file_replace(path, file.at, n, &err), DG_OK);
    return dg_audit_verify(path, &seen, &err);
}

START_TEST(a_log_goes_on_where_it_ended)
{
    dg_audit_seen seen;
    char hash[DG_HEX_SIZE];
    path = scratch(getpid(), "audit");
    write_some(3);
    write_some(2);
    ck_assert_msg(dg_audit_verify(path, &seen, &err) == DG_OK, "%s", err.text);
    ck_assert_int_eq(seen.lines, 5);
    ck_assert(dg_audit_is(path));
    read_file();
    const char *last = file.at + file.n - 1;
    while (last > file.at && last[-1] != '\n') last--;
    dg_digest_hex(last, (size_t)(file.at + file.n - 1 - last), hash);
    ck_assert_str_eq(hash, seen.last);
    ck_assert_int_eq(dg_audit_note(NULL, "swap", json_object(), &err), DG_OK);
    dg_text_free(&file);
    scratch_remove();
}
END_TEST

START_TEST(any_changed_byte_is_found)
{
    path = scratch(getpid(), "audit");
    write_some(4);
    read_file();
    const char *last = file.at + file.n - 1;
    while (last > file.at && last[-1] != '\n') last--;
    for (size_t k = 0; k < (size_t)(last - file.at); k++) { /* the last line has none behind it */
        file.at[k] ^= 1;
        ck_assert_msg(verify_bytes(file.n) == DG_ERR_DATA, "byte %zu", k);
        file.at[k] ^= 1;
    }
    ck_assert_int_eq(verify_bytes(file.n), DG_OK);
    dg_text_free(&file);
    scratch_remove();
}
END_TEST

START_TEST(lines_taken_out_are_found_and_a_torn_end_is_mended)
{
    path = scratch(getpid(), "audit");
    write_some(4);
    read_file();
    char *second = strchr(file.at, '\n') + 1, *third = strchr(second, '\n') + 1;
    dg_text without = {0};
    dg_text_bytes(&without, file.at, (size_t)(second - file.at));
    dg_text_bytes(&without, third, file.n - (size_t)(third - file.at));
    ck_assert_int_eq(dg_file_replace(path, without.at, without.n, &err), DG_OK);
    dg_audit *a;
    dg_audit_seen seen;
    ck_assert_int_eq(dg_audit_open(path, &a, &err), DG_ERR_DATA);
    ck_assert_ptr_null(a);
    ck_assert_ptr_nonnull(strstr(err.text, "audit:2: "));
    ck_assert_int_eq(verify_bytes(file.n - 5), DG_ERR_DATA);
    write_some(1);
    ck_assert_msg(dg_audit_verify(path, &seen, &err) == DG_OK, "%s", err.text);
    ck_assert_int_eq(seen.lines, 5); /* three whole ones, what was torn, and the new one */
    read_file();
    ck_assert_ptr_nonnull(strstr(file.at, "\"what\":\"torn\",\"bytes\":"));
    dg_text_free(&without);
    dg_text_free(&file);
    scratch_remove();
}
END_TEST

START_TEST(two_processes_cannot_write_one_log)
{
    path = scratch(getpid(), "audit");
    dg_audit *mine, *other;
    int status;
    ck_assert_int_eq(dg_audit_open(path, &mine, &err), DG_OK);
    const pid_t child = fork();
    if (child == 0) _exit(dg_audit_open(path, &other, &err) == DG_ERR_UNAVAILABLE ? 0 : 1);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    dg_audit_close(&mine);
    scratch_remove();
}
END_TEST

START_TEST(any_bytes_are_a_log_or_an_error)
{
    dg_rng rng = dg_rng_at(8, DG_RNG_TEST, 0);
    dg_audit_seen seen;
    path = scratch(getpid(), "audit");
    write_some(2);
    read_file();
    for (int round = 0; round < 500; round++) {
        FILE *out = fopen(path, "w");
        size_t n = dg_rng_below(&rng, 2) ? file.n : dg_rng_below(&rng, (uint32_t)file.n);
        char text[1024];
        memcpy(text, file.at, n);
        for (uint32_t times = dg_rng_below(&rng, 4); times > 0 && n > 0; times--)
            text[dg_rng_below(&rng, (uint32_t)n)] = (char)dg_rng_u32(&rng);
        ck_assert_uint_eq(fwrite(text, 1, n, out), n);
        fclose(out);
        if (dg_audit_verify(path, &seen, &err) == DG_OK) ck_assert_int_le(seen.lines, 2);
    }
    dg_text_free(&file);
    scratch_remove();
}
END_TEST

UNIT_MAIN("audit", a_log_goes_on_where_it_ended, any_changed_byte_is_found,
          lines_taken_out_are_found_and_a_torn_end_is_mended, two_processes_cannot_write_one_log,
          any_bytes_are_a_log_or_an_error)
