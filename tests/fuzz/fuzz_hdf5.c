/* A table in an HDF5 file: a byte for which columns are asked for, one for which rows, then the
 * file. HDF5 reads it in a process of its own and may break down; this one may not, whatever that
 * one says. */
#include "fuzz.h"

#include "store/foreign.h"
#include "table/record.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static void check(const dg_record *r)
{
    if (r->user.n == 0 || r->user.n > DG_ID_MAX || r->item.n == 0 || r->item.n > DG_ID_MAX) abort();
    if (!(r->value - r->value == 0)) abort();
}

static void read_range(const dg_source *s, const dg_dialect *d, const dg_layout *l, dg_bytes at)
{
    dg_err err;
    dg_record record;
    dg_records *records;
    dg_status st = dg_records_open(s, d, l, NULL, at, &records, &err);
    while (st == DG_OK && (st = dg_records_next(records, &record, &err)) == DG_OK &&
           record.outcome != DG_OUTCOME_END)
        if (record.outcome == DG_OUTCOME_RECORD) check(&record);
    if (st != DG_OK && memchr(err.text, '\0', sizeof err.text) == NULL) abort();
    dg_records_close(&records);
}

/* Long before libFuzzer loses patience; processor time counts anew in a child. */
static void limit_children(void)
{
    const struct rlimit seconds = {1, RLIM_INFINITY};
    signal(SIGXCPU, SIG_IGN);
    setrlimit(RLIMIT_CPU, &seconds);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const columns[4][DG_N_ROLES] = {
        {"user", "item", "value", "time"},
        {"log/user", "log/item", "log/value", "log/time"},
        {"log/table/user", "log/table/item", "log/table/value", "log/table/time"},
        {"user", "log", "/", "log/table"}};
    char path[] = "/tmp/fuzz-hdf5-XXXXXX";
    dg_err err;
    dg_layout layout;
    dg_dialect d = dg_dialect_default();
    if (n < 3) return 0;
    limit_children();
    d.format = DG_FORMAT_HDF5;
    const int fd = mkstemp(path);
    if (fd < 0 || write(fd, data + 2, n - 2) != (ssize_t)(n - 2)) abort();
    const dg_source s = {.path = path,
                         .size = (int64_t)n - 2,
                         .codec = DG_CODEC_HDF5,
                         .reader = dg_foreign_reader()};
    const int64_t cut = (s.size * data[1] + 255) / 256;
    if (dg_layout_read(&s, &d, columns[data[0] & 3], NULL, &layout, &err) == DG_OK)
        read_range(&s, &d, &layout, (dg_bytes){data[0] & 4 ? cut : 0, s.size, 0});
    unlink(path);
    close(fd);
    return 0;
}
