#include "cli/command.h"
#include "serve/guard/tokens.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef struct flags {
    char *roles, *expires, *file;
} flags;

static const dg_option rows[] = {
    {.key = "roles",
     .type = DG_OPT_TEXT,
     .offset = offsetof(flags, roles),
     .fallback = "read",
     .help = "what it may ask for: read, events, admin, with commas"},
    {.key = "expires",
     .type = DG_OPT_TEXT,
     .offset = offsetof(flags, expires),
     .fallback = "90d",
     .help = "a duration from now, a date, or never"},
    {.key = "file",
     .type = DG_OPT_TEXT,
     .offset = offsetof(flags, file),
     .help = "add its line here, a file for daogou-serve --tokens; else it is printed"},
};

/* "90d" as the moment it means; anything else as it stands. */
static void settle_expiry(const char *text, char out[64])
{
    double seconds;
    struct tm tm;
    snprintf(out, 64, "%s", text);
    if (!dg_parse_duration(text, &seconds)) return;
    const time_t when = time(NULL) + (time_t)seconds;
    gmtime_r(&when, &tm);
    strftime(out, 64, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static bool ends_a_line(int fd)
{
    char last;
    const off_t n = lseek(fd, 0, SEEK_END);
    return n <= 0 || (pread(fd, &last, 1, n - 1) == 1 && last == '\n');
}

/* In one write, so that a node that reads it meanwhile sees the line or does not. */
static dg_status add_line(const char *path, const dg_text *line, dg_err *err)
{
    dg_text all = {0};
    const int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) return dg_err_errno(err, path, "cannot open");
    dg_text_add(&all, "%s%s\n", ends_a_line(fd) ? "" : "\n", line->at);
    dg_status st = DG_OK;
    if (all.failed)
        st = DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", path);
    else if (write(fd, all.at, all.n) != (ssize_t)all.n || fsync(fd) != 0)
        st = dg_err_errno(err, path, "cannot write");
    close(fd);
    dg_text_free(&all);
    return st;
}

static dg_status show(const dg_cli *cli, const char *token, const dg_text *line, dg_err *err)
{
    const flags *f = cli->fields;
    if (cli->json)
        return dg_cli_print_json(
            json_pack("{s:s, s:s, s:s}", "name", cli->args[0], "token", token, "line", line->at),
            err);
    printf("%s\n", token);
    if (f->file[0] == '\0')
        printf("%s\n", line->at);
    else
        dg_log(DG_LOG_INFO, "token", "%s: the line of %s was added; the token is shown this once",
               f->file, cli->args[0]);
    return DG_OK;
}

static dg_status run(const dg_cli *cli, dg_err *err)
{
    const flags *f = cli->fields;
    char token[DG_TOKEN_SIZE], expires[64];
    dg_text line = {0};
    settle_expiry(f->expires, expires);
    dg_status st = dg_token_make(cli->args[0], f->roles, expires, token, &line, err);
    if (st == DG_OK && f->file[0] != '\0') st = add_line(f->file, &line, err);
    if (st == DG_OK) st = show(cli, token, &line, err);
    dg_text_free(&line);
    return st;
}

const dg_command dg_cmd_token = {
    .name = "token",
    .arguments = "NAME",
    .summary = "make a bearer token for a serving node; printed once, kept as its hash",
    .min_args = 1,
    .max_args = 1,
    .row = rows,
    .n_rows = sizeof rows / sizeof *rows,
    .fields_size = sizeof(flags),
    .run = run,
};
