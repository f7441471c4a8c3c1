#include "store/writer.h"

#include "artifact/layout.h"
#include "artifact/seal.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/memory.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct dg_writer {
    const dg_comm *comm;
    char *path, *temporary;
    hid_t file, meta;
    dg_content content;
    dg_status status; /* this rank's first failure; ranks agree on it at commit */
    dg_err err;
};

/* Remember the first failure of this rank; every collective call still takes place. */
static void remember(dg_writer *w, bool good, const char *what)
{
    if (good || w->status != DG_OK) return;
    w->status = DG_FAIL(&w->err, DG_ERR_IO, "%s: cannot write %s", w->path, what);
}

void dg_writer_fail(dg_writer *w, dg_status status, const dg_err *err)
{
    if (w->status != DG_OK) return;
    w->status = status;
    w->err = *err;
}

/* Rank 0 finds out whether the file can be made at all, while errno still says why not. */
static dg_status probe(const char *temporary, dg_err *err)
{
    const int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) {
        const bool refused = errno == EACCES || errno == EPERM || errno == EROFS;
        const dg_status st = dg_err_errno(err, temporary, "cannot create");
        return refused || st == DG_ERR_NOINPUT ? DG_ERR_CANTCREATE : st;
    }
    close(fd);
    return DG_OK;
}

static hid_t open_file(const dg_comm *c, const char *temporary)
{
    hid_t access = H5Pcreate(H5P_FILE_ACCESS), create = H5Pcreate(H5P_FILE_CREATE);
    hid_t file = H5I_INVALID_HID;
    H5Pset_fapl_mpio(access, c->comm, MPI_INFO_NULL);
    H5Pset_alignment(access, 1, DG_ALIGN); /* small arrays too are mapped in place */
    H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_LATEST); /* metadata with checksums */
    H5Pset_all_coll_metadata_ops(access, true);
    H5Pset_coll_metadata_write(access, true);
    H5Pset_userblock(create, DG_SEAL_SIZE);
    file = H5Fcreate(temporary, H5F_ACC_TRUNC, create, access);
    H5Pclose(create);
    H5Pclose(access);
    return file;
}

