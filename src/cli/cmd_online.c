/* cmd_online.c - what became of the lists a node showed: rates, arms, another policy. */
#include "base/memory.h"
#include "base/text.h"
#include "cli/command.h"
#include "online/online.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct flags {
    dg_strings events, click, convert;
    dg_map weights;
    double window, click_window, confidence, effect, clip, min_effective, min_overlap, max_rejects;
    int64_t resamples, seed;
    int join, reward;
    char *policy, *control;
} flags;

#define FIELD(f) offsetof(flags, f)

static const char *const joins[] = {"user", "request", NULL};
static const char *const rewards[] = {"click", "conversion", "satisfaction", NULL};

/* clang-format off */
static const dg_option rows[] = {
    {.key = "events", .type = DG_OPT_LIST, .offset = FIELD(events),
     .help = "Logs of events: files and globs"},
    {.key = "click", .type = DG_OPT_LIST, .offset = FIELD(click), .fallback = "click,view",
     .help = "Events that are clicks"},
    {.key = "convert", .type = DG_OPT_LIST, .offset = FIELD(convert), .fallback = "buy,purchase",
     .help = "Events that are conversions"},
    {.key = "weights", .type = DG_OPT_MAP, .offset = FIELD(weights),
     .help = "What events are worth to satisfaction, as click=1,buy=5,dislike=-3; by default a click 1"},
    {.key = "join", .type = DG_OPT_CHOICE, .offset = FIELD(join), .fallback = "user", .choices = joins,
     .help = "Whose list an event belongs to: the latest with the item its user was shown, or that of "
             "the request it names"},
    {.key = "click_window", .type = DG_OPT_DURATION, .offset = FIELD(click_window), .fallback = "1d",
     .help = "From being shown to a click"},
    {.key = "window", .type = DG_OPT_DURATION, .offset = FIELD(window), .fallback = "7d",
     .help = "From a click to a conversion"},
    {.key = "control", .type = DG_OPT_TEXT, .offset = FIELD(control), .fallback = "",
     .help = "Arm that others are compared with; by default champion, or the first by name"},
    {.key = "policy", .type = DG_OPT_TEXT, .offset = FIELD(policy), .fallback = "",
     .help = "Judge this arm as if it had chosen every list; by default the log's \"target\""},
    {.key = "reward", .type = DG_OPT_CHOICE, .offset = FIELD(reward), .fallback = "click",
     .choices = rewards, .help = "Of a list, for a policy"},
    {.key = "clip", .type = DG_OPT_REAL, .offset = FIELD(clip), .fallback = "100", .min = 0, .max = 1e12,
     .help = "Largest weight of a list in the clipped estimate; 0: none"},
    {.key = "min_effective", .type = DG_OPT_REAL, .offset = FIELD(min_effective), .fallback = "1000",
     .min = 0, .max = 1e15, .help = "Smaller effective samples give no verdict on a policy"},
    {.key = "min_overlap", .type = DG_OPT_REAL, .offset = FIELD(min_overlap), .fallback = "0.8",
     .min = 0, .max = 1, .help = "Nor does a log that covers less of it"},
    {.key = "effect", .type = DG_OPT_REAL, .offset = FIELD(effect), .fallback = "0.01", .min = 1e-9,
     .max = 1e9, .help = "A difference worth knowing: bounds for looking at any time are tightest there"},
    {.key = "confidence", .type = DG_OPT_REAL, .offset = FIELD(confidence), .fallback = "0.95",
     .min = 0.5, .max = 0.9999, .help = "Of the intervals"},
    {.key = "resamples", .type = DG_OPT_INT, .offset = FIELD(resamples), .fallback = "1000", .min = 100,
     .max = 20000, .help = "Resamples of the users"},
    {.key = "seed", .type = DG_OPT_INT, .offset = FIELD(seed), .fallback = "1", .min = 0, .max = 9e15,
     .help = "Of the resamples"},
    {.key = "max_rejects", .type = DG_OPT_REAL, .offset = FIELD(max_rejects), .fallback = "0.001",
     .min = 0, .max = 1, .help = "Share of lines that may be bad"},
};
/* clang-format on */

