#include "ingest/inputs.h"

#include "base/memory.h"
#include "base/text.h"
#include "store/foreign.h"
#include "table/stream.h"

#include <string.h>

enum { DIGEST_BLOCK = 8 << 20 };

typedef struct dg_file_note { /* what travels from rank 0, followed by the path */
    int64_t size, path_length;
    int32_t codec, kind;
} dg_file_note;

/* Rank 0: look for the files of every kind and write them down. */
static dg_status note_files(const dg_strings *const paths[DG_INPUT_KINDS], dg_text *notes,
                            dg_err *err)
{
    for (int kind = 0; kind < DG_INPUT_KINDS; kind++) {
        if (paths[kind] == NULL || paths[kind]->n == 0) continue;
        dg_sources found = {0};
        const dg_status st = dg_sources_find(paths[kind], &found, err);
        if (st != DG_OK) return st;
        for (int64_t k = 0; k < found.n; k++) {
            const dg_source *s = &found.at[k];
            const dg_file_note note = {s->size, (int64_t)strlen(s->path), (int32_t)s->codec, kind};
            dg_text_bytes(notes, (const char *)&note, sizeof note);
            dg_text_bytes(notes, s->path, (size_t)note.path_length);
        }
        dg_sources_free(&found);
    }
    return notes->failed ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory listing input files") : DG_OK;
}

static dg_status read_notes(const char *at, size_t n, dg_inputs *in, dg_err *err)
{
    const char *const end = at + n;
    dg_sources *files = &in->files;
    while (at < end) {
        dg_file_note note;
        memcpy(&note, at, sizeof note);
        at += sizeof note;
        dg_source *grown = dg_grow(files->at, (size_t)files->n, (size_t)files->n + 1,
                                   &files->capacity, sizeof *grown);
        char *path = grown == NULL ? NULL : dg_alloc((size_t)note.path_length + 1, 1);
        if (grown != NULL) files->at = grown;
        if (path == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory listing input files");
        memcpy(path, at, (size_t)note.path_length);
        at += note.path_length;
        files->at[files->n++] = (dg_source){.path = path,
                                            .size = note.size,
                                            .codec = (dg_codec)note.codec,
                                            .reader = dg_foreign_reader()};
        for (int k = note.kind; k < DG_INPUT_KINDS; k++) in->first[k + 1] = files->n;
    }
    return DG_OK;
}

static dg_status share_notes(const dg_comm *c, dg_text *notes, dg_inputs *out, dg_err *err)
{
    int64_t n = (int64_t)notes->n;
    dg_bcast(c, &n, sizeof n, 0);
    char *bytes = dg_alloc((size_t)n, 1);
    dg_status st =
        bytes == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory listing input files") : DG_OK;
    st = dg_agree(c, st, err);
    if (st == DG_OK) {
        if (c->rank == 0 && n > 0) memcpy(bytes, notes->at, (size_t)n);
        dg_bcast(c, bytes, (size_t)n, 0);
        st = dg_agree(c, read_notes(bytes, (size_t)n, out, err), err);
    }
    dg_free(bytes);
    return st;
}

dg_status dg_inputs_find(const dg_comm *c, const dg_strings *const paths[DG_INPUT_KINDS],
                         dg_inputs *out, dg_err *err)
{
    dg_text notes = {0};
    *out = (dg_inputs){0};
    dg_status st = c->rank == 0 ? note_files(paths, &notes, err) : DG_OK;
    st = dg_agree(c, st, err);
    if (st == DG_OK) st = share_notes(c, &notes, out, err);
    dg_text_free(&notes);
    if (st != DG_OK) dg_inputs_free(out);
    return st;
}

void dg_inputs_free(dg_inputs *in)
{
    dg_sources_free(&in->files);
    *in = (dg_inputs){0};
}

dg_input_kind dg_inputs_kind(const dg_inputs *in, int64_t file)
{
    int kind = 0;
    while (in->first[kind + 1] <= file) kind++;
    return (dg_input_kind)kind;
}

dg_status dg_stretches_cut(const dg_sources *files, const bool *whole, int64_t bytes,
                           dg_stretches *out, dg_err *err)
{
    size_t capacity = 0;
    *out = (dg_stretches){0};
    for (int64_t f = 0; f < files->n; f++) {
        const int64_t size = files->at[f].size;
        const int64_t step = whole != NULL && whole[f] ? size : bytes;
        for (int64_t begin = 0; begin < size; begin += step) {
            dg_stretch *grown =
                dg_grow(out->at, (size_t)out->n, (size_t)out->n + 1, &capacity, sizeof *grown);
            if (grown == NULL) {
                dg_stretches_free(out);
                return DG_FAIL(err, DG_ERR_NOMEM, "out of memory cutting %lld files",
                               (long long)files->n);
            }
            out->at = grown;
            const int64_t end = size - begin < step ? size : begin + step;
            out->at[out->n++] = (dg_stretch){f, begin, end, end - begin};
        }
    }
    return DG_OK;
}

void dg_stretches_free(dg_stretches *s)
{
    dg_free(s->at);
    *s = (dg_stretches){0};
}

dg_range dg_stretches_share(const dg_stretches *s, int rank, int size)
{
    int64_t total = 0, before = 0;
    dg_range share = {0, 0};
    for (int64_t k = 0; k < s->n; k++) total += s->at[k].work;
    for (int64_t k = 0; k < s->n; k++) { /* a stretch goes where its first unit falls */
        if (before < dg_shards_cut_at(total, rank, size)) share.begin = k + 1;
        if (before < dg_shards_cut_at(total, rank + 1, size)) share.end = k + 1;
        before += s->at[k].work;
    }
    return share;
}

/* XXH3-128 of one block; the file is read as it lies on disk, compressed or not. */
static dg_status digest_block(const dg_source *file, dg_stretch at, char *block, int64_t out[2],
                              dg_err *err)
{
    const dg_source raw = {.path = file->path, .size = file->size};
    dg_stream *stream = NULL;
    size_t n = 0;
    dg_status st = dg_stream_open(&raw, at.begin, &stream, err);
    if (st == DG_OK) st = dg_stream_read(stream, block, (size_t)(at.end - at.begin), &n, err);
    dg_stream_close(&stream);
    if (st != DG_OK) return st;
    const dg_digest d = dg_digest_of(block, n);
    out[0] = (int64_t)d.low;
    out[1] = (int64_t)d.high;
    return DG_OK;
}

static dg_status digest_share(const dg_comm *c, dg_file_digests *d, dg_err *err)
{
    const dg_sources *files = &d->inputs.files;
    dg_status st = dg_stretches_cut(files, NULL, DIGEST_BLOCK, &d->blocks, err);
    if (st != DG_OK) return st;
    const dg_stretches *blocks = &d->blocks;
    d->digest = dg_alloc(2 * (size_t)blocks->n, sizeof *d->digest);
    d->first = dg_alloc((size_t)files->n + 1, sizeof *d->first);
    char *block = dg_alloc(DIGEST_BLOCK, 1);
    if (d->digest == NULL || d->first == NULL || block == NULL)
        st = DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a digest of %lld blocks",
                     (long long)blocks->n);
    for (int64_t k = 0; k < blocks->n && st == DG_OK; k++) d->first[blocks->at[k].file + 1] = k + 1;
    const dg_range own = dg_stretches_share(blocks, c->rank, c->size);
    for (int64_t k = own.begin; k < own.end && st == DG_OK; k++)
        st = digest_block(&files->at[blocks->at[k].file], blocks->at[k], block, d->digest + 2 * k,
                          err);
    dg_free(block);
    return st;
}

