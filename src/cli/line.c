#include "cli/line.h"

#include "base/memory.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_SET = 0x100, KEY_WORK, KEY_RESUME, KEY_JSON, KEY_DRY, KEY_PRINT, KEY_KEYS, KEY_OWN };

static const struct argp_option job_options[] = {
    {"set", KEY_SET, "KEY.PATH=VALUE", 0, "Override one key of the job; may be repeated", 1},
    {"work", KEY_WORK, "DIR", 0, "Work folder; by default runs/NAME", 1},
    {"resume", KEY_RESUME, "auto|none|PATH", 0, "Checkpoint to go on from; by default the newest",
     1},
    {"dry-run", KEY_DRY, NULL, 0, "Check the job and its input, say what would be done", 1},
    {"print-config", KEY_PRINT, NULL, 0, "Print the effective job and end", 1},
    {"help-keys", KEY_KEYS, NULL, 0, "Print every key of a job file with its meaning", 1},
};
static const struct argp_option common_options[] = {
    {"json", KEY_JSON, NULL, 0, "Print results as one JSON document", 2},
    {"quiet", 'q', NULL, 0, "Say only what went wrong", 2},
    {"verbose", 'v', NULL, 0, "Say more", 2},
    {"help", 'h', NULL, 0, "Say this and end", 2},
};
enum {
    N_JOB = sizeof job_options / sizeof *job_options,
    N_COMMON = sizeof common_options / sizeof *common_options,
    MAX_OWN = 24
};

typedef struct parse {
    dg_cli *cli;
    struct argp_option option[N_JOB + N_COMMON + MAX_OWN + 1];
    char name[MAX_OWN][32]; /* own flags, with dashes for underscores */
    int n_options;
    dg_status status;
    dg_err *err;
} parse;

static void add_own(parse *p, const dg_command *c)
{
    for (size_t k = 0; k < c->n_rows && k < MAX_OWN; k++) {
        const dg_option *row = &c->row[k];
        snprintf(p->name[k], sizeof p->name[k], "%s", row->key);
        for (char *s = p->name[k]; *s != '\0'; s++)
            if (*s == '_') *s = '-';
        struct argp_option *o = &p->option[p->n_options++];
        *o = (struct argp_option){.name = p->name[k], .key = KEY_OWN + (int)k, .doc = row->help};
        const bool is_switch = row->type == DG_OPT_BOOL; /* alone it means true */
        o->arg = is_switch ? "true|false" : row->type == DG_OPT_INT ? "N" : "VALUE";
        o->flags = is_switch ? OPTION_ARG_OPTIONAL : 0;
    }
}

static void build_options(parse *p, const dg_command *c)
{
    add_own(p, c);
    for (int k = 0; c->has_job && k < N_JOB; k++) p->option[p->n_options++] = job_options[k];
    for (int k = 0; k < N_COMMON; k++) p->option[p->n_options++] = common_options[k];
}

static error_t set_own(parse *p, int key, const char *text)
{
    const dg_option *row = &p->cli->command->row[key - KEY_OWN];
    const bool add = row->type == DG_OPT_LIST;
    const char *value = text == NULL ? "true" : text;
    dg_err why;
    const dg_status st = add ? dg_option_add(row, p->cli->fields, NULL, value, &why)
                             : dg_option_set(row, p->cli->fields, value, &why);
    if (st == DG_OK) return 0;
    p->status = st == DG_ERR_NOMEM ? st : DG_ERR_USAGE;
    DG_FAIL(p->err, p->status, "--%s: %.400s", p->name[key - KEY_OWN], why.text);
    if (why.hint[0] != '\0') dg_err_hint(p->err, p->status, "%s", why.hint);
    return EINVAL;
}

static const struct argp_option *find_option(const parse *p, const char *name, size_t n)
{
    for (int k = 0; k < p->n_options; k++)
        if (strlen(p->option[k].name) == n && memcmp(p->option[k].name, name, n) == 0)
            return &p->option[k];
    return NULL;
}

/* The word that getopt does not know: the last it took, or, of several letters after one dash, the
 * one it still stands at. */
static const char *culprit(const parse *p, const struct argp_state *state)
{
    const char *last = state->argv[state->next - 1];
    const char *next = state->next < state->argc ? state->argv[state->next] : "";
    const bool letters = next[0] == '-' && next[1] != '-' && next[1] != '\0' && next[2] != '\0';
    const bool known =
        last[0] != '-' || last[1] != '-' || find_option(p, last + 2, strlen(last + 2));
    return letters && known ? next : last;
}

/* getopt met something it does not know at `word`; say what. */
static void explain(parse *p, const char *word)
{
    const char *name = word + (word[0] == '-') + (word[0] == '-' && word[1] == '-');
    const size_t n = strcspn(name, "=");
    const struct argp_option *known = find_option(p, name, n);
    p->status = DG_ERR_USAGE;
    if (known != NULL && name == word + 2) {
        DG_FAIL(p->err, p->status, "option --%s %s", known->name,
                known->arg == NULL ? "takes no value" : "needs a value");
        return;
    }
    const char *names[N_JOB + N_COMMON + MAX_OWN];
    char wrong[64];
    snprintf(wrong, sizeof wrong, "%.*s", (int)n, name);
    for (int k = 0; k < p->n_options; k++) names[k] = p->option[k].name;
    const char *near = dg_nearest(wrong, names, (size_t)p->n_options);
    DG_FAIL(p->err, p->status, "unknown option \"%.60s\"", word);
    if (near != NULL && (n > 1 || known != NULL))
        dg_err_hint(p->err, p->status, "did you mean --%s?", near);
    else
        dg_err_hint(p->err, p->status, "daogou %s --help lists its options", p->cli->command->name);
}