typedef struct wish { /* flags as the module wants them */
    dg_online_options o;
    dg_logs_options logs;
    dg_strings impressions;
    const char *kind[DG_KINDS];
    char text[DG_KINDS][64];
} wish;

/* The number of a kind, new or met before; -1: no room. */
static int kind_of(wish *w, const dg_strings *names, int64_t k)
{
    size_t n;
    char name[64];
    const char *at = dg_strings_at(names, k, &n);
    if (n >= sizeof name) return -1;
    snprintf(name, sizeof name, "%.*s", (int)n, at);
    for (int i = 0; i < w->o.n_kinds; i++)
        if (strcmp(w->kind[i], name) == 0) return i;
    if (w->o.n_kinds == DG_KINDS) return -1;
    memcpy(w->text[w->o.n_kinds], name, sizeof name);
    w->kind[w->o.n_kinds] = w->text[w->o.n_kinds];
    return w->o.n_kinds++;
}

static dg_status too_many(dg_err *err)
{
    return DG_FAIL(err, DG_ERR_USAGE, "more than %d kinds of events, or too long a name of one",
                   (int)DG_KINDS);
}

static dg_status take_kinds(const flags *f, wish *w, dg_err *err)
{
    for (int64_t k = 0; k < f->click.n; k++) {
        const int i = kind_of(w, &f->click, k);
        if (i < 0) return too_many(err);
        w->o.is_click[i] = true;
        w->o.weight[i] = f->weights.key.n == 0;
    }
    for (int64_t k = 0; k < f->convert.n; k++) {
        const int i = kind_of(w, &f->convert, k);
        if (i < 0) return too_many(err);
        if (w->o.is_click[i])
            return DG_FAIL(err, DG_ERR_USAGE, "\"%s\" is both a click and a conversion",
                           w->kind[i]);
        w->o.is_conversion[i] = true;
    }
    for (int64_t k = 0; k < f->weights.key.n; k++) {
        size_t n;
        const int i = kind_of(w, &f->weights.key, k);
        const char *at = dg_strings_at(&f->weights.value, k, &n);
        if (i < 0) return too_many(err);
        if (!dg_parse_double(at, n, &w->o.weight[i]) || !isfinite(w->o.weight[i]))
            return DG_FAIL(err, DG_ERR_USAGE, "--weights: \"%.*s\" is not a number",
                           n < 40 ? (int)n : 40, at);
    }
    return DG_OK;
}

static dg_status take(const dg_cli *cli, wish *w, dg_err *err)
{
    const flags *f = cli->fields;
    dg_status st = DG_OK;
    w->o = (dg_online_options){.by_request = f->join == 1,
                               .click_window = (int64_t)(1000 * f->click_window),
                               .window = (int64_t)(1000 * f->window),
                               .confidence = f->confidence,
                               .effect = f->effect,
                               .resamples = f->resamples,
                               .seed = (uint64_t)f->seed,
                               .reward = (dg_reward)f->reward,
                               .policy = f->policy[0] != '\0' ? f->policy : NULL,
                               .clip = f->clip,
                               .least_effective = f->min_effective,
                               .least_overlap = f->min_overlap};
    if (w->o.window <= 0) return DG_FAIL(err, DG_ERR_USAGE, "--window: expected more than no time");
    for (int k = 0; k < cli->n_args && st == DG_OK; k++)
        st = dg_strings_add(&w->impressions, cli->args[k], strlen(cli->args[k]), err);
    if (st == DG_OK) st = take_kinds(f, w, err);
    w->logs = (dg_logs_options){.impressions = &w->impressions,
                                .events = &f->events,
                                .kind = w->kind,
                                .n_kinds = w->o.n_kinds,
                                .control = f->control[0] != '\0' ? f->control : NULL,
                                .max_rejects = f->max_rejects};
    return st;
}

/* ---- telling ---- */

static json_t *real(double v) { return isfinite(v) ? json_real(v) : json_null(); }

static json_t *of_rate(const dg_rate *r)
{
    return json_pack("{s:I, s:I, s:o, s:[f,f]}", "of", (json_int_t)r->of, "all", (json_int_t)r->all,
                     "value", real(r->value), "interval", r->low, r->high);
}

