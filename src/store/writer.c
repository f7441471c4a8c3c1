#include "store/writer.h"

#include "artifact/layout.h"
#include "artifact/seal.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/memory.h"
#include "base/text.h"
#include "store/noted.h"
#include "store/skeleton.h"

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
    int fd;                /* of temporary; every rank has its own */
    dg_skeleton *skeleton; /* rank 0's, NULL elsewhere */
    bool measures;         /* nothing is written, */
    int64_t n_bytes;       /* this rank's rows are added up */
    dg_content content;
    dg_status status; /* this rank's first failure; ranks agree on it at commit */
    dg_err err;
};

/* Every collective call still takes place after it. */
void dg_writer_fail(dg_writer *w, dg_status status, const dg_err *err)
{
    if (w->status != DG_OK || status == DG_OK) return;
    w->status = status;
    w->err = *err;
}

/* Rank 0 makes the file, the others find it. */
static dg_status open_temporary(dg_writer *w, dg_err *err)
{
    const int make = w->comm->rank == 0 ? O_CREAT | O_TRUNC : 0;
    w->fd = open(w->temporary, O_WRONLY | O_CLOEXEC | make, 0666);
    if (w->fd >= 0) return DG_OK;
    const bool refused = errno == EACCES || errno == EPERM || errno == EROFS || errno == ENOENT;
    const dg_status st = dg_err_errno(err, w->temporary, "cannot create");
    return refused ? DG_ERR_CANTCREATE : st;
}

