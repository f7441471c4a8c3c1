#include "store/noted.h"

#include "base/memory.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

typedef struct dg_handle {
    H5FD_t shared; /* HDF5's part comes first */
    dg_noted *to;
} dg_handle;

static dg_noted *noted_of(const H5FD_t *file) { return ((const dg_handle *)file)->to; }

static H5FD_t *open_noted(const char *name, unsigned flags, hid_t access, haddr_t most)
{
    (void)name, (void)flags, (void)most;
    dg_noted *const *to = H5Pget_driver_info(access);
    dg_handle *h = to == NULL ? NULL : dg_alloc(1, sizeof *h);
    if (h == NULL) return NULL;
    h->to = *to;
    return &h->shared;
}

static herr_t close_noted(H5FD_t *file)
{
    dg_free(file);
    return 0;
}

static haddr_t length(const H5FD_t *file, H5FD_mem_t type)
{
    (void)type;
    return (haddr_t)noted_of(file)->length;
}

static herr_t set_length(H5FD_t *file, H5FD_mem_t type, haddr_t n)
{
    (void)type;
    noted_of(file)->length = (int64_t)n;
    return 0;
}

static herr_t write_noted(H5FD_t *file, H5FD_mem_t type, hid_t transfer, haddr_t begin, size_t n,
                          const void *from)
{
    dg_noted *f = noted_of(file);
    (void)type, (void)transfer;
    dg_note *note = dg_grow(f->note, f->n, f->n + 1, &f->capacity, sizeof *note);
    if (note != NULL) f->note = note;
    char *bytes = dg_grow(f->bytes, f->n_bytes, f->n_bytes + n, &f->bytes_capacity, 1);
    if (bytes != NULL) f->bytes = bytes;
    f->failed = f->failed || note == NULL || bytes == NULL;
    if (f->failed) return 0;
    memcpy(bytes + f->n_bytes, from, n);
    note[f->n++] = (dg_note){(int64_t)begin, n, f->n_bytes};
    f->n_bytes += n;
    return 0;
}

/* What no note covers is zero, as in any file with holes. */
static herr_t read_noted(H5FD_t *file, H5FD_mem_t type, hid_t transfer, haddr_t from, size_t n,
                         void *out)
{
    const dg_noted *f = noted_of(file);
    const int64_t begin = (int64_t)from, end = begin + (int64_t)n;
    (void)type, (void)transfer;
    memset(out, 0, n);
    for (size_t k = 0; k < f->n; k++) {
        const dg_note *note = &f->note[k];
        const int64_t first = note->begin > begin ? note->begin : begin;
        const int64_t last = note->begin + (int64_t)note->n;
        const int64_t stop = last < end ? last : end;
        if (first < stop)
            memcpy((char *)out + (first - begin), f->bytes + note->at + (first - note->begin),
                   (size_t)(stop - first));
    }
    return 0;
}

static const H5FD_class_t driver = {
    .name = "daogou-noted",
    .maxaddr = INT64_MAX,
    .fc_degree = H5F_CLOSE_WEAK,
    .fapl_size = sizeof(dg_noted *),
    .open = open_noted,
    .close = close_noted,
    .get_eoa = length,
    .set_eoa = set_length,
    .get_eof = length,
    .read = read_noted,
    .write = write_noted,
    .fl_map = H5FD_FLMAP_DICHOTOMY,
};

bool dg_noted_use(dg_noted *f, hid_t access)
{
    f->driver = H5FDregister(&driver);
    return f->driver >= 0 && H5Pset_driver(access, f->driver, &f) >= 0;
}

bool dg_put_bytes(int fd, const void *at, size_t n, int64_t offset)
{
    const char *next = at;
    while (n > 0) {
        const ssize_t done = pwrite(fd, next, n, offset);
        if (done < 0 && errno == EINTR) continue;
        if (done == 0) errno = ENOSPC;
        if (done <= 0) return false;
        next += done;
        offset += done;
        n -= (size_t)done;
    }
    return true;
}

dg_status dg_noted_put(const dg_noted *f, int fd, const char *path, dg_err *err)
{
    if (f->failed) return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory for its structure", path);
    bool good = ftruncate(fd, f->length) == 0;
    for (size_t k = 0; k < f->n && good; k++)
        good = dg_put_bytes(fd, f->bytes + f->note[k].at, f->note[k].n, f->note[k].begin);
    return good ? DG_OK : dg_err_errno(err, path, "cannot write");
}

void dg_noted_free(dg_noted *f)
{
    if (f->driver > 0) H5FDunregister(f->driver);
    dg_free(f->note);
    dg_free(f->bytes);
    *f = (dg_noted){0};
}