static json_t *of_arm(const dg_arm_figures *a)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:[o,o]}", "lists",
                     (json_int_t)a->lists, "items", (json_int_t)a->items, "clicked_lists",
                     (json_int_t)a->clicked_lists, "converted_lists",
                     (json_int_t)a->converted_lists, "conversions_without_click",
                     (json_int_t)a->late_conversions, "ctr", of_rate(&a->ctr), "cvr",
                     of_rate(&a->cvr), "ctcvr", of_rate(&a->ctcvr), "cvr_corrected",
                     real(a->cvr_corrected), "ctcvr_corrected", real(a->ctcvr_corrected),
                     "satisfaction", real(a->satisfaction), "satisfaction_interval",
                     real(a->satisfaction_low), real(a->satisfaction_high));
}

static json_t *of_difference(const dg_arm_difference *d)
{
    return json_pack("{s:o, s:[o,o], s:[o,o], s:o}", "value", real(d->value), "interval",
                     real(d->low), real(d->high), "any_time_interval", real(d->always_low),
                     real(d->always_high), "any_time_p", real(d->always_p));
}

static void add_estimate(json_t *to, const char *name, const dg_estimate *e)
{
    char interval[40];
    snprintf(interval, sizeof interval, "%s_interval", name);
    json_object_set_new(to, name, real(e->value));
    json_object_set_new(to, interval, json_pack("[o,o]", real(e->low), real(e->high)));
}

static json_t *of_policy(const dg_off_policy *p, bool by_items)
{
    json_t *j = json_pack("{s:I, s:f, s:o, s:[o,o], s:f, s:f, s:b, s:s}", "lists",
                          (json_int_t)p->lists, "logged", p->logged, "ips_clipped",
                          real(p->clipped), "gain_interval", real(p->gain_low), real(p->gain_high),
                          by_items ? "effective_items" : "effective_lists", p->effective, "overlap",
                          p->overlap, "refused", p->refused, "verdict", p->verdict);
    add_estimate(j, "ips", &p->ips);
    if (by_items) {
        add_estimate(j, "pseudoinverse", &p->pseudoinverse);
    } else {
        add_estimate(j, "snips", &p->snips);
        add_estimate(j, "dr", &p->dr);
    }
    return j;
}

static json_t *to_json(const dg_online *r)
{
    json_t *arms = json_object(), *against = json_object(), *places = json_array();
    json_t *delay = json_array();
    for (int a = 0; a < r->arms.n; a++) {
        json_object_set_new(arms, r->arms.at[a], of_arm(&r->arm[a]));
        if (a > 0)
            json_object_set_new(against, r->arms.at[a],
                                json_pack("{s:o, s:o, s:o}", "clicked_lists",
                                          of_difference(&r->click[a]), "converted_lists",
                                          of_difference(&r->conversion[a]), "satisfaction",
                                          of_difference(&r->satisfied[a])));
    }
    for (int k = 0; k < DG_POSITIONS; k++) json_array_append_new(places, of_rate(&r->position[k]));
    for (int k = 0; k < DG_DELAYS; k++) json_array_append_new(delay, json_real(r->delay[k]));
    json_t *j = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:s, s:o, s:o, s:o}", "lists",
                          (json_int_t)r->lists, "items", (json_int_t)r->items, "events",
                          (json_int_t)r->events, "events_of_no_list", (json_int_t)r->unmatched,
                          "lists_of_no_arm", (json_int_t)r->undrawn, "rejected",
                          (json_int_t)r->rejected, "all", of_arm(&r->all), "arms", arms, "control",
                          r->arms.at[0], "difference_from_control", against, "ctr_by_position",
                          places, "delay_cdf", delay);
    if (r->policy.asked) json_object_set_new(j, "policy", of_policy(&r->policy, false));
    if (r->slate.asked) json_object_set_new(j, "slate", of_policy(&r->slate, true));
    return j;
}

static void print_rate(const char *name, const dg_rate *r)
{
    if (r->all == 0) return;
    printf("  %-16s %8.4f %%   (%.4f … %.4f %%; %lld of %lld)\n", name, 100 * r->value,
           100 * r->low, 100 * r->high, (long long)r->of, (long long)r->all);
}

