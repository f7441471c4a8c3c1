/* Signed and encrypted artifacts: what a node with trusted keys opens, and all that it does not. */
#include "artifact/artifact.h"
#include "artifact/crypt.h"
#include "artifact/seal.h"
#include "artifact_file.h"
#include "base/memory.h"
#include "base/rng.h"
#include "scratch.h"
#include "unit_main.h"

#include <fcntl.h>
#include <sys/stat.h>

static const char *in_folder(const char *name) { return scratch(getpid(), name); }

static void must(dg_status st, const dg_err *err) { ck_assert_msg(st == DG_OK, "%s", err->text); }

/* A pair of keys NAME and NAME.pub. */
static dg_key make_pair(const char *name)
{
    dg_key secret;
    dg_err err;
    must(dg_key_create(in_folder(name), DG_KEY_SIGN, &err), &err);
    must(dg_key_read(in_folder(name), DG_KEY_SIGN, &secret, &err), &err);
    return secret;
}

static dg_key make_key(const char *name)
{
    dg_key key;
    dg_err err;
    must(dg_key_create(in_folder(name), DG_KEY_ENCRYPT, &err), &err);
    must(dg_key_read(in_folder(name), DG_KEY_ENCRYPT, &key, &err), &err);
    return key;
}

static dg_keyring ring_of(const char *first, const char *second)
{
    dg_keyring ring = {0};
    dg_err err;
    must(dg_keyring_read(in_folder(first), &ring, &err), &err);
    if (second != NULL) must(dg_keyring_read(in_folder(second), &ring, &err), &err);
    return ring;
}

static const char *make_file(const char *name, uint64_t seed)
{
    made_artifact *m = make_artifact(9, 20, 5, seed);
    write_artifact(m, in_folder(name));
    free_artifact(&m);
    return in_folder(name);
}

static const char *make_signed(const char *name, const dg_key *secret)
{
    dg_err err;
    must(dg_seal_sign(make_file(name, 1), secret, &err), &err);
    return in_folder(name);
}

static dg_status open_with(const char *path, const dg_keyring *trusted, const dg_key *key,
                           dg_err *err)
{
    dg_artifact *a;
    const dg_access access = {trusted, key};
    const dg_status st = dg_artifact_open_for(path, &access, &a, err);
    ck_assert((st == DG_OK) == (a != NULL));
    dg_artifact_close(&a);
    return st;
}

typedef struct bytes {
    uint8_t *at;
    size_t n;
} bytes;

static bytes read_bytes(const char *path)
{
    struct stat info;
    const int fd = open(path, O_RDONLY);
    ck_assert(fd >= 0 && fstat(fd, &info) == 0);
    bytes b = {malloc((size_t)info.st_size), (size_t)info.st_size};
    ck_assert(read(fd, b.at, b.n) == (ssize_t)b.n);
    close(fd);
    return b;
}

static const char *write_bytes(const char *name, const void *at, size_t n)
{
    const char *path = in_folder(name);
    FILE *f = fopen(path, "wb");
    ck_assert(f != NULL && fwrite(at, 1, n, f) == n && fclose(f) == 0);
    return path;
}

static void expect_refusal(const char *path, const dg_keyring *trusted, const dg_key *key,
                           dg_status status, const char *says)
{
    dg_err err = {.text = ""};
    const dg_status st = open_with(path, trusted, key, &err);
    ck_assert_msg(st == status && strstr(err.text, says) != NULL, "%d: %s", st, err.text);
}

/* The file's seal made right again, as somebody does who changes a file on purpose. */
static void seal_again(const char *path, bool keep_signature)
{
    char seal[DG_SEAL_SIZE], old[DG_SEAL_SIZE];
    struct stat info;
    dg_err err;
    const int fd = open(path, O_RDWR);
    ck_assert(fd >= 0 && fstat(fd, &info) == 0 && pread(fd, old, sizeof old, 0) == sizeof old);
    dg_digest block;
    must(dg_seal_digest(fd, path, info.st_size, 0, 1, &block, &err), &err);
    dg_seal_text(info.st_size, &block, seal);
    const size_t line = strlen(seal);
    if (keep_signature) memcpy(seal + line, old + line, sizeof seal - line);
    ck_assert(pwrite(fd, seal, sizeof seal, 0) == sizeof seal);
    close(fd);
}

