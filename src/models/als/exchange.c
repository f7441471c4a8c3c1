#include "models/als/exchange.h"

#include "base/log.h"
#include "base/memory.h"

/* Bytes all nodes receive when everybody gets everything. */
static int64_t replicated(const dg_nodes *n, const dg_shards *shards, int64_t row_bytes)
{
    return shards->begin[shards->n] * (n->n - 1) * row_bytes;
}

/* A survey, and the bytes it would move. COLLECTIVE. */
static dg_status survey(const dg_nodes *nodes, const dg_als_half *half, int64_t long_from,
                        int64_t row_bytes, dg_rows **out, int64_t *bytes, dg_err *err)
{
    const dg_status st = dg_rows_survey(nodes, half->other, half->ratings, long_from, out, err);
    if (st != DG_OK) return st;
    *bytes = dg_rows_received(*out) * row_bytes;
    dg_sum_int64(&nodes->all, bytes, 1);
    return DG_OK;
}

dg_als_choice dg_als_exchange_choose(const dg_als_options *o, int nodes, const dg_als_volume *v)
{
    const bool may_send = v->sums >= 0 && o->partial_sums != DG_ALS_SUMS_GATHER;
    const bool may_gather = v->sums < 0 || o->partial_sums != DG_ALS_SUMS_SEND;
    const bool sends = may_send && (!may_gather || v->rows_and_sums < v->rows);
    const int64_t least = sends ? v->rows_and_sums : v->rows;
    if (nodes > 1 && (o->exchange == DG_ALS_ROWS ||
                      (o->exchange == DG_ALS_EXCHANGE_AUTO && least < v->replicate)))
        return (dg_als_choice){.by_rows = true, .sends = sends};
    return (dg_als_choice){.sends = !may_gather}; /* sending holds long rows' ratings once more */
}

/* Of two surveys the one that is to be, the other is dropped. */
static void choose(const dg_nodes *nodes, const dg_als_options *o, dg_als_exchange *x,
                   dg_rows *gathering, dg_rows *sending)
{
    const dg_als_choice choice = dg_als_exchange_choose(o, nodes->n, &x->volume);
    dg_rows **taken = choice.sends ? &sending : &gathering;
    x->sends = choice.sends;
    if (choice.by_rows) {
        x->rows = *taken;
        *taken = NULL;
    }
    dg_rows_destroy(&gathering);
    dg_rows_destroy(&sending);
}

/* Between nodes: measure what each way would move. COLLECTIVE. */
static dg_status survey_all(const dg_nodes *nodes, const dg_als_half *half, int row_floats,
                            dg_als_exchange *x, dg_err *err)
{
    const int64_t row_bytes = row_floats * (int64_t)sizeof(float);
    dg_rows *gathering = NULL, *sending = NULL;
    dg_status st = survey(nodes, half, INT64_MAX, row_bytes, &gathering, &x->volume.rows, err);
    if (st == DG_OK && x->volume.sums >= 0) {
        const int64_t from = dg_als_long_from(half->other->n, half->d);
        st = survey(nodes, half, from, row_bytes, &sending, &x->volume.rows_and_sums, err);
        x->volume.rows_and_sums += x->volume.sums;
    }
    if (st == DG_OK) {
        choose(nodes, half->options, x, gathering, sending);
    } else {
        dg_rows_destroy(&gathering);
        dg_rows_destroy(&sending);
    }
    return st;
}

/* The plan, and the ratings as they name the places of its table. */
static dg_status plan(int row_floats, dg_als_exchange *x, dg_err *err)
{
    if (x->rows == NULL) return DG_OK;
    const dg_status st = dg_rows_plan(x->rows, row_floats, err);
    if (st != DG_OK) return st;
    x->ratings.index = dg_rows_index(x->rows);
    if (x->long_rows != NULL)
        dg_als_long_place(x->long_rows, dg_rows_own(x->rows).begin, x->ratings.index);
    return DG_OK;
}

