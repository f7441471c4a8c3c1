#include "job/card.h"

#include "base/memory.h"
#include "base/text.h"
#include "ingest/card.h"
#include "ingest/columns.h"
#include "job/leaks.h"
#include "store/foreign.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static json_t *of_spread(const dg_spread *s)
{
    json_t *quantiles = json_object(), *lengths = json_array();
    for (int q = 0; q < DG_CARD_QUANTILES; q++) {
        char name[8];
        snprintf(name, sizeof name, "p%.0f", 100 * dg_card_at[q]);
        json_object_set_new(quantiles, name, json_integer(s->quantile[q]));
    }
    for (int k = 0; k < DG_CARD_LENGTHS; k++)
        json_array_append_new(lengths, json_integer(s->length[k]));
    return json_pack("{s:I, s:I, s:I, s:f, s:f, s:o, s:o}", "rows", (json_int_t)s->rows, "cold",
                     (json_int_t)s->empty, "most", (json_int_t)s->most, "gini", s->gini,
                     "top_1_percent_share", s->top_share, "quantiles", quantiles,
                     "rows_by_power_of_two", lengths);
}

static json_t *of_values(const dg_dataset *d, const dg_card *card)
{
    json_t *counts = json_array();
    for (int k = 0; k < DG_CARD_VALUES; k++)
        json_array_append_new(counts, json_integer(card->value[k]));
    return json_pack("{s:f, s:f, s:o}", "least", d->value_min, "most", d->value_max, "counts",
                     counts);
}

static json_t *of_counts(const dg_prepare_report *r)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "files",
                     (json_int_t)r->files, "bytes", (json_int_t)r->bytes, "records",
                     (json_int_t)r->records, "rejected", (json_int_t)r->rejected, "duplicates",
                     (json_int_t)r->duplicates, "core_dropped", (json_int_t)r->core_dropped,
                     "busy_days_dropped", (json_int_t)r->busy.events, "crowd_dropped",
                     (json_int_t)r->crowd, "train", (json_int_t)r->train, "valid",
                     (json_int_t)r->valid, "test", (json_int_t)r->test, "fold_in",
                     (json_int_t)r->fold_in);
}

static json_t *of_column(const dg_column *c, int64_t rows)
{
    json_t *j =
        json_pack("{s:s, s:s, s:I, s:I}", "name", c->name, "looks_like", dg_looks_text(c->looks),
                  "distinct", (json_int_t)c->distinct, "empty", (json_int_t)c->empty);
    json_t *odd = json_array();
    if (c->constant) json_array_append_new(odd, json_string("constant"));
    if (c->unique) json_array_append_new(odd, json_string("all different"));
    if (2 * c->empty > rows) json_array_append_new(odd, json_string("mostly empty"));
    if (c->looks >= DG_LOOKS_MAIL) json_array_append_new(odd, json_string("personal data"));
    json_object_set_new(j, "odd", odd);
    return j;
}

/* Rank 0: columns of the first file of ratings. They were readable a moment ago. */
static json_t *of_columns(const dg_prepare_options *o)
{
    dg_err ignored;
    dg_sources files = {0};
    dg_columns *columns = dg_alloc(1, sizeof *columns);
    json_t *list = json_array();
    int64_t rows = 0;
    const bool found =
        columns != NULL && dg_sources_find(&o->ratings.paths, &files, &ignored) == DG_OK;
    if (found) files.at->reader = dg_foreign_reader();
    if (found && dg_columns_look(files.at, &o->ratings.dialect, o->ratings.columns, columns,
                                 &ignored) == DG_OK) {
        rows = columns->rows;
        for (int k = 0; k < columns->n; k++)
            json_array_append_new(list, of_column(&columns->at[k], rows));
    }
    dg_sources_free(&files);
    dg_free(columns);
    return json_pack("{s:I, s:o}", "rows_looked_at", (json_int_t)rows, "columns", list);
}

static json_t *of_attributes(const dg_attribute_columns *a, const dg_card_attribute *card)
{
    json_t *list = json_array();
    for (int32_t k = 0; k < a->n; k++) {
        json_t *j = json_pack("{s:s, s:s, s:I}", "name", a->at[k].name, "type",
                              dg_attribute_type_text(a->at[k].type), "missing",
                              (json_int_t)card[k].missing);
        if (a->at[k].type != DG_ATTRIBUTE_NUMBER) {
            json_object_set_new(j, "values", json_integer(a->at[k].values.n));
        } else if (card[k].least <= card[k].most) {
            json_object_set_new(j, "least", json_real(card[k].least));
            json_object_set_new(j, "most", json_real(card[k].most));
        }
        json_array_append_new(list, j);
    }
    return list;
}

static char *write_card(const dg_prepare_options *o, const dg_prepare_report *r,
                        const dg_dataset *d, const dg_card *card)
{
    json_t *j = json_pack("{s:o, s:o, s:o, s:f, s:o, s:o}", "counts", of_counts(r), "users",
                          of_spread(&card->users), "items", of_spread(&card->items), "density",
                          card->density, "values", of_values(d, card), "first_file", of_columns(o));
    if (d->item_attributes.n + d->user_attributes.n > 0)
        json_object_set_new(j, "attributes",
                            json_pack("{s:o, s:o}", "items",
                                      of_attributes(&d->item_attributes, card->item), "users",
                                      of_attributes(&d->user_attributes, card->user)));
    const dg_twins *t = &r->leaks.twins;
    json_object_set_new(j, "twins",
                        json_pack("{s:I, s:I, s:I}", "items", (json_int_t)t->items, "users",
                                  (json_int_t)t->users, "copied_users", (json_int_t)t->copies));
    json_object_set_new(j, "leaks", dg_leaks_json(r, o->split.method));
    if (r->oldest <= r->newest)
        json_object_set_new(j, "time",
                            json_pack("{s:I, s:I}", "oldest", (json_int_t)r->oldest, "newest",
                                      (json_int_t)r->newest));
    char *text = json_dumps(j, JSON_COMPACT | JSON_REAL_PRECISION(12));
    char *card_text = text == NULL ? NULL : dg_strdup(text);
    free(text);
    json_decref(j);
    return card_text;
}

dg_status dg_job_card(const dg_comm *c, const dg_prepare_options *o, const dg_prepare_report *r,
                      dg_dataset *d, dg_err *err)
{
    dg_card card;
    int64_t n = 0;
    dg_status st = dg_card_make(c, d, &card, err);
    if (st != DG_OK) return st;
    if (c->rank == 0) d->card = write_card(o, r, d, &card);
    if (c->rank == 0 && d->card != NULL) n = (int64_t)strlen(d->card) + 1;
    dg_bcast(c, &n, sizeof n, 0);
    if (c->rank != 0) d->card = dg_alloc((size_t)n, 1);
    st = n > 0 && d->card != NULL ? DG_OK
                                  : DG_FAIL(err, DG_ERR_NOMEM, "out of memory for the data card");
    st = dg_agree(c, st, err);
    if (st == DG_OK) dg_bcast(c, d->card, (size_t)n, 0);
    return st;
}