/* ---- signatures ---- */

START_TEST(a_signed_artifact_is_opened_by_whoever_trusts_the_key)
{
    dg_err err;
    const dg_key one = make_pair("one"), two = make_pair("two");
    const char *path = make_signed("a.h5", &one);
    dg_keyring both = ring_of("two.pub", "one.pub");
    must(open_with(path, &both, NULL, &err), &err);
    must(open_with(path, NULL, NULL, &err), &err); /* who asks for no key may read it too */
    must(dg_seal_sign(path, &two, &err), &err);    /* a new key in the old one's stead */
    must(open_with(path, &both, NULL, &err), &err);
    dg_keyring_free(&both);
    scratch_remove();
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

START_TEST(signing_changes_no_content)
{
    dg_err err;
    dg_artifact *a;
    char before[DG_HEX_SIZE];
    const dg_key one = make_pair("one");
    const char *path = make_file("a.h5", 1);
    must(dg_artifact_open(path, &a, &err), &err);
    ck_assert_ptr_null(dg_container_signed(a->file));
    snprintf(before, sizeof before, "%s", a->content);
    dg_artifact_close(&a);
    must(dg_seal_sign(path, &one, &err), &err);
    must(dg_artifact_open(path, &a, &err), &err);
    ck_assert_str_eq(a->content, before);
    ck_assert_uint_eq(strlen(dg_container_signed(a->file)), DG_KEY_ID_SIZE - 1);
    must(dg_container_verify(a->file, &err), &err);
    dg_artifact_close(&a);
    scratch_remove();
}
END_TEST

START_TEST(unsigned_and_foreign_artifacts_are_refused)
{
    const dg_key one = make_pair("one");
    make_pair("two");
    dg_keyring trusted = ring_of("two.pub", NULL);
    expect_refusal(make_file("plain.h5", 1), &trusted, NULL, DG_ERR_PERM, "not signed");
    expect_refusal(make_signed("a.h5", &one), &trusted, NULL, DG_ERR_PERM, "not among the 1");
    dg_keyring_free(&trusted);
    scratch_remove();
}
END_TEST

START_TEST(a_signature_taken_off_is_a_refusal)
{
    const dg_key one = make_pair("one");
    const char *path = make_signed("a.h5", &one);
    dg_keyring trusted = ring_of("one.pub", NULL);
    seal_again(path, false); /* sound, but signed no more */
    dg_err err;
    must(open_with(path, NULL, NULL, &err), &err);
    expect_refusal(path, &trusted, NULL, DG_ERR_PERM, "not signed");
    dg_keyring_free(&trusted);
    scratch_remove();
}
END_TEST

/* XXH3 stops no forger: the file's own digest is right, and only the signature tells. */
START_TEST(changed_content_under_a_right_digest_is_refused)
{
    const dg_key one = make_pair("one");
    dg_keyring trusted = ring_of("one.pub", NULL);
    bytes good = read_bytes(make_signed("a.h5", &one));
    good.at[good.n / 2] ^= 1;
    const char *path = write_bytes("b.h5", good.at, good.n);
    seal_again(path, true);
    expect_refusal(path, &trusted, NULL, DG_ERR_DATA, "signature is damaged or not of this file");
    free(good.at);
    dg_keyring_free(&trusted);
    scratch_remove();
}
END_TEST

/* The signed first line kept as it is, and other bytes behind it: a forger who found a collision of
 * the quick digest has just that. Stood in for by a file whose first line is not looked at. */
START_TEST(the_signed_digest_is_compared_with_the_bytes)
{
    dg_err err;
    const dg_key one = make_pair("one");
    dg_keyring trusted = ring_of("one.pub", NULL);
    bytes good = read_bytes(make_signed("a.h5", &one));
    good.at[good.n - 1] ^= 1;
    const dg_sealed file = {"forged", -1, (const char *)good.at, (int64_t)good.n};
    ck_assert_int_eq(dg_seal_check_bytes(&file, &trusted, &err), DG_ERR_DATA);
    ck_assert_msg(strstr(err.text, "not those that key") != NULL, "%s", err.text);
    free(good.at);
    dg_keyring_free(&trusted);
    scratch_remove();
}
END_TEST

START_TEST(a_signature_of_another_file_does_not_fit)
{
    const dg_key one = make_pair("one");
    dg_keyring trusted = ring_of("one.pub", NULL);
    bytes a = read_bytes(make_signed("a.h5", &one)), b = read_bytes(make_file("b.h5", 2));
    memcpy(a.at + DG_SEAL_SIZE, b.at + DG_SEAL_SIZE,
           (a.n < b.n ? a.n : b.n) - DG_SEAL_SIZE); /* a's seal over b's bytes */
    const char *path = write_bytes("c.h5", a.at, a.n);
    expect_refusal(path, &trusted, NULL, DG_ERR_DATA, "not those that key");
    seal_again(path, true);
    expect_refusal(path, &trusted, NULL, DG_ERR_DATA, "not of this file");
    free(a.at), free(b.at);
    dg_keyring_free(&trusted);
    scratch_remove();
}
END_TEST

START_TEST(every_flipped_bit_of_a_seal_is_refused_with_keys_and_without)
{
    const dg_key one = make_pair("one");
    dg_keyring trusted = ring_of("one.pub", NULL);
    bytes good = read_bytes(make_signed("a.h5", &one));
    for (size_t k = 0; k < DG_SEAL_SIZE; k++) {
        dg_err err;
        const dg_sealed file = {"flipped", -1, (const char *)good.at, (int64_t)good.n};
        good.at[k] ^= (uint8_t)(1 << k % 8);
        ck_assert_msg(dg_seal_check_bytes(&file, NULL, &err) == DG_ERR_DATA, "byte %zu", k);
        ck_assert_msg(dg_seal_check_bytes(&file, &trusted, &err) != DG_OK, "byte %zu", k);
        good.at[k] ^= (uint8_t)(1 << k % 8);
    }
    free(good.at);
    dg_keyring_free(&trusted);
    scratch_remove();
}
END_TEST

START_TEST(a_truncated_signed_file_is_refused_at_every_length)
{
    dg_err err;
    const dg_key one = make_pair("one");
    dg_keyring trusted = ring_of("one.pub", NULL);
    bytes good = read_bytes(make_signed("a.h5", &one));
    for (size_t n = 0; n < good.n; n++) {
        const dg_sealed file = {"cut", -1, (const char *)good.at, (int64_t)n};
        ck_assert_int_eq(dg_seal_check_bytes(&file, &trusted, &err), DG_ERR_DATA);
    }
    expect_refusal(write_bytes("cut.h5", good.at, good.n / 2), &trusted, NULL, DG_ERR_DATA,
                   "truncated");
    free(good.at);
    dg_keyring_free(&trusted);
    scratch_remove();
}
END_TEST

/* 9 MiB: three blocks, so that threads share them. */
START_TEST(files_of_several_blocks_are_signed_whole)
{
    dg_err err;
    const dg_key one = make_pair("one");
    dg_keyring trusted = ring_of("one.pub", NULL);
    made_artifact *m = make_artifact(2, 90000, 26, 3);
    const char *path = in_folder("big.h5");
    write_artifact(m, path);
    must(dg_seal_sign(path, &one, &err), &err);
    must(open_with(path, &trusted, NULL, &err), &err);
    bytes good = read_bytes(path);
    ck_assert_uint_gt(good.n, 8 << 20);
    const size_t at[] = {600, 5 << 20, good.n - 1};
    for (int k = 0; k < 3; k++) {
        const dg_sealed file = {"flipped", -1, (const char *)good.at, (int64_t)good.n};
        good.at[at[k]] ^= 1;
        ck_assert_int_eq(dg_seal_check_bytes(&file, &trusted, &err), DG_ERR_DATA);
        good.at[at[k]] ^= 1;
    }
    free(good.at);
    free_artifact(&m);
    dg_keyring_free(&trusted);
    scratch_remove();
}
END_TEST

START_TEST(what_is_damaged_is_not_signed)
{
    dg_err err;
    const dg_key one = make_pair("one");
    bytes good = read_bytes(make_file("a.h5", 1));
    good.at[good.n / 2] ^= 1;
    const char *path = write_bytes("b.h5", good.at, good.n);
    ck_assert_int_eq(dg_seal_sign(path, &one, &err), DG_ERR_DATA);
    free(good.at);
    scratch_remove();
}
END_TEST

/* ---- keys ---- */

START_TEST(a_secret_that_all_may_read_is_refused)
{
    dg_key key;
    dg_err err;
    make_pair("one");
    struct stat info;
    ck_assert(stat(in_folder("one"), &info) == 0 && (info.st_mode & 0777) == 0600);
    ck_assert(chmod(in_folder("one"), 0644) == 0);
    ck_assert_int_eq(dg_key_read(in_folder("one"), DG_KEY_SIGN, &key, &err), DG_ERR_PERM);
    ck_assert(chmod(in_folder("one"), 0440) == 0); /* a group may, as where secrets are mounted */
    must(dg_key_read(in_folder("one"), DG_KEY_SIGN, &key, &err), &err);
    scratch_remove();
}
END_TEST

START_TEST(a_key_of_another_kind_is_refused_and_none_is_written_over)
{
    dg_key key;
    dg_keyring ring = {0};
    dg_err err;
    make_pair("one");
    make_key("two");
    ck_assert_int_eq(dg_key_read(in_folder("one"), DG_KEY_ENCRYPT, &key, &err), DG_ERR_CONFIG);
    ck_assert_int_eq(dg_key_read(in_folder("two"), DG_KEY_SIGN, &key, &err), DG_ERR_CONFIG);
    ck_assert_int_eq(dg_keyring_read(in_folder("one"), &ring, &err), DG_ERR_CONFIG);
    ck_assert_int_eq(dg_key_create(in_folder("one"), DG_KEY_SIGN, &err), DG_ERR_CANTCREATE);
    ck_assert_int_eq(dg_key_read(in_folder("none"), DG_KEY_SIGN, &key, &err), DG_ERR_NOINPUT);
    write_bytes("empty.pub", "# nobody yet\n", 13);
    ck_assert_int_eq(dg_keyring_read(in_folder("empty.pub"), &ring, &err), DG_ERR_CONFIG);
    scratch_remove();
}
END_TEST

START_TEST(a_file_of_trusted_keys_has_notes_and_many_keys)
{
    char text[512];
    dg_err err;
    dg_key keys[3];
    dg_keyring one = {0}, ring = {0};
    int n = 0;
    for (int k = 0; k < 3; k++) {
        char name[16], pub[16];
        snprintf(name, sizeof name, "k%d", k);
        snprintf(pub, sizeof pub, "k%d.pub", k);
        make_pair(name);
        must(dg_keyring_read(in_folder(pub), &one, &err), &err);
        keys[k] = one.key[k];
        bytes line = read_bytes(in_folder(pub));
        n += snprintf(text + n, sizeof text - (size_t)n, "# of %s\n%.*s since May\n\n", name,
                      (int)line.n - 1, (const char *)line.at);
        free(line.at);
    }
    must(dg_keyring_read(write_bytes("trusted", text, (size_t)n), &ring, &err), &err);
    ck_assert_uint_eq(ring.n, 3);
    for (int k = 0; k < 3; k++) ck_assert(dg_keyring_has(&ring, &keys[k]));
    keys[0].bytes[5] ^= 1;
    ck_assert(!dg_keyring_has(&ring, &keys[0]));
    dg_keyring_free(&one);
    dg_keyring_free(&ring);
    scratch_remove();
}
END_TEST

START_TEST(a_broken_line_of_keys_is_named)
{
    dg_err err;
    dg_keyring ring = {0};
    static const char *const wrong[] = {"daogou-public-key 12\n", "daogou-public-key\n", "hello\n",
                                        "daogou-public-key zz"};
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        write_bytes("trusted", wrong[k], strlen(wrong[k]));
        ck_assert_int_eq(dg_keyring_read(in_folder("trusted"), &ring, &err), DG_ERR_CONFIG);
        ck_assert(strstr(err.text, "trusted:1: ") != NULL);
    }
    scratch_remove();
}
END_TEST

