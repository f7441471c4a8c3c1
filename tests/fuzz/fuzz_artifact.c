/* Opening an artifact of any bytes, and reading all that an open one promises to hold.
 *
 * The first byte of an input says what the rest is: 0, a file as it comes; else, changes to the
 * arrays of one of three whole files, sealed anew: what a reader refuses then, it refuses for what
 * it holds and not for its digest. Changes go into arrays only: HDF5's own structure is behind the
 * seal and the signature because the library is not made for hostile bytes (docs/decisions/0001).
 */
#include "fuzz.h"

#include "artifact/artifact.h"
#include "artifact/layout.h"
#include "artifact/seal.h"
#include "artifact_file.h"
#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BASES = 3, ARRAYS = 32, CHANGE = 8 /* bytes of input per change */ };

typedef struct stretch {
    size_t at, n; /* bytes of the file */
} stretch;

typedef struct base {
    uint8_t *bytes;
    size_t n;
    stretch array[ARRAYS];
    size_t n_arrays;
} base;

static void must(bool good)
{
    if (!good) abort();
}

static void locate(base *b, const char *path)
{
    dg_container *c;
    dg_strings names = {0};
    dg_err err;
    must(dg_container_open(path, NULL, DG_ARTIFACT_VERSION, &c, &err) == DG_OK);
    must(dg_container_arrays(c, &names, &err) == DG_OK);
    const hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    for (int64_t k = 0; k < names.n; k++) {
        dg_array_info info;
        size_t n;
        const char *array = dg_strings_at(&names, k, &n);
        must(dg_container_info(c, array, &info, &err) == DG_OK && b->n_arrays < ARRAYS);
        const hid_t set = H5Dopen2(file, array, H5P_DEFAULT);
        n = (size_t)(info.n_rows * info.n_cols) * dg_type_size(info.type);
        if (n > 0) b->array[b->n_arrays++] = (stretch){(size_t)H5Dget_offset(set), n};
        H5Dclose(set);
    }
    H5Fclose(file);
    dg_strings_free(&names);
    dg_container_close(&c);
}

static void make_base(base *b, made_artifact *m)
{
    char path[] = "/tmp/daogou-fuzz-XXXXXX";
    const int fd = mkstemp(path);
    must(fd >= 0);
    write_artifact(m, path);
    locate(b, path);
    const off_t n = lseek(fd, 0, SEEK_END);
    b->n = (size_t)n;
    b->bytes = malloc(b->n);
    must(b->bytes != NULL && pread(fd, b->bytes, b->n, 0) == n);
    close(fd);
    unlink(path);
    free_artifact(&m);
}

static const base *base_at(int which)
{
    static base bases[BASES];
    if (bases[0].bytes == NULL) {
        make_base(&bases[0], make_artifact(5, 7, 4, 1));
        make_base(&bases[1], make_weights_artifact(5, 7, "item", 2));
        make_base(&bases[2], make_weights_artifact(5, 7, "user", 3));
    }
    return &bases[which];
}

/* array, width, index (2 bytes), value (4 bytes, sign-extended) */
static void change(const base *b, uint8_t *bytes, const uint8_t *how)
{
    static const size_t width[] = {1, 4, 8};
    const stretch *s = &b->array[how[0] % b->n_arrays];
    const size_t w = width[how[1] % 3];
    int32_t value;
    if (w > s->n) return;
    memcpy(&value, how + 4, sizeof value);
    const int64_t wide = value;
    const size_t at = s->at + (how[2] + 256 * (size_t)how[3]) % (s->n / w) * w;
    memcpy(bytes + at, &wide, w);
}

static void seal(uint8_t *bytes, size_t n)
{
    char text[DG_SEAL_SIZE];
    must(dg_seal_blocks((int64_t)n) == 1);
    const dg_digest block = dg_digest_of(bytes + DG_SEAL_SIZE, n - DG_SEAL_SIZE);
    dg_seal_text((int64_t)n, &block, text);
    memcpy(bytes, text, sizeof text);
}

static volatile uint64_t read_so_far; /* so that no read is left out */

static void read_bytes(const void *at, int64_t n)
{
    const uint8_t *byte = at;
    for (int64_t k = 0; k < n; k++) read_so_far += byte[k];
}

static void read_names(const dg_names *names)
{
    for (int64_t r = 0; r < names->n; r++) {
        size_t n;
        const char *text = dg_names_at(names, r, &n);
        read_bytes(text, (int64_t)n);
        if (names->by_hash != NULL) must(dg_names_find(names, text, n) == r);
    }
}

static void read_links(const dg_links *links, int64_t n_rows, int64_t n_cols)
{
    if (links->ptr == NULL) return;
    for (int64_t p = 0; p < links->ptr[n_rows]; p++)
        must(links->index[p] >= 0 && links->index[p] < n_cols && isfinite(links->value[p]));
}

/* Whatever the header of artifact.h promises of an open one. */
static void read_all(const dg_artifact *a)
{
    read_names(&a->user_id);
    read_names(&a->item_id);
    read_names(&a->item_title);
    if (a->n_cols > 0) {
        read_bytes(a->user_factor.at, a->n_users * a->n_cols * (int64_t)sizeof(float));
        read_bytes(a->item_factor.at, a->n_items * a->n_cols * (int64_t)sizeof(float));
    }
    read_links(&a->profile, a->n_users, a->n_items);
    read_links(&a->item_weights, a->n_items, a->n_items);
    read_links(&a->user_weights, a->n_users, a->n_users);
    read_links(&a->similar_items, a->n_items, a->n_items);
    for (int64_t p = 0; p < a->history_ptr[a->n_users]; p++)
        must(a->history_item[p] >= 0 && a->history_item[p] < a->n_items);
    for (int64_t k = 0; k < a->n_items; k++) must(a->popularity[a->popular[k]] >= 0);
}

static void try_open(const void *at, size_t n)
{
    dg_artifact *a;
    dg_err err;
    if (dg_artifact_open_bytes("fuzz", at, n, &a, &err) != DG_OK) {
        must(a == NULL && err.text[0] != '\0');
        return;
    }
    read_all(a);
    dg_container_verify(a->file, &err);
    dg_artifact_close(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0) return 0;
    const int kind = data[0] % (BASES + 1);
    const base *b = kind == 0 ? NULL : base_at(kind - 1);
    const size_t length = b == NULL ? n - 1 : b->n;
    uint8_t *bytes = malloc(length + (length == 0)); /* exact: a byte too many is seen */
    must(bytes != NULL);
    memcpy(bytes, b == NULL ? data + 1 : b->bytes, length);
    for (size_t k = 1; b != NULL && k + CHANGE <= n; k += CHANGE) change(b, bytes, data + k);
    if (b != NULL) seal(bytes, length);
    try_open(bytes, length);
    free(bytes);
    must(dg_alloc_live() == 0);
    return 0;
}
