/* cmd_recommend.c - the k best goods for named users, or for everybody. */
#include "cli/in_work.h"
#include "job/recommend.h"

#include <stdio.h>

typedef struct flags {
    int64_t k;
    dg_strings users;
    bool exclude_seen;
    char *filter, *rules, *scene;
} flags;

#define FIELD(f) offsetof(flags, f)

static const dg_option rows[] = {
    {.key = "k",
     .type = DG_OPT_INT,
     .offset = FIELD(k),
     .fallback = "10",
     .min = 1,
     .max = 1000,
     .help = "Goods per user"},
    {.key = "user",
     .type = DG_OPT_LIST,
     .offset = FIELD(users),
     .fallback = "",
     .help = "Id of a user, may be repeated; none: everybody, into WORK/recommendations/"},
    {.key = "exclude_seen",
     .type = DG_OPT_BOOL,
     .offset = FIELD(exclude_seen),
     .fallback = "true",
     .help = "Leave out what the user has in any part of the data"},
    {.key = "filter",
     .type = DG_OPT_TEXT,
     .offset = FIELD(filter),
     .help = "Only goods that pass, as in 'price < 50 and brand = \"Lumen\"'"},
    {.key = "rules",
     .type = DG_OPT_TEXT,
     .offset = FIELD(rules),
     .help = "File of rules that lists obey, as daogou-serve has it"},
    {.key = "scene",
     .type = DG_OPT_TEXT,
     .offset = FIELD(scene),
     .help = "Where the lists are shown; rules may ask"},
};

static dg_status some(const dg_cli *cli, dg_work *w, const dg_recommend_options *o, dg_err *err)
{
    dg_text lines = {0};
    const dg_status st = dg_recommend_some(w, o, &lines, err);
    if (st == DG_OK && dg_cli_speaks(cli) && lines.n > 0)
        printf("user,rank,item,score\n%s", lines.at);
    dg_text_free(&lines);
    return st;
}

static dg_status everybody(const dg_cli *cli, dg_work *w, const dg_recommend_options *o,
                           dg_err *err)
{
    char count[32];
    int64_t n = 0;
    const dg_status st = dg_recommend_all(w, o, &n, err);
    if (st != DG_OK || !dg_cli_speaks(cli)) return st;
    if (cli->json)
        return dg_cli_print_json(
            json_pack("{s:I, s:i, s:s}", "users", (json_int_t)n, "k", o->k, "folder", w->folder),
            err);
    printf("%s users x %d goods in %s/recommendations/\n", dg_show_count(n, count, sizeof count),
           o->k, w->folder);
    return DG_OK;
}

static const char *or_null(const char *text) { return text[0] == '\0' ? NULL : text; }

static dg_status lists(const dg_cli *cli, dg_work *w, dg_err *err)
{
    const flags *f = cli->fields;
    const dg_recommend_options o = {
        .k = (int)f->k,
        .exclude_seen = f->exclude_seen,
        .users = f->users.n > 0 ? &f->users : NULL,
        .select = {or_null(f->filter), or_null(f->rules), or_null(f->scene)}};
    return o.users != NULL ? some(cli, w, &o, err) : everybody(cli, w, &o, err);
}

static dg_status run(const dg_cli *cli, dg_err *err) { return dg_cli_in_work(cli, lists, err); }

const dg_command dg_cmd_recommend = {
    .name = "recommend",
    .arguments = "JOB.yaml",
    .summary = "the k best goods for named users, or for everybody",
    .min_args = 0,
    .max_args = 1,
    .has_job = true,
    .has_peers = true,
    .row = rows,
    .n_rows = sizeof rows / sizeof *rows,
    .fields_size = sizeof(flags),
    .run = run,
};