/* RFC 8032, section 7.1, test 2. */
START_TEST(signatures_are_those_of_the_standard)
{
    static const dg_key secret = {{0x4c, 0xcd, 0x08, 0x9b, 0x28, 0xff, 0x96, 0xda, 0x9d, 0xb6, 0xc3,
                                   0x46, 0xec, 0x11, 0x4e, 0x0f, 0x5b, 0x8a, 0x31, 0x9f, 0x35, 0xab,
                                   0xa6, 0x24, 0xda, 0x8c, 0xf6, 0xed, 0x4f, 0xb8, 0xa6, 0xfb}};
    static const unsigned char begin[] = {0x92, 0xa0, 0x09, 0xa9, 0xf0, 0xd4, 0xca, 0xb8};
    unsigned char signature[DG_SIGNATURE_BYTES];
    dg_key by;
    dg_key_sign(&secret, "\x72", 1, &by, signature);
    ck_assert(by.bytes[0] == 0x3d && by.bytes[31] == 0x0c);
    ck_assert_mem_eq(signature, begin, sizeof begin);
    ck_assert(dg_key_signed(&by, "\x72", 1, signature));
    ck_assert(!dg_key_signed(&by, "\x73", 1, signature));
}
END_TEST

/* ---- encryption ---- */

/* Some parts of a megabyte each. */
static const char *make_encrypted(const char *name, const dg_key *key)
{
    dg_err err;
    made_artifact *m = make_artifact(2, 20000, 26, 3);
    write_artifact(m, in_folder("plain.h5"));
    free_artifact(&m);
    must(dg_crypt_encrypt(in_folder("plain.h5"), in_folder(name), key, &err), &err);
    return in_folder(name);
}

