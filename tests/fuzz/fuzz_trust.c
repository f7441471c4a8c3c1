/* Key files, and encrypted files of any bytes. The first byte of an input says what the rest is: 0,
 * a file of public keys; 1, of a secret one; 2, an encrypted file as it comes; else a whole one
 * with bytes changed, which must not open. */
#include "fuzz.h"

#include "artifact/crypt.h"
#include "artifact_file.h"
#include "base/memory.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const dg_key key = {{1, 2, 3}};

static void must(bool good)
{
    if (!good) abort();
}

/* A file without a name: nothing stays behind. */
static int new_file(const void *at, size_t n, char path[64])
{
    const int fd = memfd_create("fuzz", MFD_CLOEXEC);
    must(fd >= 0 && (n == 0 || write(fd, at, n) == (ssize_t)n));
    must(fchmod(fd, 0600) == 0);
    snprintf(path, 64, "/proc/self/fd/%d", fd);
    return fd;
}

static void read_keys(const char *path, bool secret)
{
    dg_keyring ring = {0};
    dg_key one;
    dg_err err;
    if (secret) dg_key_read(path, DG_KEY_SIGN, &one, &err);
    if (!secret && dg_keyring_read(path, &ring, &err) == DG_OK) must(ring.n > 0);
    dg_keyring_free(&ring);
}

static bool opens(int fd)
{
    dg_crypt head;
    char *at;
    dg_err err;
    if (dg_crypt_load(fd, "fuzz", &key, &head, &at, &err) != DG_OK) {
        must(at == NULL && err.text[0] != '\0');
        return false;
    }
    munmap(at, (size_t)head.n_bytes);
    return true;
}

/* One whole encrypted artifact, made once. */
static size_t whole(const uint8_t **out)
{
    static uint8_t bytes[1 << 17];
    static size_t n;
    if (n == 0) {
        char plain[] = "/tmp/daogou-fuzz-XXXXXX", closed[64];
        dg_err err;
        made_artifact *m = make_artifact(3, 4, 4, 1);
        close(mkstemp(plain));
        snprintf(closed, sizeof closed, "%s.enc", plain);
        write_artifact(m, plain);
        must(dg_crypt_encrypt(plain, closed, &key, &err) == DG_OK);
        const int fd = open(closed, O_RDONLY);
        const ssize_t got = read(fd, bytes, sizeof bytes);
        must(got > DG_CRYPT_HEAD && got < (ssize_t)sizeof bytes);
        n = (size_t)got;
        close(fd);
        unlink(plain);
        unlink(closed);
        free_artifact(&m);
    }
    *out = bytes;
    return n;
}

/* Three bytes of input say where, one what. */
static void try_changed(const uint8_t *data, size_t n)
{
    const uint8_t *good;
    char path[64];
    const size_t length = whole(&good);
    uint8_t *bytes = malloc(length);
    must(bytes != NULL);
    memcpy(bytes, good, length);
    for (size_t k = 0; k + 4 <= n; k += 4)
        bytes[(data[k] | data[k + 1] << 8 | data[k + 2] << 16) % length] ^= data[k + 3];
    const int fd = new_file(bytes, length, path);
    must(opens(fd) == (memcmp(bytes, good, length) == 0));
    close(fd);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char path[64];
    if (n == 0) return 0;
    if (data[0] > 2) {
        try_changed(data + 1, n - 1);
    } else {
        const int fd = new_file(data + 1, n - 1, path);
        if (data[0] == 2)
            opens(fd);
        else
            read_keys(path, data[0] == 1);
        close(fd);
    }
    must(dg_alloc_live() == 0);
    return 0;
}