static void print_arm(const char *name, const dg_arm_figures *a)
{
    char lists[32], items[32];
    printf("%s: %s lists, %s items\n", name, dg_show_count(a->lists, lists, sizeof lists),
           dg_show_count(a->items, items, sizeof items));
    print_rate("ctr", &a->ctr);
    print_rate("cvr", &a->cvr);
    if (isfinite(a->cvr_corrected))
        printf("  %-16s %8.4f %%   with the conversions still to come\n", "cvr, corrected",
               100 * a->cvr_corrected);
    print_rate("ctcvr", &a->ctcvr);
    printf("  %-16s %8.4f     (%.4f … %.4f a list)\n", "satisfaction", a->satisfaction,
           a->satisfaction_low, a->satisfaction_high);
}

static void print_difference(const char *name, const dg_arm_difference *d)
{
    printf("  %-22s %+.5f   looked at once %+.5f … %+.5f", name, d->value, d->low, d->high);
    if (isfinite(d->always_p))
        printf(", at any time %+.5f … %+.5f, p %.4f", d->always_low, d->always_high, d->always_p);
    printf("\n");
}

static void print_estimate(const char *name, const dg_estimate *e)
{
    if (isfinite(e->value)) printf("  %s %.5f (%.5f … %.5f)\n", name, e->value, e->low, e->high);
}

static void print_policy(const dg_off_policy *p, const char *of, const char *units)
{
    printf("%s: %lld lists, effective sample %.0f %s, overlap %.2f; reward as logged %.5f\n", of,
           (long long)p->lists, p->effective, units, p->overlap, p->logged);
    print_estimate("ips", &p->ips);
    printf("  ips, clipped %.5f\n", p->clipped);
    print_estimate("snips", &p->snips);
    print_estimate("dr", &p->dr);
    print_estimate("pseudoinverse", &p->pseudoinverse);
    printf("  %s\n", p->verdict);
}

static void print(const dg_online *r)
{
    print_arm("all", &r->all);
    for (int a = 0; a < r->arms.n && r->arms.n > 1; a++) print_arm(r->arms.at[a], &r->arm[a]);
    for (int a = 1; a < r->arms.n; a++) {
        printf("%s less %s, shares of lists\n", r->arms.at[a], r->arms.at[0]);
        print_difference("with a click", &r->click[a]);
        print_difference("with a conversion", &r->conversion[a]);
        print_difference("satisfaction", &r->satisfied[a]);
    }
    if (r->policy.asked) print_policy(&r->policy, "policy", "lists");
    if (r->slate.asked) print_policy(&r->slate, "policy, by items in their places", "items");
    if (r->undrawn > 0)
        printf("%lld lists are of no arm: nothing was drawn for them\n", (long long)r->undrawn);
    if (r->unmatched > 0)
        printf("%lld events belong to no list that was shown\n", (long long)r->unmatched);
    if (r->rejected > 0) printf("%lld bad lines passed over\n", (long long)r->rejected);
}

static dg_status run(const dg_cli *cli, dg_err *err)
{
    dg_logs logs = {0};
    wish *w = dg_alloc(1, sizeof *w);
    dg_online *r = dg_alloc(1, sizeof *r);
    dg_status st = w == NULL || r == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for logs")
                                          : take(cli, w, err);
    st = dg_agree(cli->comm, st, err);
    if (st == DG_OK) st = dg_logs_read(cli->comm, &w->logs, &logs, err);
    if (st == DG_OK) st = dg_online_measure(cli->comm, &logs, &w->o, r, err);
    if (st == DG_OK && dg_cli_speaks(cli)) {
        if (cli->json)
            st = dg_cli_print_json(to_json(r), err);
        else
            print(r);
    }
    dg_logs_free(&logs);
    if (w != NULL) dg_strings_free(&w->impressions);
    dg_free(w);
    dg_free(r);
    return dg_agree(cli->comm, st, err);
}

const dg_command dg_cmd_online = {
    .name = "online",
    .arguments = "IMPRESSIONS…",
    .summary = "rates, arms and policies from logs of what was shown and what became of it",
    .min_args = 1,
    .max_args = INT_MAX,
    .has_peers = true,
    .row = rows,
    .n_rows = sizeof rows / sizeof *rows,
    .fields_size = sizeof(flags),
    .run = run,
};
