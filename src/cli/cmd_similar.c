/* cmd_similar.c - similar and explain: an exported model asked at the command line, by the code
 * that serves it. */
#include "base/memory.h"
#include "cli/command.h"
#include "cli/job_input.h"
#include "job/tables.h"
#include "serve/answers.h"

#include <stdio.h>
#include <string.h>

typedef struct flags {
    char *item, *user;
    int64_t k;
} flags;

#define FIELD(f) offsetof(flags, f)

#define ROWS(item_help, user_help, k_help)                                                         \
    {.key = "item",                                                                                \
     .type = DG_OPT_TEXT,                                                                          \
     .offset = FIELD(item),                                                                        \
     .fallback = "",                                                                               \
     .help = item_help},                                                                           \
        {.key = "user",                                                                            \
         .type = DG_OPT_TEXT,                                                                      \
         .offset = FIELD(user),                                                                    \
         .fallback = "",                                                                           \
         .help = user_help},                                                                       \
    {                                                                                              \
        .key = "k", .type = DG_OPT_INT, .offset = FIELD(k), .fallback = "10", .min = 1,            \
        .max = DG_MAX_K, .help = k_help                                                            \
    }

static const dg_option similar_rows[] = {ROWS(
    "Id of an item: goods like it", "Id of a user: users like this one", "Neighbours to show")};
static const dg_option explain_rows[] = {
    ROWS("Id of an item", "Id of a user", "Reasons to show; the others are added up")};

/* FILE.h5 as it is; of a job its work folder's artifact.h5. */
static dg_status find_artifact(const dg_cli *cli, char *path, size_t n, dg_err *err)
{
    const char *arg = cli->n_args > 0 ? cli->args[0] : "";
    const size_t length = strlen(arg);
    char folder[4000];
    dg_job *job = NULL;
    if (length > 3 && strcmp(arg + length - 3, ".h5") == 0) {
        snprintf(path, n, "%s", arg);
        return DG_OK;
    }
    const dg_status st = dg_cli_job(cli, dg_job_tables_all(NULL), &job, err);
    if (st == DG_OK)
        snprintf(path, n, "%s/artifact.h5", dg_cli_work(cli, job, folder, sizeof folder));
    dg_job_destroy(&job);
    return st;
}

static dg_status copy_id(const char *from, char id[DG_MAX_ID], size_t *n, dg_err *err)
{
    *n = strlen(from);
    if (*n > DG_MAX_ID) return DG_FAIL(err, DG_ERR_USAGE, "an id has at most %d bytes", DG_MAX_ID);
    memcpy(id, from, *n);
    return DG_OK;
}

static dg_status refused(const json_t *answer, dg_err *err)
{
    const json_t *error = json_object_get(answer, "error");
    const char *code = json_string_value(json_object_get(error, "code"));
    const char *message = json_string_value(json_object_get(error, "message"));
    const dg_status st = code != NULL && strncmp(code, "unknown_", 8) == 0 ? DG_ERR_NOINPUT
                         : code != NULL && strcmp(code, "no_reasons") == 0 ? DG_ERR_CONFIG
                                                                           : DG_ERR_NUMERIC;
    return DG_FAIL(err, st, "%s", message == NULL ? "no answer" : message);
}

static void print_name(const json_t *o, const char *key)
{
    const char *title = json_string_value(json_object_get(o, "title"));
    printf("%s%s%s", json_string_value(json_object_get(o, key)), title != NULL ? "  " : "",
           title != NULL ? title : "");
}

static void print_similar(const json_t *answer)
{
    const bool users = json_object_get(answer, "users") != NULL;
    const json_t *list = json_object_get(answer, users ? "users" : "items"), *each;
    const char *reason = json_string_value(json_object_get(answer, "reason"));
    size_t k;
    if (reason != NULL) printf("nothing is like it (%s); the most popular goods:\n", reason);
    if (json_array_size(list) == 0) printf("no neighbours\n");
    json_array_foreach(list, k, each)
    {
        printf("%10.6g  ", json_number_value(json_object_get(each, "score")));
        print_name(each, users ? "user" : "item");
        printf("\n");
    }
}

