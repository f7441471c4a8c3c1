#include "base/keys.h"
#include "base/memory.h"
#include "base/strings.h"
#include "cli/command.h"

#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct flags {
    char *key, *ids;
} flags;

static const dg_option rows[] = {
    {.key = "key",
     .type = DG_OPT_TEXT,
     .offset = offsetof(flags, key),
     .help = "file of the pseudonym key, made by daogou keygen --pseudonyms"},
    {.key = "ids",
     .type = DG_OPT_TEXT,
     .offset = offsetof(flags, ids),
     .fallback = "-",
     .help = "file of ids to look among, one a line; - is the standard input"},
};

enum { LONGEST = 64 << 10 }; /* bytes of a line */

/* Is it one of those asked for? Everything is where nothing is. */
static bool is_wanted(const dg_cli *cli, const char *pseudonym)
{
    for (int k = 0; k < cli->n_args; k++)
        if (strcmp(cli->args[k], pseudonym) == 0) return true;
    return cli->n_args == 0;
}

static void show(const dg_cli *cli, json_t *list, const char *pseudonym, const char *id)
{
    if (list != NULL)
        json_array_append_new(list, json_pack("{s:s, s:s}", "pseudonym", pseudonym, "id", id));
    else if (!cli->json)
        printf("%s %s\n", pseudonym, id);
}

/* One id a line. */
static dg_status look(const dg_cli *cli, const dg_key *key, FILE *in, const char *path,
                      json_t *list, int64_t *found, dg_err *err)
{
    static char line[LONGEST];
    while (fgets(line, sizeof line, in) != NULL) {
        char pseudonym[DG_PSEUDONYM_SIZE];
        const size_t n = strcspn(line, "\r\n");
        if (n == sizeof line - 1)
            return DG_FAIL(err, DG_ERR_DATA, "%s: a line longer than %d bytes", path, LONGEST - 2);
        line[n] = '\0';
        if (n == 0) continue;
        dg_key_pseudonym(key, line, n, pseudonym);
        if (!is_wanted(cli, pseudonym)) continue;
        show(cli, list, pseudonym, line);
        ++*found;
    }
    return ferror(in) ? dg_err_errno(err, path, "cannot read") : DG_OK;
}

static dg_status look_in_file(const dg_cli *cli, const dg_key *key, json_t *list, int64_t *found,
                              dg_err *err)
{
    const flags *f = cli->fields;
    if (strcmp(f->ids, "-") == 0) return look(cli, key, stdin, "standard input", list, found, err);
    FILE *in = fopen(f->ids, "r");
    if (in == NULL) return dg_err_errno(err, f->ids, "cannot open");
    const dg_status st = look(cli, key, in, f->ids, list, found, err);
    fclose(in);
    return st;
}

static dg_status run(const dg_cli *cli, dg_err *err)
{
    const flags *f = cli->fields;
    dg_key key;
    int64_t found = 0;
    if (f->key[0] == '\0')
        return DG_FAIL(err, DG_ERR_USAGE, "reidentify: --key says which key the pseudonyms are of");
    dg_status st = dg_key_read(f->key, DG_KEY_PSEUDONYM, &key, err);
    if (st != DG_OK) return st;
    json_t *list = cli->json ? json_array() : NULL;
    st = look_in_file(cli, &key, list, &found, err);
    dg_key_wipe(&key);
    if (st == DG_OK && found < cli->n_args)
        st = DG_FAIL(err, DG_ERR_DATA, "%lld of %d pseudonyms are of no id of %s under this key",
                     (long long)(cli->n_args - found), cli->n_args, f->ids);
    if (list == NULL) return st;
    const dg_status shown = dg_cli_print_json(list, err);
    return st == DG_OK ? shown : st;
}

const dg_command dg_cmd_reidentify = {
    .name = "reidentify",
    .arguments = "[PSEUDONYM…]",
    .summary = "pseudonyms of ids, and ids of pseudonyms, for those who have the key",
    .max_args = INT_MAX,
    .row = rows,
    .n_rows = sizeof rows / sizeof *rows,
    .fields_size = sizeof(flags),
    .run = run,
};