static dg_status create_local(const dg_comm *c, const char *path, dg_writer **out, dg_err *err)
{
    dg_text temporary = {0};
    dg_layout_quiet();
    dg_writer *w = *out = dg_alloc(1, sizeof *w);
    if (w == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", path);
    *w = (dg_writer){.comm = c, .file = H5I_INVALID_HID, .meta = H5I_INVALID_HID};
    dg_text_add(&temporary, "%s.tmp", path);
    w->path = dg_strdup(path);
    w->temporary = temporary.at;
    if (w->path == NULL || temporary.failed)
        return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", path);
    return c->rank == 0 ? probe(w->temporary, err) : DG_OK;
}

static void free_writer(dg_writer **w)
{
    dg_free((*w)->path);
    dg_free((*w)->temporary);
    dg_strings_free(&(*w)->content.lines);
    dg_free(*w);
    *w = NULL;
}

dg_status dg_writer_create(const dg_comm *c, const char *path, const char *format, int version,
                           dg_writer **out, dg_err *err)
{
    *out = NULL;
    dg_status st = dg_agree(c, create_local(c, path, out, err), err);
    if (st == DG_OK) {
        dg_writer *w = *out;
        w->file = open_file(c, w->temporary);
        if (w->file >= 0)
            w->meta = H5Gcreate2(w->file, "meta", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        st = dg_agree(c,
                      w->meta >= 0
                          ? DG_OK
                          : DG_FAIL(err, DG_ERR_IO, "%s: cannot create an HDF5 file", w->temporary),
                      err);
    }
    if (st != DG_OK) {
        if (*out != NULL) dg_writer_abandon(out);
        return st;
    }
    char now[32];
    dg_writer_text(*out, "format", format);
    dg_writer_int(*out, "format_version", version);
    dg_writer_text(*out, "created", dg_iso_time(now, sizeof now));
    return DG_OK;
}

static void write_attribute(dg_writer *w, const char *name, hid_t type, hid_t memory,
                            const void *value)
{
    hid_t space = H5Screate(H5S_SCALAR);
    hid_t attr = H5Acreate2(w->meta, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    remember(w, attr >= 0 && H5Awrite(attr, memory, value) >= 0, name);
    if (attr >= 0) H5Aclose(attr);
    H5Sclose(space);
}

void dg_writer_text(dg_writer *w, const char *name, const char *value)
{
    const size_t n = strlen(value);
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, n + 1);
    H5Tset_cset(type, H5T_CSET_UTF8);
    write_attribute(w, name, type, type, value);
    H5Tclose(type);
    if (dg_layout_is_content(name)) dg_content_text(&w->content, name, value);
}

void dg_writer_int(dg_writer *w, const char *name, int64_t value)
{
    write_attribute(w, name, H5T_STD_I64LE, H5T_NATIVE_INT64, &value);
    if (dg_layout_is_content(name)) dg_content_int(&w->content, name, value);
}

void dg_writer_real(dg_writer *w, const char *name, double value)
{
    write_attribute(w, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &value);
    if (dg_layout_is_content(name)) dg_content_real(&w->content, name, value);
}

static hid_t create_set(dg_writer *w, const char *array, dg_type type, int64_t n_rows,
                        int64_t n_cols)
{
    const hsize_t dims[2] = {(hsize_t)n_rows, (hsize_t)n_cols};
    hid_t link = H5Pcreate(H5P_LINK_CREATE), create = H5Pcreate(H5P_DATASET_CREATE);
    hid_t space = H5Screate_simple(n_cols > 1 ? 2 : 1, dims, NULL);
    H5Pset_create_intermediate_group(link, 1);
    H5Pset_fill_time(create, H5D_FILL_TIME_NEVER); /* every element is written */
    H5Pset_alloc_time(create, H5D_ALLOC_TIME_EARLY);
    H5Pset_obj_track_times(create, false);
    hid_t set =
        H5Dcreate2(w->file, array, dg_layout_file_type(type), space, link, create, H5P_DEFAULT);
    remember(w, set >= 0, array);
    H5Sclose(space);
    H5Pclose(create);
    H5Pclose(link);
    return set;
}

/* Collective write of this rank's rows, in steps whose number all ranks agree on: MPI counts are
 * int, and a rank that has nothing left takes part with an empty selection. */
static void write_rows(dg_writer *w, const char *array, hid_t set, dg_type type, int64_t n_cols,
                       int64_t begin, int64_t n_rows, const void *at)
{
    const size_t row_bytes = dg_type_size(type) * (size_t)n_cols;
    const int64_t step = ((int64_t)256 << 20) / (int64_t)row_bytes + 1;
    int64_t steps = (n_rows + step - 1) / step;
    dg_max_int64(w->comm, &steps, 1);
    hid_t transfer = H5Pcreate(H5P_DATASET_XFER);
    H5Pset_dxpl_mpio(transfer, H5FD_MPIO_COLLECTIVE);
    for (int64_t k = 0; k < steps; k++) {
        const int64_t from = k * step < n_rows ? k * step : n_rows;
        const int64_t n = n_rows - from < step ? n_rows - from : step;
        const hsize_t start[2] = {(hsize_t)(begin + from), 0};
        const hsize_t count[2] = {(hsize_t)n, (hsize_t)n_cols};
        hid_t file = H5Dget_space(set), memory = H5Screate_simple(2, count, NULL);
        if (n > 0) {
            H5Sselect_hyperslab(file, H5S_SELECT_SET, start, NULL, count, NULL);
        } else {
            H5Sselect_none(file);
            H5Sselect_none(memory);
        }
        const herr_t code = H5Dwrite(set, dg_layout_memory_type(type), memory, file, transfer,
                                     (const char *)at + (size_t)from * row_bytes);
        remember(w, code >= 0 && !dg_fault("write"), array);
        H5Sclose(memory);
        H5Sclose(file);
        dg_fault("write.kill");
    }
    H5Pclose(transfer);
}

/* Rows and digests of all shards, each filled in by its owner: table (n_shards, 4). */
static void fill_table(const dg_comm *c, const dg_piece *p, uint64_t *table)
{
    const dg_run run = dg_shards_run(p->n_shards, c->rank, c->size);
    const size_t row_bytes = dg_type_size(p->type) * (size_t)p->n_cols;
    const char *at = p->at;
    for (int s = run.begin; s < run.end; s++) {
        const size_t n = (size_t)p->shard_rows[s - run.begin];
        const dg_digest d = dg_digest_of(at, n * row_bytes);
        memcpy(table + 4 * s, &(uint64_t[4]){0, n, d.low, d.high}, 4 * sizeof *table);
        at += n * row_bytes;
    }
    dg_sum_int64(c, (int64_t *)table, 4 * p->n_shards); /* all other ranks hold zeros there */
    uint64_t next = 0;
    for (int s = 0; s < p->n_shards; s++) {
        table[4 * s] = next;
        next = table[4 * s + 1] += next;
    }
}

static void write_table(dg_writer *w, const char *array, int n_shards, const uint64_t *table)
{
    char path[DG_PATH_SIZE];
    dg_layout_digest_path(array, path);
    hid_t set = create_set(w, path, DG_U64, n_shards, 4);
    if (set < 0) return;
    write_rows(w, path, set, DG_U64, 4, 0, w->comm->rank == 0 ? n_shards : 0, table);
    H5Dclose(set);
}

void dg_writer_array(dg_writer *w, const char *array, const dg_piece *p)
{
    const dg_run run = dg_shards_run(p->n_shards, w->comm->rank, w->comm->size);
    uint64_t *table = dg_alloc((size_t)p->n_shards * 4, sizeof *table);
    dg_err err = {.text = ""};
    const dg_status st = dg_agree(
        w->comm, table != NULL ? DG_OK : DG_FAIL(&err, DG_ERR_NOMEM, "%s: out of memory", w->path),
        &err);
    if (st != DG_OK) {
        dg_writer_fail(w, st, &err);
        dg_free(table);
        return;
    }
    fill_table(w->comm, p, table);
    const int64_t n_rows = (int64_t)table[4 * (p->n_shards - 1) + 1];
    const int64_t begin = run.begin < run.end ? (int64_t)table[4 * run.begin] : 0;
    const int64_t end = run.begin < run.end ? (int64_t)table[4 * (run.end - 1) + 1] : 0;
    hid_t set = create_set(w, array, p->type, n_rows, p->n_cols);
    if (set >= 0) {
        write_rows(w, array, set, p->type, p->n_cols, begin, end - begin, p->at);
        H5Dclose(set);
        write_table(w, array, p->n_shards, table);
    }
    const dg_array_info info = {p->type, n_rows, p->n_cols, p->n_shards};
    dg_content_array(&w->content, array, &info, table);
    dg_free(table);
}

void dg_writer_small(dg_writer *w, const char *array, dg_type type, int64_t n_rows, int64_t n_cols,
                     const void *at)
{
    /* One shard: with any number of ranks the last one owns it, so hand the rows over. */
    const int owner = dg_shards_owner(1, 0, w->comm->size);
    const size_t bytes = (size_t)n_rows * (size_t)n_cols * dg_type_size(type);
    void *copy = dg_alloc(bytes, 1);
    dg_mpi(copy != NULL ? MPI_SUCCESS : MPI_ERR_NO_MEM, w->comm, "small array");
    if (w->comm->rank == 0 && bytes > 0) memcpy(copy, at, bytes);
    dg_bcast(w->comm, copy, bytes, 0);
    const int64_t rows = w->comm->rank == owner ? n_rows : 0;
    dg_writer_array(w, array, &(dg_piece){type, n_cols, 1, &rows, copy});
    dg_free(copy);
}

/* Offsets of the own strings in the whole array, and bytes per own shard. The last shard also
 * holds the closing offset. */
static dg_status locate_strings(const dg_writer *w, const dg_shards *shards, const dg_strings *own,
                                int64_t **offset, int64_t **rows, int64_t **bytes, dg_err *err)
{
    const dg_run run = dg_shards_run(shards->n, w->comm->rank, w->comm->size);
    const size_t n_own = (size_t)(run.end - run.begin);
    *offset = dg_alloc((size_t)own->n + 1, sizeof **offset);
    *rows = dg_alloc(n_own, sizeof **rows);
    *bytes = dg_alloc(n_own, sizeof **bytes);
    if (*offset == NULL || *rows == NULL || *bytes == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory for strings", w->path);
    if (own->n > 0) memcpy(*offset, own->offset, ((size_t)own->n + 1) * sizeof **offset);
    const int64_t first = shards->begin[run.begin];
    for (int s = run.begin; s < run.end; s++) {
        const int64_t from = shards->begin[s] - first, to = shards->begin[s + 1] - first;
        (*rows)[s - run.begin] = to - from + (s == shards->n - 1);
        (*bytes)[s - run.begin] = (*offset)[to] - (*offset)[from];
    }
    return DG_OK;
}

void dg_writer_strings(dg_writer *w, const char *array, const dg_shards *shards,
                       const dg_strings *own)
{
    char path[DG_PATH_SIZE];
    int64_t *offset, *rows, *bytes;
    dg_err err = {.text = ""};
    dg_status st = locate_strings(w, shards, own, &offset, &rows, &bytes, &err);
    st = dg_agree(w->comm, st, &err);
    if (st == DG_OK) {
        const int64_t own_bytes = own->n > 0 ? own->offset[own->n] : 0;
        const int64_t before = dg_prefix_int64(w->comm, own_bytes);
        for (int64_t k = 0; k <= own->n; k++) offset[k] += before;
        snprintf(path, sizeof path, "%s/offsets", array);
        dg_writer_array(w, path, &(dg_piece){DG_I64, 1, shards->n, rows, offset});
        snprintf(path, sizeof path, "%s/bytes", array);
        dg_writer_array(w, path, &(dg_piece){DG_U8, 1, shards->n, bytes, own->bytes});
    } else {
        dg_writer_fail(w, st, &err);
    }
    dg_free(offset);
    dg_free(rows);
    dg_free(bytes);
}

static void close_file(dg_writer *w)
{
    if (w->meta >= 0) H5Gclose(w->meta);
    if (w->file >= 0) remember(w, H5Fclose(w->file) >= 0, "its end");
    w->meta = w->file = H5I_INVALID_HID;
}

/* Every rank reads back and digests its share of the file's blocks. */
static dg_status digest_share(dg_writer *w, int64_t n_bytes, dg_digest *blocks, dg_err *err)
{
    const int64_t n = dg_seal_blocks(n_bytes);
    const int64_t first = n * w->comm->rank / w->comm->size;
    const int64_t end = n * (w->comm->rank + 1) / w->comm->size;
    const int fd = open(w->temporary, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return dg_err_errno(err, w->temporary, "cannot open");
    const dg_status st = dg_seal_digest(fd, w->temporary, n_bytes, first, end, blocks + first, err);
    close(fd);
    return st;
}

static dg_status sync_path(const char *path, int flags, dg_err *err)
{
    const int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0) return dg_err_errno(err, path, "cannot open");
    dg_status st = DG_OK;
    if (dg_fault("fsync"))
        st = DG_FAIL(err, DG_ERR_IO, "%s: fsync failed (injected)", path);
    else if (fsync(fd) != 0)
        st = dg_err_errno(err, path, "fsync failed");
    close(fd);
    return st;
}

static dg_status sync_folder(const char *path, dg_err *err)
{
    char *copy = dg_strdup(path);
    if (copy == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", path);
    const dg_status st = sync_path(dirname(copy), O_RDONLY | O_DIRECTORY, err);
    dg_free(copy);
    return st;
}

/* Rank 0 only: stamp the seal, make it durable, give the file its name. */
static dg_status publish(const dg_writer *w, const char seal[DG_SEAL_SIZE], dg_err *err)
{
    const int fd = open(w->temporary, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return dg_err_errno(err, w->temporary, "cannot open");
    const bool stamped = pwrite(fd, seal, DG_SEAL_SIZE, 0) == DG_SEAL_SIZE;
    dg_status st = stamped ? DG_OK : dg_err_errno(err, w->temporary, "cannot write");
    close(fd);
    if (st == DG_OK) st = sync_path(w->temporary, O_RDWR, err);
    dg_fault("rename.kill");
    if (st == DG_OK && rename(w->temporary, w->path) != 0)
        st = dg_err_errno(err, w->path, "cannot rename into place");
    return st == DG_OK ? sync_folder(w->path, err) : st;
}

static dg_status seal_file(dg_writer *w, dg_err *err)
{
    struct stat info = {0};
    char seal[DG_SEAL_SIZE];
    dg_digest *blocks = NULL;
    dg_status st = DG_OK;
    if (stat(w->temporary, &info) != 0) st = dg_err_errno(err, w->temporary, "cannot look at");
    st = dg_agree(w->comm, st, err);
    if (st == DG_OK) st = dg_agree_same(w->comm, "file length", (int64_t)info.st_size, err);
    if (st != DG_OK) return st;
    const int64_t n = dg_seal_blocks(info.st_size);
    blocks = dg_alloc((size_t)n, sizeof *blocks);
    st = blocks == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", w->path)
                        : digest_share(w, info.st_size, blocks, err);
    st = dg_agree(w->comm, st, err);
    if (st == DG_OK) {
        for (int64_t k = 0; k < n; k += 1 << 20) { /* all other ranks hold zeros there */
            const int64_t part = n - k < 1 << 20 ? n - k : 1 << 20;
            dg_sum_int64(w->comm, (int64_t *)(blocks + k), (int)(2 * part));
        }
        dg_seal_text(info.st_size, blocks, seal);
        if (w->comm->rank == 0) st = publish(w, seal, err);
        st = dg_agree(w->comm, st, err);
    }
    dg_free(blocks);
    return st;
}

dg_status dg_writer_commit(dg_writer **writer, char content[DG_HEX_SIZE], dg_err *err)
{
    dg_writer *w = *writer;
    char hex[DG_HEX_SIZE] = "";
    dg_err local;
    const dg_status hashed = dg_content_finish(&w->content, hex, &local);
    if (hashed != DG_OK) dg_writer_fail(w, hashed, &local);
    dg_writer_text(w, "content_digest", hex);
    close_file(w);
    *err = w->err;
    dg_status st = dg_agree(w->comm, w->status, err);
    if (st == DG_OK) st = seal_file(w, err);
    if (st == DG_OK && content != NULL) memcpy(content, hex, sizeof hex);
    if (st != DG_OK) {
        dg_writer_abandon(writer);
        return st;
    }
    free_writer(writer);
    return DG_OK;
}

void dg_writer_abandon(dg_writer **writer)
{
    dg_writer *w = *writer;
    if (w == NULL) return;
    close_file(w);
    if (w->comm->rank == 0 && w->temporary != NULL) unlink(w->temporary);
    free_writer(writer);
}
