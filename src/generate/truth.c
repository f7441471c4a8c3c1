#include "generate/generate.h"

#include <string.h>

static json_t *option_as_json(const dg_option *o, const dg_generate_options *fields)
{
    const void *field = (const char *)fields + o->offset;
    switch (o->type) {
    case DG_OPT_BOOL: return json_boolean(*(const bool *)field);
    case DG_OPT_INT: return json_integer(*(const int64_t *)field);
    default: return json_real(*(const double *)field);
    }
}

static json_t *options_as_json(const dg_generate_options *o)
{
    json_t *all = json_object();
    int failed = 0;
    for (size_t k = 0; k < dg_generate_table_size; k++) {
        const dg_option *row = &dg_generate_table[k];
        failed |= json_object_set_new(all, strchr(row->key, '.') + 1, option_as_json(row, o));
    }
    if (failed == 0) return all;
    json_decref(all);
    return NULL;
}

static json_t *events_as_json(const dg_generate_report *report)
{
    json_t *all = json_object();
    int failed = 0;
    for (int k = 0; k < DG_N_EVENTS; k++)
        failed |= json_object_set_new(all, dg_event_names[k], json_integer(report->events[k]));
    if (failed == 0) return all;
    json_decref(all);
    return NULL;
}

json_t *dg_generate_truth(const dg_generate_options *o, const dg_generate_report *report)
{
    /* "o" takes the reference, and fails on NULL. */
    return json_pack("{s:s, s:i, s:o, s:{s:I, s:f, s:f, s:f}, s:o}", "format", "daogou-truth",
                     "version", 1, "options", options_as_json(o), "ratings", "rows",
                     (json_int_t)report->ratings, "mean", report->mean_rating, "rmse_planted",
                     report->rmse_planted, "rmse_planted_clipped", report->rmse_planted_clipped,
                     "events", events_as_json(report));
}