/* Owners gather after all. COLLECTIVE. */
static dg_status gather_long(const dg_nodes *nodes, const dg_als_half *half, dg_als_exchange *x,
                             dg_err *err)
{
    dg_als_long_destroy(&x->long_rows);
    return dg_als_long_create(&nodes->all, half, false, &x->long_rows, err);
}

dg_status dg_als_exchange_create(const dg_nodes *nodes, const dg_als_half *half, int row_floats,
                                 bool observes, dg_als_exchange *out, dg_err *err)
{
    const dg_als_options *o = half->options;
    *out = (dg_als_exchange){.ratings = *half->ratings};
    out->volume = (dg_als_volume){
        .replicate = replicated(nodes, half->other, row_floats * (int64_t)sizeof(float)),
        .rows = -1,
        .rows_and_sums = -1,
        .sums = -1};
    out->sends =
        o->partial_sums == DG_ALS_SUMS_SEND ||
        (o->partial_sums == DG_ALS_SUMS_AUTO && nodes->n > 1 && o->exchange != DG_ALS_REPLICATE);
    dg_status st = dg_als_long_create(&nodes->all, half, out->sends, &out->long_rows, err);
    if (st == DG_OK && dg_als_long_rows(out->long_rows) == 0) dg_als_long_destroy(&out->long_rows);
    out->sends = out->sends && out->long_rows != NULL;
    const bool sent = out->sends;
    if (st == DG_OK && sent) out->volume.sums = dg_als_long_bytes(out->long_rows, observes);
    if (st == DG_OK && nodes->n > 1 && o->exchange != DG_ALS_REPLICATE)
        st = survey_all(nodes, half, row_floats, out, err);
    if (st == DG_OK && sent && !out->sends) st = gather_long(nodes, half, out, err);
    if (st == DG_OK) st = plan(row_floats, out, err);
    if (st != DG_OK) dg_als_exchange_destroy(out);
    return st;
}

/* "1.2 MB", or "-" for what was not measured. */
static const char *show(int64_t bytes, char *buf, size_t n)
{
    if (bytes < 0) return "-";
    return dg_show_bytes((double)bytes, buf, n);
}

static const char *name_of(const dg_als_exchange *x)
{
    if (x->rows == NULL) return "replicate";
    return x->sends ? "rows and sums" : "rows";
}

json_t *dg_als_exchange_figures(const dg_als_exchange *x)
{
    const dg_als_volume *v = &x->volume;
    const int64_t n = x->long_rows == NULL ? 0 : dg_als_long_rows(x->long_rows);
    return json_pack("{s:s, s:b, s:I, s:I, s:I, s:I, s:I}", "chosen", name_of(x), "sends_sums",
                     x->sends, "long_rows", (json_int_t)n, "replicate_bytes",
                     (json_int_t)v->replicate, "rows_bytes", (json_int_t)v->rows,
                     "rows_and_sums_bytes", (json_int_t)v->rows_and_sums, "sums_bytes",
                     (json_int_t)v->sums);
}

void dg_als_exchange_tell(const dg_als_exchange *x, const char *factors)
{
    char all[32], rows[32], both[32];
    const dg_als_volume *v = &x->volume;
    const int64_t n = x->long_rows == NULL ? 0 : dg_als_long_rows(x->long_rows);
    const bool travels = v->replicate > 0;
    dg_log_fields(travels ? DG_LOG_INFO : DG_LOG_DEBUG, "exchange", dg_als_exchange_figures(x),
                  "%s by %s: a sweep moves %s replicated, %s by rows, %s by rows and sums of %lld "
                  "long rows",
                  factors, name_of(x), show(v->replicate, all, sizeof all),
                  show(v->rows, rows, sizeof rows), show(v->rows_and_sums, both, sizeof both),
                  (long long)n);
}

void dg_als_exchange_destroy(dg_als_exchange *x)
{
    dg_als_long_destroy(&x->long_rows);
    dg_rows_destroy(&x->rows);
    *x = (dg_als_exchange){0};
}