static dg_status create_local(const dg_comm *c, const char *path, dg_writer **out, dg_err *err)
{
    dg_text temporary = {0};
    dg_writer *w = *out = dg_alloc(1, sizeof *w);
    if (w == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", path);
    *w = (dg_writer){.comm = c, .fd = -1};
    dg_text_add(&temporary, "%s.tmp", path);
    w->path = dg_strdup(path);
    w->temporary = temporary.at;
    if (w->path == NULL || temporary.failed)
        return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", path);
    if (c->rank != 0) return DG_OK;
    const dg_status st = open_temporary(w, err);
    return st == DG_OK ? dg_skeleton_create(&w->skeleton, err) : st;
}

static void free_writer(dg_writer **w)
{
    dg_skeleton_destroy(&(*w)->skeleton);
    if ((*w)->fd >= 0) close((*w)->fd);
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
    if (st == DG_OK) st = dg_agree(c, c->rank == 0 ? DG_OK : open_temporary(*out, err), err);
    if (st != DG_OK) {
        dg_writer_abandon(out);
        return st;
    }
    char now[32];
    dg_writer_text(*out, "format", format);
    dg_writer_int(*out, "format_version", version);
    dg_writer_text(*out, "created", dg_iso_time(now, sizeof now));
    return DG_OK;
}

dg_status dg_writer_measure(const dg_comm *c, dg_writer **out, dg_err *err)
{
    dg_writer *w = *out = dg_alloc(1, sizeof *w);
    if (w == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory measuring a file");
    *w = (dg_writer){.comm = c, .fd = -1, .measures = true};
    return DG_OK;
}

dg_status dg_writer_measured(dg_writer **writer, int64_t *n_bytes, dg_err *err)
{
    enum { STRUCTURE = 64 << 10 }; /* seal, attributes, digests, alignment: some tens of KB */
    dg_writer *w = *writer;
    *err = w->err;
    const dg_status st = dg_agree(w->comm, w->status, err);
    *n_bytes = w->n_bytes;
    dg_sum_int64(w->comm, n_bytes, 1);
    *n_bytes += STRUCTURE;
    free_writer(writer);
    return st;
}

static void write_attribute(dg_writer *w, const char *name, hid_t type, hid_t memory,
                            const void *value)
{
    dg_err err;
    if (w->skeleton == NULL) return;
    dg_writer_fail(w, dg_skeleton_attribute(w->skeleton, name, type, memory, value, &err), &err);
}

static bool in_content(const dg_writer *w, const char *name)
{
    return !w->measures && dg_layout_is_content(name);
}

void dg_writer_text(dg_writer *w, const char *name, const char *value)
{
    const size_t n = strlen(value);
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, n + 1);
    H5Tset_cset(type, H5T_CSET_UTF8);
    write_attribute(w, name, type, type, value);
    H5Tclose(type);
    if (in_content(w, name)) dg_content_text(&w->content, name, value);
}

void dg_writer_int(dg_writer *w, const char *name, int64_t value)
{
    write_attribute(w, name, H5T_STD_I64LE, H5T_NATIVE_INT64, &value);
    if (in_content(w, name)) dg_content_int(&w->content, name, value);
}

void dg_writer_real(dg_writer *w, const char *name, double value)
{
    write_attribute(w, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &value);
    if (in_content(w, name)) dg_content_real(&w->content, name, value);
}

/* Rank 0 makes room for an array; each rank puts its rows [begin, begin + n) into it. No rank
 * waits for another's disk, so one that fails strands nobody. */
static void put_rows(dg_writer *w, const char *array, const dg_array_info *info, int64_t begin,
                     int64_t n, const void *at)
{
    const size_t row_bytes = dg_type_size(info->type) * (size_t)info->n_cols;
    int64_t offset = -1;
    dg_err err;
    if (w->skeleton != NULL)
        dg_writer_fail(w, dg_skeleton_array(w->skeleton, array, info, &offset, &err), &err);
    dg_bcast(w->comm, &offset, sizeof offset, 0);
    if (offset < 0 || w->status != DG_OK) return;
    errno = EIO;
    if (dg_fault("write") ||
        !dg_put_bytes(w->fd, at, (size_t)n * row_bytes, offset + begin * (int64_t)row_bytes)) {
        char what[DG_PATH_SIZE + 32];
        snprintf(what, sizeof what, "cannot write %s", array);
        dg_writer_fail(w, dg_err_errno(&err, w->path, what), &err);
    }
    dg_fault("write.kill");
}

/* An array whose digest table (n_shards, 4) every rank holds, then the table itself. */
static void put_array(dg_writer *w, const char *array, const dg_piece *p, const uint64_t *table,
                      int64_t begin, int64_t n)
{
    char path[DG_PATH_SIZE];
    const int64_t n_rows = (int64_t)table[4 * (p->n_shards - 1) + 1];
    const dg_array_info info = {p->type, n_rows, p->n_cols, p->n_shards};
    const dg_array_info digests = {DG_U64, p->n_shards, 4, 0};
    put_rows(w, array, &info, begin, n, p->at);
    dg_layout_digest_path(array, path);
    put_rows(w, path, &digests, 0, w->comm->rank == 0 ? p->n_shards : 0, table);
    dg_content_array(&w->content, array, &info, table);
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

/* A measuring writer takes note of an array and is done with it. */
static bool measured(dg_writer *w, const dg_piece *p, dg_run run)
{
    const int64_t row_bytes = (int64_t)dg_type_size(p->type) * p->n_cols;
    for (int s = run.begin; w->measures && s < run.end; s++)
        w->n_bytes += p->shard_rows[s - run.begin] * row_bytes;
    return w->measures;
}

void dg_writer_array(dg_writer *w, const char *array, const dg_piece *p)
{
    const dg_run run = dg_shards_run(p->n_shards, w->comm->rank, w->comm->size);
    if (measured(w, p, run)) return;
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
    const int64_t begin = run.begin < run.end ? (int64_t)table[4 * run.begin] : 0;
    const int64_t end = run.begin < run.end ? (int64_t)table[4 * (run.end - 1) + 1] : 0;
    put_array(w, array, p, table, begin, end - begin);
    dg_free(table);
}

void dg_writer_small(dg_writer *w, const char *array, dg_type type, int64_t n_rows, int64_t n_cols,
                     const void *at)
{
    const size_t bytes = (size_t)n_rows * (size_t)n_cols * dg_type_size(type);
    uint64_t table[4] = {0};
    if (w->measures) {
        w->n_bytes += w->comm->rank == 0 ? (int64_t)bytes : 0;
        return;
    }
    if (w->comm->rank == 0) {
        const dg_digest d = dg_digest_of(at, bytes);
        memcpy(table, &(uint64_t[4]){0, (uint64_t)n_rows, d.low, d.high}, sizeof table);
    }
    dg_bcast(w->comm, table, sizeof table, 0);
    put_array(w, array, &(dg_piece){type, n_cols, 1, NULL, at}, table, 0,
              w->comm->rank == 0 ? n_rows : 0);
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

void dg_writer_small_strings(dg_writer *w, const char *array, const dg_strings *s)
{
    static const int64_t none = 0;
    char path[DG_PATH_SIZE];
    const int64_t *offset = s->n == 0 ? &none : s->offset;
    snprintf(path, sizeof path, "%s/offsets", array);
    dg_writer_small(w, path, DG_I64, s->n + 1, 1, offset);
    snprintf(path, sizeof path, "%s/bytes", array);
    dg_writer_small(w, path, DG_U8, offset[s->n], 1, s->bytes);
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

static dg_status sync_file(int fd, const char *path, dg_err *err)
{
    errno = EIO;
    return dg_fault("fsync") || fsync(fd) != 0 ? dg_err_errno(err, path, "cannot make durable")
                                               : DG_OK;
}

static dg_status sync_folder(const char *path, dg_err *err)
{
    char *copy = dg_strdup(path);
    if (copy == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", path);
    const char *folder = dirname(copy);
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const dg_status st =
        fd < 0 ? dg_err_errno(err, folder, "cannot open") : sync_file(fd, folder, err);
    if (fd >= 0) close(fd);
    dg_free(copy);
    return st;
}

/* Rank 0 only: stamp the seal, make it durable, give the file its name. Once it has that, it stays:
 * it may have replaced an older one. */
static dg_status publish(const dg_writer *w, const char seal[DG_SEAL_SIZE], dg_err *err)
{
    dg_status st = dg_put_bytes(w->fd, seal, DG_SEAL_SIZE, 0)
                       ? sync_file(w->fd, w->path, err)
                       : dg_err_errno(err, w->path, "cannot write");
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

/* Rank 0 adds the structure; every rank makes durable what it wrote: on a shared file system it
 * may still lie in this node's memory only. */
static void finish_own(dg_writer *w)
{
    dg_err err;
    if (w->status == DG_OK && w->skeleton != NULL)
        dg_writer_fail(w, dg_skeleton_write(w->skeleton, w->fd, w->path, &err), &err);
    if (w->status == DG_OK) dg_writer_fail(w, sync_file(w->fd, w->path, &err), &err);
}

dg_status dg_writer_commit(dg_writer **writer, char content[DG_HEX_SIZE], dg_err *err)
{
    dg_writer *w = *writer;
    char hex[DG_HEX_SIZE] = "";
    dg_err local;
    const dg_status hashed = dg_content_finish(&w->content, hex, &local);
    if (hashed != DG_OK) dg_writer_fail(w, hashed, &local);
    dg_writer_text(w, "content_digest", hex);
    finish_own(w);
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
    if (w->comm->rank == 0 && w->temporary != NULL) unlink(w->temporary);
    free_writer(writer);
}