dg_status dg_file_digests_read(const dg_comm *c, const dg_strings *paths, dg_file_digests *out,
                               dg_err *err)
{
    const dg_strings *const of_kind[DG_INPUT_KINDS] = {paths};
    *out = (dg_file_digests){0};
    dg_status st = dg_inputs_find(c, of_kind, &out->inputs, err);
    if (st == DG_OK) st = dg_agree(c, digest_share(c, out, err), err);
    if (st == DG_OK) /* others' blocks are 0 here: the sum gathers; int holds 8 PB of them */
        dg_sum_int64(c, out->digest, (int)(2 * out->blocks.n));
    else
        dg_file_digests_free(out);
    return st;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

/* Names and sizes in front of the blocks: where one file ends is part of the digest. */
dg_status dg_file_digests_hex(const dg_file_digests *d, char hex[DG_HEX_SIZE], dg_err *err)
{
    dg_text all = {0};
    const dg_sources *files = &d->inputs.files;
    for (int64_t f = 0; f < files->n; f++)
        dg_text_add(&all, "%s\n%lld\n", base_name(files->at[f].path), (long long)files->at[f].size);
    for (int64_t k = 0; k < 2 * d->blocks.n; k++)
        dg_text_add(&all, "%016llx", (long long)d->digest[k]);
    const dg_status st =
        all.failed ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for the digest of the inputs")
                   : DG_OK;
    if (st == DG_OK) dg_digest_hex(all.at, all.n, hex);
    dg_text_free(&all);
    return st;
}

static int64_t find_file(const dg_sources *files, const dg_source *file, int64_t hint)
{
    for (int64_t k = 0; k < files->n; k++) {
        const int64_t f = (hint + k) % files->n;
        if (strcmp(files->at[f].path, file->path) == 0) return f;
    }
    return -1;
}

bool dg_file_digests_show(const dg_file_digests *d, const dg_source *file, int64_t begin,
                          int64_t end, int64_t *hint, dg_text *out)
{
    const int64_t f = find_file(&d->inputs.files, file, *hint);
    if (f < 0 || d->inputs.files.at[f].size != file->size) return false;
    *hint = f;
    for (int64_t k = d->first[f]; k < d->first[f + 1]; k++) {
        const dg_stretch *block = &d->blocks.at[k];
        if (block->begin < end && block->end > begin)
            dg_text_add(out, "%016llx%016llx\n", (long long)d->digest[2 * k],
                        (long long)d->digest[2 * k + 1]);
    }
    if (end > file->size) dg_text_add(out, "end %lld\n", (long long)file->size);
    return true;
}

void dg_file_digests_free(dg_file_digests *d)
{
    dg_inputs_free(&d->inputs);
    dg_stretches_free(&d->blocks);
    dg_free(d->digest);
    dg_free(d->first);
    *d = (dg_file_digests){0};
}
