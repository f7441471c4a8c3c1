#include "ingest/quotes.h"

#include "base/memory.h"
#include "comm/exchange.h"

#include <stdio.h>
#include <string.h>

typedef struct dg_quotes { /* the same for every rank that gets them, hence one copy each */
    dg_strings text;
    int64_t *kind;            /* (text.n,) dg_input_kind of each */
    int64_t *count, *arrived; /* (size,) */
} dg_quotes;

static int64_t lines_before(const dg_stretches *s, const int64_t *lines, int64_t stretch)
{
    int64_t n = 0;
    for (int64_t k = stretch; k-- > 0 && s->at[k].file == s->at[stretch].file;) n += lines[k];
    return n;
}

/* With pseudonyms only what kind of thing is wrong is said: a quotation could be of an id. */
static dg_reject told(const dg_prepare_options *o, const dg_reject *reject)
{
    dg_reject r = *reject;
    if (o->pseudonyms != NULL) snprintf(r.reason, sizeof r.reason, "%s", dg_reject_text(r.cause));
    return r;
}

static dg_status add_quote(const dg_prepare_options *o, const dg_inputs *in, const dg_stretches *s,
                           const int64_t *lines, const dg_bad_record *bad, dg_quotes *q,
                           dg_err *err)
{
    dg_err quoted;
    const int64_t file = s->at[bad->stretch].file;
    const dg_reject reject = told(o, &bad->reject);
    (void)dg_reject_fail(&reject, in->files.at[file].path, lines_before(s, lines, bad->stretch),
                         &quoted);
    q->kind[q->text.n] = dg_inputs_kind(in, file);
    return dg_strings_add(&q->text, quoted.text, strlen(quoted.text), err);
}