static void print_reasons(const json_t *answer)
{
    const json_t *reasons = json_object_get(answer, "reasons"), *each;
    const double base = json_number_value(json_object_get(answer, "base"));
    const double others = json_number_value(json_object_get(answer, "others"));
    size_t k;
    printf("%10.6g  score\n", json_number_value(json_object_get(answer, "score")));
    if (base != 0) printf("%10.6g  base\n", base);
    json_array_foreach(reasons, k, each)
    {
        printf("%+10.6g  because of ", json_number_value(json_object_get(each, "contribution")));
        print_name(each, json_object_get(each, "item") != NULL ? "item" : "user");
        printf(" (similarity %.4g)\n", json_number_value(json_object_get(each, "similarity")));
    }
    if (others != 0) printf("%+10.6g  because of others\n", others);
    const double unsettled = json_number_value(json_object_get(answer, "unsettled"));
    if (unsettled != 0) printf("%+10.6g  learned before the items were as they are\n", unsettled);
}

static dg_status print_answer(const dg_cli *cli, const dg_reply *reply, dg_err *err)
{
    json_t *answer = json_loadb(reply->body, reply->n, 0, NULL);
    dg_status st = DG_OK;
    if (answer == NULL)
        st = DG_FAIL(err, DG_ERR_NOMEM, "out of memory for an answer");
    else if (reply->http != 200)
        st = refused(answer, err);
    else if (cli->json)
        st = dg_cli_print_json(json_incref(answer), err);
    else if (json_object_get(answer, "reasons") != NULL)
        print_reasons(answer);
    else
        print_similar(answer);
    json_decref(answer);
    return st;
}

static dg_status ask(const dg_cli *cli, dg_asker *answer, const dg_request *request, dg_err *err)
{
    char path[4096];
    dg_node *node = NULL;
    dg_status st = find_artifact(cli, path, sizeof path, err);
    if (st != DG_OK) return st;
    st = dg_node_open(path, &node, err);
    if (st == DG_ERR_NOINPUT) dg_err_hint(err, st, "run `daogou export` with this job first");
    if (st != DG_OK) return st;
    const dg_reply reply = answer(node, request);
    st = print_answer(cli, &reply, err);
    dg_free(reply.owned);
    dg_node_close(&node);
    return st;
}

static dg_status similar(const dg_cli *cli, dg_err *err)
{
    const flags *f = cli->fields;
    const bool users = f->user[0] != '\0';
    dg_request request = {.k = (int)f->k};
    if (users == (f->item[0] != '\0'))
        return DG_FAIL(err, DG_ERR_USAGE, "give --item ID or --user ID, one of them");
    const dg_status st = copy_id(users ? f->user : f->item, request.id, &request.n_id, err);
    dg_asker *answer = users ? dg_answer_similar_users : dg_answer_similar;
    return st == DG_OK ? ask(cli, answer, &request, err) : st;
}

static dg_status explain(const dg_cli *cli, dg_err *err)
{
    const flags *f = cli->fields;
    dg_request request = {.k = (int)f->k};
    if (f->item[0] == '\0' || f->user[0] == '\0')
        return DG_FAIL(err, DG_ERR_USAGE, "give both --user ID and --item ID");
    dg_status st = copy_id(f->user, request.id, &request.n_id, err);
    if (st == DG_OK) st = copy_id(f->item, request.item, &request.n_item, err);
    return st == DG_OK ? ask(cli, dg_answer_explain, &request, err) : st;
}

const dg_command dg_cmd_similar = {
    .name = "similar",
    .arguments = "JOB.yaml|ARTIFACT.h5",
    .summary = "the goods closest to one, or the users closest to one, by the exported model",
    .min_args = 0,
    .max_args = 1,
    .has_job = true,
    .row = similar_rows,
    .n_rows = sizeof similar_rows / sizeof *similar_rows,
    .fields_size = sizeof(flags),
    .run = similar,
};

const dg_command dg_cmd_explain = {
    .name = "explain",
    .arguments = "JOB.yaml|ARTIFACT.h5",
    .summary = "why the exported model scores an item so for a user: what speaks for it",
    .min_args = 0,
    .max_args = 1,
    .has_job = true,
    .row = explain_rows,
    .n_rows = sizeof explain_rows / sizeof *explain_rows,
    .fields_size = sizeof(flags),
    .run = explain,
};
