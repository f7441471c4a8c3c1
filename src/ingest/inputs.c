#include "ingest/inputs.h"

#include "base/memory.h"
#include "base/text.h"
#include "store/foreign.h"
#include "table/stream.h"

#include <string.h>

enum { DIGEST_BLOCK = 8 << 20, DIGEST_PIECE = 256 << 10 };

typedef struct dg_file_note { /* what travels from rank 0, followed by the path and the members */
    int64_t size, path_length, n_members, content;
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
            const dg_members *m = &s->members;
            const dg_file_note note = {s->size,    (int64_t)strlen(s->path), m->n,
                                       m->content, (int32_t)s->codec,        kind};
            dg_text_bytes(notes, (const char *)&note, sizeof note);
            dg_text_bytes(notes, s->path, (size_t)note.path_length);
            dg_text_bytes(notes, (const char *)m->at, (size_t)m->n * sizeof *m->at);
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
        if (grown == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory listing input files");
        files->at = grown;
        dg_source *file = &files->at[files->n++]; /* from here on dg_inputs_free finds it */
        *file = (dg_source){
            .size = note.size, .codec = (dg_codec)note.codec, .reader = dg_foreign_reader()};
        file->path = dg_alloc((size_t)note.path_length + 1, 1);
        if (note.n_members > 0)
            file->members.at = dg_alloc((size_t)note.n_members, sizeof(dg_member));
        if (file->path == NULL || (note.n_members > 0 && file->members.at == NULL))
            return DG_FAIL(err, DG_ERR_NOMEM, "out of memory listing input files");
        const size_t members = (size_t)note.n_members * sizeof(dg_member);
        memcpy(file->path, at, (size_t)note.path_length);
        if (members > 0) memcpy(file->members.at, at + note.path_length, members);
        file->members.n = note.n_members;
        file->members.content = note.content;
        at += (size_t)note.path_length + members;
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

/* Where a stretch of a packed file ends: just behind the beginning of a member, since the next one
 * looks at the byte before it too. */
static int64_t end_of(const dg_source *file, int64_t least)
{
    const int64_t k = dg_members_before(&file->members, least - 2) + 1;
    return k < file->members.n ? file->members.at[k].content + 1 : file->members.content;
}

dg_status dg_stretches_cut(const dg_sources *files, const bool *whole, int64_t bytes,
                           dg_stretches *out, dg_err *err)
{
    size_t capacity = 0;
    *out = (dg_stretches){0};
    for (int64_t f = 0; f < files->n; f++) {
        const dg_source *file = &files->at[f];
        const bool packed = whole != NULL && !whole[f] && file->members.n > 0;
        const int64_t size = packed ? file->members.content : file->size;
        const int64_t step = whole != NULL && whole[f] ? size : bytes;
        for (int64_t begin = 0, end; begin < size; begin = end) {
            dg_stretch *grown =
                dg_grow(out->at, (size_t)out->n, (size_t)out->n + 1, &capacity, sizeof *grown);
            if (grown == NULL) {
                dg_stretches_free(out);
                return DG_FAIL(err, DG_ERR_NOMEM, "out of memory cutting %lld files",
                               (long long)files->n);
            }
            end = size - begin <= step ? size : begin + step;
            if (packed && end < size) end = end_of(file, end);
            out->at = grown;
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
static dg_status digest_block(const dg_source *file, dg_stretch at, char *piece, int64_t out[2],
                              dg_err *err)
{
    const dg_source raw = {.path = file->path, .size = file->size};
    dg_stream *stream = NULL;
    dg_digest_stream digest;
    dg_digest_begin(&digest);
    dg_status st = dg_stream_open(&raw, at.begin, &stream, err);
    for (int64_t left = at.end - at.begin; left > 0 && st == DG_OK;) {
        size_t n;
        st = dg_stream_read(stream, piece, left < DIGEST_PIECE ? (size_t)left : DIGEST_PIECE, &n,
                            err);
        if (st == DG_OK) dg_digest_add(&digest, piece, n);
        left -= (int64_t)n;
    }
    dg_stream_close(&stream);
    const dg_digest d = dg_digest_end(&digest);
    out[0] = (int64_t)d.low;
    out[1] = (int64_t)d.high;
    return st;
}

static dg_status digest_share(const dg_comm *c, dg_file_digests *d, dg_err *err)
{
    const dg_sources *files = &d->inputs.files;
    dg_status st = dg_stretches_cut(files, NULL, DIGEST_BLOCK, &d->blocks, err);
    if (st != DG_OK) return st;
    const dg_stretches *blocks = &d->blocks;
    d->digest = dg_alloc(2 * (size_t)blocks->n, sizeof *d->digest);
    d->first = dg_alloc((size_t)files->n + 1, sizeof *d->first);
    char *piece = dg_alloc(DIGEST_PIECE, 1);
    if (d->digest == NULL || d->first == NULL || piece == NULL)
        st = DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a digest of %lld blocks",
                     (long long)blocks->n);
    for (int64_t k = 0; k < blocks->n && st == DG_OK; k++) d->first[blocks->at[k].file + 1] = k + 1;
    const dg_range own = dg_stretches_share(blocks, c->rank, c->size);
    for (int64_t k = own.begin; k < own.end && st == DG_OK; k++)
        st = digest_block(&files->at[blocks->at[k].file], blocks->at[k], piece, d->digest + 2 * k,
                          err);
    dg_free(piece);
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