/* This rank's bad records that are among the first of their kind, once for each rank. */
static dg_status write_quotes(const dg_comm *c, const dg_prepare_options *o, const dg_inputs *in,
                              const dg_stretches *s, const dg_reading *r, const int64_t *before,
                              dg_quotes *q, dg_err *err)
{
    const size_t most = (size_t)c->size * DG_INPUT_KINDS * DG_PREPARE_QUOTES;
    q->kind = dg_alloc(most, sizeof *q->kind);
    q->count = dg_alloc((size_t)c->size, sizeof *q->count);
    q->arrived = dg_alloc((size_t)c->size, sizeof *q->arrived);
    if (q->kind == NULL || q->count == NULL || q->arrived == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory quoting bad records");
    for (int rank = 0; rank < c->size; rank++) {
        const int64_t first = q->text.n;
        for (int kind = 0; kind < DG_INPUT_KINDS; kind++)
            for (int64_t k = 0; k < r->tally[kind].n_bad && before[kind] + k < DG_PREPARE_QUOTES;
                 k++) {
                const dg_status st = add_quote(o, in, s, r->lines, &r->tally[kind].bad[k], q, err);
                if (st != DG_OK) return st;
            }
        q->count[rank] = q->text.n - first;
    }
    return DG_OK;
}

/* Ranks read in file order, so what arrives in rank order is in file order. */
static dg_status exchange_quotes(const dg_comm *c, dg_quotes *mine, dg_strings *text, void **kind,
                                 dg_err *err)
{
    const dg_status st =
        dg_exchange(c, mine->kind, sizeof *mine->kind, mine->count, kind, mine->arrived, err);
    return st == DG_OK ? dg_exchange_strings(c, &mine->text, mine->count, text, mine->arrived, err)
                       : st;
}

static void show(const dg_strings *text, dg_prepare_report *report)
{
    for (int64_t k = 0; k < text->n && report->n_quotes < DG_PREPARE_QUOTES; k++) {
        size_t n;
        const char *at = dg_strings_at(text, k, &n);
        snprintf(report->quote[report->n_quotes++], sizeof report->quote[0], "%.*s", (int)n, at);
    }
}

static const char *key_of(dg_input_kind kind)
{
    static const char *const key[DG_INPUT_KINDS] = {
        "data.ratings", "prepare.split.valid", "prepare.split.test", "data.items", "data.users"};
    return key[kind];
}

static dg_status fail_with_first(const dg_prepare_source *source, dg_input_kind kind,
                                 const int64_t count[2], const dg_strings *text,
                                 const int64_t *kinds, dg_err *err)
{
    int64_t k = 0;
    size_t n;
    while (kinds[k] != (int64_t)kind) k++;
    const char *first = dg_strings_at(text, k, &n);
    const dg_status st = DG_FAIL(err, DG_ERR_DATA, "%.*s", (int)n, first);
    const long long bad = (long long)count[1], all = (long long)(count[0] + count[1]);
    if (source->fail)
        return dg_err_hint(err, st,
                           "%s.on_error: reject would pass over the %lld bad records "
                           "of %lld",
                           key_of(kind), bad, all);
    return dg_err_hint(err, st, "%lld of %lld records are bad; %s.max_rejects allows a share of %g",
                       bad, all, key_of(kind), source->max_rejects);
}

static dg_status fail_empty(const dg_inputs *in, dg_input_kind kind, dg_err *err)
{
    const char *path = in->files.at[in->first[kind]].path;
    const int64_t more = in->first[kind + 1] - in->first[kind] - 1;
    if (more == 0) return DG_FAIL(err, DG_ERR_DATA, "%s: no usable record", path);
    return DG_FAIL(err, DG_ERR_DATA, "%s and %lld more files: no usable record", path,
                   (long long)more);
}

/* The same everywhere: it looks at agreed numbers only. */
static dg_status judge(const dg_prepare_options *o, const dg_inputs *in,
                       int64_t count[DG_INPUT_KINDS][2], const dg_strings *text,
                       const int64_t *kinds, dg_err *err)
{
    for (int k = 0; k < DG_INPUT_KINDS; k++) {
        const dg_input_kind kind = (dg_input_kind)k;
        const dg_prepare_source *source = dg_prepare_source_of(o, kind);
        const int64_t good = count[k][0], bad = count[k][1];
        const double allowed = source->fail ? 0 : source->max_rejects * (double)(good + bad);
        if (bad > 0 && (good == 0 || (double)bad > allowed))
            return fail_with_first(source, kind, count[k], text, kinds, err);
        if (good == 0 && in->first[k + 1] > in->first[k]) return fail_empty(in, kind, err);
    }
    return DG_OK;
}

dg_status dg_quotes_judge(const dg_comm *c, const dg_prepare_options *o, const dg_inputs *in,
                          const dg_stretches *s, dg_reading *r, dg_prepare_report *report,
                          dg_err *err)
{
    int64_t before[DG_INPUT_KINDS], count[DG_INPUT_KINDS][2];
    dg_quotes mine = {0};
    dg_strings text = {0};
    void *kinds = NULL;
    dg_sum_int64(c, r->lines, (int)s->n); /* others' stretches are 0 here: the sum gathers */
    for (int k = 0; k < DG_INPUT_KINDS; k++) {
        before[k] = dg_prefix_int64(c, r->tally[k].n_bad);
        count[k][0] = r->tally[k].records;
        count[k][1] = r->tally[k].rejected;
    }
    dg_sum_int64(c, count[0], 2 * DG_INPUT_KINDS);
    for (int k = 0; k < DG_INPUT_KINDS; k++) {
        *(k >= DG_INPUT_ITEMS ? &report->listed : &report->records) += count[k][0];
        report->rejected += count[k][1];
    }
    dg_status st = dg_agree(c, write_quotes(c, o, in, s, r, before, &mine, err), err);
    if (st == DG_OK) st = exchange_quotes(c, &mine, &text, &kinds, err);
    if (st == DG_OK) {
        show(&text, report);
        st = judge(o, in, count, &text, kinds, err);
    }
    dg_strings_free(&mine.text);
    dg_free(mine.kind);
    dg_free(mine.count);
    dg_free(mine.arrived);
    dg_strings_free(&text);
    dg_free(kinds);
    return st;
}
