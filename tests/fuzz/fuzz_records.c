/* A file of interactions: a byte for format, header and encoding, one for where it is cut, then its
 * content, packed or plain. No record is ever more than its fields, and what two adjoining ranges
 * hold is what the whole holds, where the first proves where the second begins. */
#include "fuzz.h"

#include "table/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct tally {
    int64_t records, rejects, lines, first, end;
    uint64_t sum;
} tally;

static void check(const dg_record *r)
{
    if (r->user.n == 0 || r->user.n > DG_ID_MAX || r->item.n == 0 || r->item.n > DG_ID_MAX) abort();
    if (r->event.n > DG_ID_MAX || !(r->value - r->value == 0)) abort();
}

static bool read_range(const dg_source *s, const dg_dialect *d, const dg_layout *l,
                       const dg_filters *f, dg_bytes at, tally *t)
{
    dg_err err;
    dg_record record;
    dg_records *records;
    dg_status st = dg_records_open(s, d, l, f, at, &records, &err);
    while (st == DG_OK && (st = dg_records_next(records, &record, &err)) == DG_OK &&
           record.outcome != DG_OUTCOME_END) {
        if (record.outcome == DG_OUTCOME_RECORD) check(&record);
        if (record.outcome == DG_OUTCOME_RECORD)
            t->sum += (uint64_t)record.position * 31 + record.user.n + 7 * record.item.n;
        *(record.outcome == DG_OUTCOME_RECORD ? &t->records : &t->rejects) += 1;
    }
    if (st == DG_OK) {
        t->lines += dg_records_lines(records);
        t->first = dg_records_first(records);
        t->end = dg_records_end(records);
    }
    dg_records_close(&records);
    return st == DG_OK;
}

static void read_cut(const dg_source *s, const dg_dialect *d, const dg_layout *l,
                     const dg_filters *f, int64_t cut)
{
    tally whole = {0}, parts = {0};
    const int64_t n = dg_source_content(s);
    if (!read_range(s, d, l, f, (dg_bytes){0, n < 0 ? s->size : n, 0}, &whole) || n < 0) return;
    if (!read_range(s, d, l, f, (dg_bytes){0, cut, 0}, &parts)) abort();
    if (!read_range(s, d, l, f, (dg_bytes){cut, n, parts.end}, &parts)) abort();
    if (parts.records != whole.records || parts.rejects != whole.rejects ||
        parts.lines != whole.lines || parts.sum != whole.sum)
        abort();
}

static dg_dialect dialect_of(uint8_t how)
{
    dg_dialect d = dg_dialect_default();
    d.format = (dg_format)(how & 3);
    d.header = (how & 4) != 0 && d.format == DG_FORMAT_CSV;
    d.encoding = (how & 8) != 0 ? DG_ENCODING_LATIN1 : DG_ENCODING_UTF8;
    strcpy(d.separator, (how & 16) != 0 ? "::" : d.format == DG_FORMAT_CSV ? "," : " ");
    return d;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const number[] = {"1", "2", "3", "4", NULL, NULL};
    static const char *const path[] = {"u", "e.i", "v", "t", "e.k", NULL};
    char name[40];
    dg_err err;
    dg_layout layout;
    dg_filters filters = {0};
    if (n < 3) return 0;
    const dg_dialect d = dialect_of(data[0]);
    const int fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data + 2, n - 2) != (ssize_t)(n - 2)) abort();
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    dg_source s = {.path = name, .size = (int64_t)n - 2, .codec = (dg_codec)(data[0] >> 5 & 3) % 3};
    if (s.codec != DG_CODEC_PLAIN &&
        dg_members_find(fd, s.size, s.codec == DG_CODEC_GZIP, &s.members, &err) != DG_OK)
        abort();
    const int64_t content = dg_source_content(&s);
    const bool objects = d.format == DG_FORMAT_JSONL;
    if (dg_layout_read(&s, &d, objects ? path : number, &filters, &layout, &err) == DG_OK)
        read_cut(&s, &d, &layout, &filters, (content * data[1] + 255) / 256);
    dg_members_free(&s.members);
    close(fd);
    return 0;
}