START_TEST(an_encrypted_artifact_reads_as_the_plain_one)
{
    dg_err err;
    dg_artifact *plain, *a;
    const dg_key key = make_key("key");
    const char *path = make_encrypted("a.enc", &key);
    must(dg_artifact_open(in_folder("plain.h5"), &plain, &err), &err);
    must(dg_artifact_open_for(path, &(dg_access){NULL, &key}, &a, &err), &err);
    ck_assert_str_eq(a->content, plain->content);
    ck_assert_uint_eq(strlen(dg_container_encrypted(a->file)), DG_KEY_ID_SIZE - 1);
    ck_assert_ptr_null(dg_container_encrypted(plain->file));
    ck_assert_mem_eq(a->popularity, plain->popularity, 20000 * sizeof(int64_t));
    must(dg_container_verify(a->file, &err), &err);
    dg_artifact_close(&a);
    dg_artifact_close(&plain);
    must(dg_crypt_decrypt(path, in_folder("back.h5"), &key, &err), &err);
    bytes one = read_bytes(in_folder("plain.h5")), two = read_bytes(in_folder("back.h5"));
    ck_assert(one.n == two.n && memcmp(one.at, two.at, one.n) == 0);
    free(one.at), free(two.at);
    scratch_remove();
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

START_TEST(nothing_of_the_plain_file_shows)
{
    const dg_key key = make_key("key");
    bytes b = read_bytes(make_encrypted("a.enc", &key));
    static const char *const words[] = {"Title 1", "daogou-artifact", "factors", "fixture"};
    for (size_t k = 0; k < sizeof words / sizeof *words; k++)
        ck_assert_ptr_null(memmem(b.at, b.n, words[k], strlen(words[k])));
    free(b.at);
    scratch_remove();
}
END_TEST

START_TEST(an_encrypted_artifact_keeps_its_signature)
{
    dg_err err;
    const dg_key one = make_pair("one"), key = make_key("key");
    make_pair("two");
    dg_keyring right = ring_of("one.pub", NULL), wrong = ring_of("two.pub", NULL);
    make_signed("a.h5", &one);
    must(dg_crypt_encrypt(in_folder("a.h5"), in_folder("a.enc"), &key, &err), &err);
    must(open_with(in_folder("a.enc"), &right, &key, &err), &err);
    expect_refusal(in_folder("a.enc"), &wrong, &key, DG_ERR_PERM, "not among");
    dg_keyring_free(&right);
    dg_keyring_free(&wrong);
    scratch_remove();
}
END_TEST

START_TEST(the_wrong_key_or_none_is_told)
{
    const dg_key key = make_key("key"), other = make_key("other");
    const char *path = make_encrypted("a.enc", &key);
    unsetenv("DAOGOU_ENCRYPTION_KEY");
    expect_refusal(path, NULL, &other, DG_ERR_PERM, "the key given is");
    expect_refusal(path, NULL, NULL, DG_ERR_PERM, "no key was given");
    setenv("DAOGOU_ENCRYPTION_KEY", "abc", 1);
    expect_refusal(path, NULL, NULL, DG_ERR_CONFIG, "hexadecimal");
    bytes line = read_bytes(in_folder("key"));
    line.at[line.n - 1] = '\0'; /* the line without its end */
    dg_err err;
    setenv("DAOGOU_ENCRYPTION_KEY", (char *)line.at, 1);
    must(open_with(path, NULL, NULL, &err), &err);
    setenv("DAOGOU_ENCRYPTION_KEY", strchr((char *)line.at, ' ') + 1, 1);
    must(open_with(path, NULL, NULL, &err), &err);
    free(line.at);
    scratch_remove();
}
END_TEST

/* A key's id may collide or be forged; the parts still do not open. */
START_TEST(another_key_of_the_same_id_opens_nothing)
{
    char id[DG_KEY_ID_SIZE];
    const dg_key key = make_key("key"), other = make_key("other");
    bytes b = read_bytes(make_encrypted("a.enc", &key));
    dg_key_id(&other, id);
    char *at = memmem(b.at, DG_CRYPT_HEAD, " key ", 5);
    memcpy(at + 5, id, DG_KEY_ID_SIZE - 1);
    expect_refusal(write_bytes("b.enc", b.at, b.n), NULL, &other, DG_ERR_DATA, "part 1 of ");
    free(b.at);
    scratch_remove();
}
END_TEST

START_TEST(moved_missing_and_foreign_parts_are_refused)
{
    enum { PART = (1 << 20) + 16 };
    dg_err err;
    const dg_key key = make_key("key");
    bytes good = read_bytes(make_encrypted("a.enc", &key));
    must(dg_crypt_encrypt(in_folder("plain.h5"), in_folder("c.enc"), &key, &err), &err);
    bytes other = read_bytes(in_folder("c.enc")), b = {malloc(good.n), good.n};
    uint8_t *first = b.at + DG_CRYPT_HEAD, *second = first + PART;

    memcpy(b.at, good.at, b.n); /* two parts change places */
    memcpy(first, good.at + DG_CRYPT_HEAD + PART, PART);
    memcpy(second, good.at + DG_CRYPT_HEAD, PART);
    expect_refusal(write_bytes("b.enc", b.at, b.n), NULL, &key, DG_ERR_DATA, "part 1 of ");
    memcpy(b.at, good.at, b.n); /* one of the same plain text under the same key */
    memcpy(second, other.at + DG_CRYPT_HEAD + PART, PART);
    expect_refusal(write_bytes("b.enc", b.at, b.n), NULL, &key, DG_ERR_DATA, "part 2 of ");
    memcpy(b.at, good.at, b.n); /* the middle left out */
    memmove(second, second + PART, b.n - DG_CRYPT_HEAD - 2 * PART);
    expect_refusal(write_bytes("b.enc", b.at, b.n - PART), NULL, &key, DG_ERR_DATA, "truncated");
    memcpy(b.at, good.at, b.n); /* and the head says so too: parts 1 and 3 */
    memmove(second, second + PART, b.n - DG_CRYPT_HEAD - 2 * PART);
    char head[DG_CRYPT_HEAD + 1] = "", rest[256];
    memcpy(head, b.at, DG_CRYPT_HEAD);
    long long n_bytes;
    ck_assert(sscanf(head, "DAOGOU CRYPT 1 bytes %lld %255[^\n]", &n_bytes, rest) == 2);
    memset(b.at, 0, DG_CRYPT_HEAD);
    snprintf((char *)b.at, DG_CRYPT_HEAD, "DAOGOU CRYPT 1 bytes %lld %s\n", n_bytes - (1 << 20),
             rest);
    expect_refusal(write_bytes("b.enc", b.at, b.n - PART), NULL, &key, DG_ERR_DATA, "part 1 of ");
    free(b.at), free(good.at), free(other.at);
    scratch_remove();
}
END_TEST

START_TEST(flips_and_cuts_of_an_encrypted_file_are_refused)
{
    dg_err err;
    const dg_key key = make_key("key");
    make_file("a.h5", 1);
    must(dg_crypt_encrypt(in_folder("a.h5"), in_folder("a.enc"), &key, &err), &err);
    bytes good = read_bytes(in_folder("a.enc"));
    dg_rng rng = dg_rng_at(1, DG_RNG_TEST, 0);
    for (int k = 0; k < 500; k++) {
        const size_t at = k < 250 ? (size_t)k : (size_t)dg_rng_below(&rng, (uint32_t)good.n);
        good.at[at] ^= (uint8_t)(1 << k % 8);
        const dg_status st = open_with(write_bytes("b.enc", good.at, good.n), NULL, &key, &err);
        ck_assert_msg(st == DG_ERR_DATA || (at < DG_CRYPT_HEAD && st == DG_ERR_PERM),
                      "byte %zu: %d", at, st);
        good.at[at] ^= (uint8_t)(1 << k % 8);
    }
    for (size_t n = 0; n < good.n; n += 1 + n / 40)
        ck_assert_int_ne(open_with(write_bytes("b.enc", good.at, n), NULL, &key, &err), DG_OK);
    free(good.at);
    scratch_remove();
}
END_TEST

START_TEST(programs_that_do_not_decrypt_say_that_it_is_encrypted)
{
    dg_err err;
    dg_container *c;
    const dg_key key = make_key("key");
    const char *path = make_encrypted("a.enc", &key);
    ck_assert_int_eq(dg_container_open(path, NULL, 1, &c, &err), DG_ERR_DATA);
    ck_assert(strstr(err.text, "is encrypted") != NULL);
    ck_assert_int_eq(dg_crypt_encrypt(path, in_folder("twice.enc"), &key, &err), DG_ERR_DATA);
    ck_assert_int_eq(dg_crypt_decrypt(in_folder("plain.h5"), in_folder("x"), &key, &err),
                     DG_ERR_DATA);
    ck_assert(access(in_folder("x"), F_OK) != 0 && access(in_folder("x.tmp"), F_OK) != 0);
    dg_crypt head;
    must(dg_crypt_head(path, &head, &err), &err);
    scratch_remove();
}
END_TEST

UNIT_MAIN("signature", a_signed_artifact_is_opened_by_whoever_trusts_the_key,
          signing_changes_no_content, unsigned_and_foreign_artifacts_are_refused,
          a_signature_taken_off_is_a_refusal, changed_content_under_a_right_digest_is_refused,
          the_signed_digest_is_compared_with_the_bytes, a_signature_of_another_file_does_not_fit,
          every_flipped_bit_of_a_seal_is_refused_with_keys_and_without,
          a_truncated_signed_file_is_refused_at_every_length,
          files_of_several_blocks_are_signed_whole, what_is_damaged_is_not_signed,
          a_secret_that_all_may_read_is_refused,
          a_key_of_another_kind_is_refused_and_none_is_written_over,
          a_file_of_trusted_keys_has_notes_and_many_keys, a_broken_line_of_keys_is_named,
          signatures_are_those_of_the_standard, an_encrypted_artifact_reads_as_the_plain_one,
          nothing_of_the_plain_file_shows, an_encrypted_artifact_keeps_its_signature,
          the_wrong_key_or_none_is_told, another_key_of_the_same_id_opens_nothing,
          moved_missing_and_foreign_parts_are_refused,
          flips_and_cuts_of_an_encrypted_file_are_refused,
          programs_that_do_not_decrypt_say_that_it_is_encrypted)