static error_t on_key(int key, char *arg, struct argp_state *state)
{
    parse *p = state->input;
    dg_cli *cli = p->cli;
    switch (key) {
    case KEY_SET: cli->sets[cli->n_sets++] = arg; return 0;
    case KEY_WORK: cli->work = arg; return 0;
    case KEY_RESUME: cli->resume = arg; return 0;
    case KEY_JSON: cli->json = true; return 0;
    case KEY_DRY: cli->dry_run = true; return 0;
    case KEY_PRINT: cli->print_config = true; return 0;
    case KEY_KEYS: cli->help_keys = true; return 0;
    case 'q': cli->level = DG_LOG_QUIET; return 0;
    case 'v': cli->level = DG_LOG_DEBUG; return 0;
    case 'h': cli->help = true; return 0;
    case ARGP_KEY_ARG: cli->args[cli->n_args++] = arg; return 0;
    case ARGP_KEY_ERROR:
        if (p->status == DG_OK) explain(p, culprit(p, state));
        return 0;
    default:
        return key >= KEY_OWN && key < KEY_OWN + MAX_OWN ? set_own(p, key, arg) : ARGP_ERR_UNKNOWN;
    }
}

static dg_status check_arguments(const dg_cli *cli, dg_err *err)
{
    const dg_command *c = cli->command;
    if (cli->help || cli->help_keys) return DG_OK;
    /* A job may come from flags alone, but not from nothing. */
    if (cli->n_args < c->min_args || (c->has_job && cli->n_args + (int)cli->n_sets == 0)) {
        const dg_status st = DG_FAIL(err, DG_ERR_USAGE, "expected %s", c->arguments);
        return dg_err_hint(err, st, "daogou %s --help", c->name);
    }
    if (cli->n_args > c->max_args)
        return DG_FAIL(err, DG_ERR_USAGE, "unexpected argument \"%.100s\"", cli->args[c->max_args]);
    return DG_OK;
}

static dg_status allocate(const dg_command *c, int argc, dg_cli *out, dg_err *err)
{
    *out = (dg_cli){.command = c, .resume = "auto", .level = DG_LOG_INFO};
    out->args = dg_alloc((size_t)argc, sizeof *out->args);
    out->sets = dg_alloc((size_t)argc, sizeof *out->sets);
    if (c->n_rows > 0) out->fields = dg_alloc(1, c->fields_size);
    if (out->args == NULL || out->sets == NULL || (c->n_rows > 0 && out->fields == NULL))
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory reading the command line");
    return dg_options_default(c->row, c->n_rows, out->fields, err);
}

dg_status dg_cli_parse(const dg_command *command, int argc, char **argv, dg_cli *out, dg_err *err)
{
    parse p = {.cli = out, .err = err};
    const struct argp argp = {.options = p.option, .parser = on_key};
    dg_status st = allocate(command, argc, out, err);
    if (st != DG_OK) return st;
    build_options(&p, command);
    const error_t code =
        argp_parse(&argp, argc, argv, ARGP_NO_EXIT | ARGP_NO_ERRS | ARGP_NO_HELP, NULL, &p);
    if (p.status != DG_OK) return p.status;
    if (code != 0) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory reading the command line");
    return check_arguments(out, err);
}

void dg_cli_free(dg_cli *cli)
{
    if (cli->fields != NULL) dg_options_free(cli->command->row, cli->command->n_rows, cli->fields);
    dg_free(cli->fields);
    dg_free(cli->sets);
    dg_free(cli->args);
    *cli = (dg_cli){0};
}

void dg_cli_help(const dg_command *command)
{
    parse p = {0};
    char name[64];
    const struct argp argp = {.options = p.option,
                              .parser = on_key,
                              .args_doc = command->arguments,
                              .doc = command->summary};
    build_options(&p, command);
    snprintf(name, sizeof name, "daogou %s", command->name);
    argp_help(&argp, stdout, ARGP_HELP_SHORT_USAGE | ARGP_HELP_LONG | ARGP_HELP_DOC, name);
}

const dg_command *dg_cli_find(const char *name, dg_err *err)
{
    const char *names[64];
    size_t n = 0;
    for (; dg_commands[n] != NULL && n < 64; n++) {
        if (strcmp(dg_commands[n]->name, name) == 0) return dg_commands[n];
        names[n] = dg_commands[n]->name;
    }
    const char *near = dg_nearest(name, names, n);
    DG_FAIL(err, DG_ERR_USAGE, "unknown command \"%.60s\"", name);
    if (near != NULL)
        dg_err_hint(err, DG_ERR_USAGE, "did you mean \"daogou %s\"?", near);
    else
        dg_err_hint(err, DG_ERR_USAGE, "daogou --help lists the commands");
    return NULL;
}

void dg_cli_overview(void)
{
    printf("Usage: daogou COMMAND [JOB.yaml] [options]\n"
           "Trains shopping-guide recommenders on any number of MPI ranks.\n\n");
    for (size_t k = 0; dg_commands[k] != NULL; k++)
        if (dg_commands[k]->summary != NULL)
            printf("  %-10s %s\n", dg_commands[k]->name, dg_commands[k]->summary);
    printf("\n  --help     say this; after a command: its arguments and options\n"
           "  --version  print version and revision\n\n"
           "daogou run --help-keys prints every key of a job file. docs/ has the rest.\n");
}
