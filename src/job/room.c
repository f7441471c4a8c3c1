#include "job/room.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/fault.h"
#include "job/work.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* HDF5 takes a shared lock of a file it reads, and gives up where that fails. A file system without
 * any locks it forgives. */
static dg_status check_lock(int fd, const char *folder, dg_err *err)
{
    const char *used = getenv("HDF5_USE_FILE_LOCKING");
    if (used != NULL && (strcmp(used, "FALSE") == 0 || strcmp(used, "0") == 0)) return DG_OK;
    errno = ENOLCK;
    if (!dg_fault("lock") && flock(fd, LOCK_SH | LOCK_NB) == 0) return DG_OK;
    if (errno == ENOSYS) return DG_OK;
    const dg_status st = DG_FAIL(err, DG_ERR_CANTCREATE,
                                 "%s: cannot lock a file in it, as reading checkpoints does: %s",
                                 folder, strerror(errno));
    return dg_err_hint(err, st,
                       "set HDF5_USE_FILE_LOCKING=FALSE, or choose another folder with --work");
}

static dg_status check_writing(const char *folder, dg_err *err)
{
    char path[DG_PATH];
    snprintf(path, sizeof path, "%.4000s/room.tmp", folder);
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    const bool good = fd >= 0 && write(fd, "?", 1) == 1;
    dg_status st = DG_OK;
    if (!good) {
        st = DG_FAIL(err, DG_ERR_CANTCREATE, "%s: cannot write checkpoints into it: %s", folder,
                     strerror(errno));
        dg_err_hint(err, st, "make it writable, or choose another folder with --work");
    }
    if (st == DG_OK) st = check_lock(fd, folder, err);
    if (fd >= 0) {
        close(fd);
        unlink(path);
    }
    return st;
}

/* Bytes of the checkpoints there, which go as new ones come. */
static double bytes_there(const char *folder)
{
    int64_t sweep[DG_MAX_SAVED];
    char path[DG_PATH];
    struct stat info;
    double sum = 0;
    const int n = dg_checkpoint_list(folder, sweep);
    for (int k = 0; k < n; k++)
        if (stat(dg_checkpoint_path(folder, sweep[k], path, sizeof path), &info) == 0)
            sum += (double)info.st_size;
    return sum;
}

static dg_status check_space(const char *folder, int64_t n_bytes, int64_t keep, int64_t n_other,
                             dg_err *err)
{
    struct statvfs fs;
    char left[32], needed[32];
    if (statvfs(folder, &fs) != 0) return dg_err_errno(err, folder, "cannot look at");
    double room = (double)fs.f_bavail * (double)fs.f_frsize;
    if (dg_fault("room")) room = 0;
    room += bytes_there(folder);
    const double need = (double)n_bytes * (double)(keep + 1 + n_other);
    if (need <= room) return DG_OK;
    const dg_status st = DG_FAIL(
        err, DG_ERR_CANTCREATE, "%s: %s left for checkpoints and the model, which take up to %s",
        folder, dg_show_bytes(room, left, sizeof left), dg_show_bytes(need, needed, sizeof needed));
    return dg_err_hint(err, st,
                       "make room, lower checkpoint.keep, or choose another folder with --work");
}

dg_status dg_room_check(const dg_comm *c, const char *folder, int64_t n_bytes, int64_t keep,
                        int64_t n_other, dg_err *err)
{
    dg_status st = DG_OK;
    if (c->rank == 0) {
        st = dg_folder_make(folder, err);
        if (st == DG_OK) st = check_writing(folder, err);
        if (st == DG_OK) st = check_space(folder, n_bytes, keep, n_other, err);
    }
    return dg_agree(c, st, err);
}

/* Called by the work folder's place, so that two of them never share one. */
static dg_status make_local(const char *local, const char *work, char out[DG_PATH],
                            char sign[DG_PATH], dg_err *err)
{
    char whole[PATH_MAX], hex[DG_HEX_SIZE];
    if (realpath(work, whole) == NULL) return dg_err_errno(err, work, "cannot look at");
    dg_digest_hex(whole, strlen(whole), hex);
    if (snprintf(out, DG_PATH, "%s/daogou-%.16s", local, hex) > DG_PATH - 64)
        return DG_FAIL(err, DG_ERR_CANTCREATE, "%.80s…: the folder's path is too long", local);
    const dg_status st = dg_folder_make(out, err);
    if (st != DG_OK) return st;
    dg_work_tidy(out);
    /* A name that no folder of the same path on another node has. */
    snprintf(sign, DG_PATH, "%.4000s/%.16s-%lld.tmp", out, hex, (long long)(dg_now() * 1e6));
    return dg_file_replace(sign, hex, sizeof hex, err);
}

dg_status dg_room_local(const dg_comm *c, const char *local, const char *work, char out[DG_PATH],
                        dg_err *err)
{
    char sign[DG_PATH] = "";
    dg_status st = c->rank == 0 ? make_local(local, work, out, sign, err) : DG_OK;
    st = dg_agree(c, st, err);
    if (st != DG_OK) return st;
    dg_bcast(c, out, DG_PATH, 0);
    dg_bcast(c, sign, DG_PATH, 0);
    if (dg_fault("see") || access(sign, F_OK) != 0) {
        st = DG_FAIL(err, DG_ERR_CANTCREATE,
                     "checkpoint.local: %s: is not the same folder for all ranks", local);
        dg_err_hint(err, st,
                    "it is for ranks of one node, or on a file system that all nodes share");
    }
    st = dg_agree(c, st, err);
    if (c->rank == 0) unlink(sign);
    return st;
}
