#include "base/memory.h"
#include "job/schema.h"
#include "ranking/metrics.h"
#include "registry/gate.h"
#include "registry/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct checker {
    dg_job *job;
    dg_place_error *place;
    void *context;
    dg_err *err;
} checker;

#define REFUSE(ck, key, ...)                                                                       \
    ((ck)->place((ck)->context, (key), DG_FAIL((ck)->err, DG_ERR_CONFIG, __VA_ARGS__), (ck)->err))

static dg_status replace(checker *ck, char **field, const char *text)
{
    char *copy = dg_strdup(text);
    if (copy == NULL) return DG_FAIL(ck->err, DG_ERR_NOMEM, "out of memory reading the job");
    dg_free(*field);
    *field = copy;
    return DG_OK;
}

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("._-", c) != NULL);
}

/* The run's folder is called by it, so it may not wander off. */
static dg_status check_name(checker *ck)
{
    char name[65];
    if (ck->job->name[0] == '\0') { /* the file's name without folder and ending */
        const char *slash = strrchr(ck->job->file, '/');
        snprintf(name, sizeof name, "%s", slash == NULL ? ck->job->file : slash + 1);
        char *dot = strrchr(name, '.');
        if (dot != NULL && dot != name) *dot = '\0';
        for (char *c = name; *c != '\0'; c++)
            if (!is_name_byte(*c)) *c = '-';
        if (name[0] == '.' || name[0] == '\0') snprintf(name, sizeof name, "job");
        return replace(ck, &ck->job->name, name);
    }
    const size_t n = strlen(ck->job->name);
    bool good = n < sizeof name && ck->job->name[0] != '.';
    for (size_t k = 0; k < n; k++) good = good && is_name_byte(ck->job->name[k]);
    return good ? DG_OK
                : REFUSE(ck, "name", "expected up to 64 letters, digits and . _ -, not first a .");
}

typedef struct column { /* a column a table cannot do without */
    const char *name;
    size_t offset; /* of the char * in dg_job_source */
    const char *without_header;
} column;

#define COLUMN(field, number)                                                                      \
    {                                                                                              \
#field, offsetof(dg_job_source, columns.field), number                                     \
    }

static dg_status check_column(checker *ck, const char *prefix, dg_job_source *s, const column *c)
{
    char key[128];
    char **field = (char **)((char *)s + c->offset);
    const bool numbered = s->format == DG_JOB_CSV && !s->header;
    int64_t number;
    snprintf(key, sizeof key, "%s.columns.%s", prefix, c->name);
    if ((*field)[0] == '\0' && numbered) return replace(ck, field, c->without_header);
    if ((*field)[0] == '\0') return REFUSE(ck, key, "missing: which column holds the %s?", c->name);
    if (numbered && (!dg_parse_int64(*field, strlen(*field), &number) || number < 1))
        return REFUSE(ck, key,
                      "expected a column number from 1, as there is no header, found \"%s\"",
                      *field);
    return DG_OK;
}

static dg_status check_optional(checker *ck, const char *prefix, dg_job_source *s)
{
    static const column all[] = {COLUMN(user, ""),  COLUMN(item, ""),  COLUMN(value, ""),
                                 COLUMN(time, ""),  COLUMN(event, ""), COLUMN(scene, ""),
                                 COLUMN(title, ""), COLUMN(friend, "")};
    dg_status st = DG_OK;
    for (size_t k = 0; k < sizeof all / sizeof *all && st == DG_OK; k++) {
        const char *given = *(char **)((char *)s + all[k].offset);
        if (given[0] != '\0') st = check_column(ck, prefix, s, &all[k]);
    }
    return st;
}

static dg_status check_source(checker *ck, const char *prefix, dg_job_source *s,
                              const column *needed, size_t n_needed)
{
    char key[128];
    dg_status st = DG_OK;
    if (s->path.n == 0) return DG_OK;
    snprintf(key, sizeof key, "%s.separator", prefix);
    /* A shell hands \t over as two characters. */
    if (strcmp(s->separator, "\\t") == 0) st = replace(ck, &s->separator, "\t");
    if (st != DG_OK) return st;
    if (s->separator[0] == '\0') return REFUSE(ck, key, "expected at least one character");
    if (s->format == DG_JOB_MTX || s->format == DG_JOB_LISTS) return DG_OK; /* columns are given */
    for (size_t k = 0; k < n_needed && st == DG_OK; k++)
        st = check_column(ck, prefix, s, &needed[k]);
    return st == DG_OK ? check_optional(ck, prefix, s) : st;
}

static dg_status check_sources(checker *ck)
{
    static const column rating[] = {COLUMN(user, "1"), COLUMN(item, "2")};
    static const column friends[] = {COLUMN(user, "1"), COLUMN(friend, "2")};
    static const column item[] = {COLUMN(item, "1")};
    static const column user[] = {COLUMN(user, "1")};
    static const column scene[] = {COLUMN(scene, "1")};
    dg_job *job = ck->job;
    const struct {
        const char *prefix;
        dg_job_source *source;
        const column *needed;
        size_t n;
    } all[] = {
        {"data.ratings", &job->data.ratings, rating, 2},
        {"data.items", &job->data.items, item, 1},
        {"data.users", &job->data.users, user, 1},
        {"data.scenes", &job->data.scenes, scene, 1},
        {"data.friends", &job->data.friends, friends, 2},
        {"prepare.split.test", &job->prepare.split.test_files, rating, 2},
        {"prepare.split.valid", &job->prepare.split.valid_files, rating, 2},
    };
    dg_status st = DG_OK;
    for (size_t k = 0; k < sizeof all / sizeof *all && st == DG_OK; k++)
        st = check_source(ck, all[k].prefix, all[k].source, all[k].needed, all[k].n);
    return st;
}

/* Every value of a map is a number of at least 0. */
static dg_status check_numbers(checker *ck, const char *key, const dg_map *m)
{
    for (int64_t k = 0; k < m->key.n; k++) {
        size_t n_name, n_value;
        double v;
        const char *name = dg_strings_at(&m->key, k, &n_name);
        const char *value = dg_strings_at(&m->value, k, &n_value);
        if (!dg_parse_double(value, n_value, &v) || v < 0)
            return REFUSE(ck, key, "%.*s: expected a number of at least 0, found \"%.*s\"",
                          (int)n_name, name, n_value < 60 ? (int)n_value : 60, value);
    }
    return DG_OK;
}

/* "80%" or a time. */
static bool is_moment(const char *s)
{
    const size_t n = strlen(s);
    double share;
    int64_t time;
    if (n > 1 && s[n - 1] == '%')
        return dg_parse_double(s, n - 1, &share) && share > 0 && share < 100;
    return dg_parse_time(s, n, &time);
}

static dg_status check_split(checker *ck)
{
    const dg_job *job = ck->job;
    const int method = job->prepare.split.method;
    const bool files = method == DG_JOB_FILES;
    if (files && job->prepare.split.test_files.path.n == 0)
        return REFUSE(ck, "prepare.split.test.path", "missing: split method files needs it");
    if (!files && job->prepare.split.test_files.path.n > 0)
        return REFUSE(ck, "prepare.split.test.path", "only split method files has files");
    if (!files && job->prepare.split.valid_files.path.n > 0)
        return REFUSE(ck, "prepare.split.valid.path", "only split method files has files");
    const bool shared = method == DG_JOB_RATIO || method == DG_JOB_HOLD_LAST;
    if (shared && job->prepare.split.test + job->prepare.split.valid >= 1)
        return REFUSE(ck, "prepare.split.test",
                      "test and valid together leave nothing to train on");
    if (method == DG_JOB_TIME && !is_moment(job->prepare.split.at))
        return REFUSE(ck, "prepare.split.at",
                      "expected a time or a share such as 80%%, found \"%s\"",
                      job->prepare.split.at);
    if (method == DG_JOB_USER_HOLDOUT && job->prepare.split.users == 0)
        return REFUSE(ck, "prepare.split.users", "missing: split method user-holdout needs it");
    if (method == DG_JOB_KFOLD && job->prepare.split.fold > job->prepare.split.k)
        return REFUSE(ck, "prepare.split.fold", "there are only %lld folds",
                      (long long)job->prepare.split.k);
    return DG_OK;
}

static int by_number(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static dg_status parse_lengths(checker *ck, int64_t *k)
{
    const dg_strings *list = &ck->job->evaluate.k;
    if (list->n == 0) return REFUSE(ck, "evaluate.k", "expected at least one length");
    for (int64_t i = 0; i < list->n; i++) {
        size_t n;
        const char *at = dg_strings_at(list, i, &n);
        if (dg_parse_int64(at, n, &k[i]) && k[i] >= 1 && k[i] <= 100000) continue;
        const dg_status st = DG_FAIL(ck->err, DG_ERR_CONFIG,
                                     "expected whole numbers from 1 to 100000, found \"%.*s\"",
                                     n < 60 ? (int)n : 60, at);
        if (memchr(at, ',', n) != NULL) dg_err_hint(ck->err, st, "write a list as [10, 20]");
        return ck->place(ck->context, "evaluate.k", st, ck->err);
    }
    return DG_OK;
}

/* Ascending, each once. */
static dg_status canonical_lengths(checker *ck)
{
    dg_strings *list = &ck->job->evaluate.k, fresh = {0};
    int64_t *k = dg_alloc((size_t)list->n, sizeof *k);
    dg_status st = k == NULL ? DG_FAIL(ck->err, DG_ERR_NOMEM, "out of memory reading the job")
                             : parse_lengths(ck, k);
    if (st == DG_OK) qsort(k, (size_t)list->n, sizeof *k, by_number);
    for (int64_t i = 0; i < list->n && st == DG_OK; i++) {
        char text[32];
        if (i > 0 && k[i] == k[i - 1]) continue;
        const int n = snprintf(text, sizeof text, "%lld", (long long)k[i]);
        st = dg_strings_add(&fresh, text, (size_t)n, ck->err);
    }
    dg_free(k);
    dg_strings_free(st == DG_OK ? list : &fresh);
    if (st == DG_OK) *list = fresh;
    return st;
}

/* Canonical names in one order, whatever aliases and order were given. */
static dg_status canonical_metrics(checker *ck)
{
    dg_strings *list = &ck->job->evaluate.metrics, fresh = {0};
    dg_metric_set set;
    dg_status st = dg_metric_set_parse(list, &set, ck->err);
    if (st != DG_OK) return ck->place(ck->context, "evaluate.metrics", st, ck->err);
    for (int m = 0; m < DG_METRIC_COUNT && st == DG_OK; m++) {
        const char *name = dg_metric_name((dg_metric)m);
        if (dg_metric_in(set, (dg_metric)m))
            st = dg_strings_add(&fresh, name, strlen(name), ck->err);
    }
    dg_strings_free(st == DG_OK ? list : &fresh);
    if (st == DG_OK) *list = fresh;
    return st;
}

/* Values of metrics.json that are no metrics of lists, but good for a gate. */
static bool is_figure(const char *name)
{
    static const char *const figure[] = {"users", "cold_users", "targets", "rmse", "mae"};
    for (size_t k = 0; k < sizeof figure / sizeof *figure; k++)
        if (strcmp(figure[k], name) == 0) return true;
    return false;
}

/* Will the evaluation measure what the gate asks for? Known before anything is trained. */
static bool is_measured(const dg_job *job, const char *name)
{
    dg_err ignored;
    dg_metric_set set;
    int64_t wanted;
    const char *at = strchr(name, '@');
    if (at == NULL || dg_metric_set_parse(&job->evaluate.metrics, &set, &ignored) != DG_OK)
        return is_figure(name);
    if (!dg_parse_int64(at + 1, strlen(at + 1), &wanted)) return false;
    bool found = false;
    for (int64_t i = 0; i < job->evaluate.k.n; i++) {
        size_t n;
        int64_t k;
        const char *text = dg_strings_at(&job->evaluate.k, i, &n);
        found = found || (dg_parse_int64(text, n, &k) && k == wanted);
    }
    for (int m = 0; m < DG_METRIC_COUNT && found; m++) {
        const char *metric = dg_metric_name((dg_metric)m);
        if (strlen(metric) == (size_t)(at - name) && memcmp(metric, name, strlen(metric)) == 0)
            return dg_metric_has_k((dg_metric)m) && dg_metric_in(set, (dg_metric)m);
    }
    return false;
}

static dg_status check_gate(checker *ck)
{
    const dg_job *job = ck->job;
    dg_gate *gate = NULL;
    if (job->publish.gate[0] == '\0') return DG_OK;
    dg_status st = dg_gate_parse(job->publish.gate, &gate, ck->err);
    if (st == DG_ERR_CONFIG) st = ck->place(ck->context, "publish.gate", st, ck->err);
    for (int k = 0; st == DG_OK && k < dg_gate_names(gate); k++) {
        const char *name = dg_gate_name(gate, k);
        if (is_measured(job, name)) continue;
        st = DG_FAIL(ck->err, DG_ERR_CONFIG, "\"%s\" is not measured", name);
        dg_err_hint(ck->err, st, "evaluate.metrics and evaluate.k say what is");
        st = ck->place(ck->context, "publish.gate", st, ck->err);
    }
    dg_gate_destroy(&gate);
    return st;
}

static dg_status check_publish(checker *ck)
{
    dg_job *job = ck->job;
    if (job->publish.name[0] == '\0') {
        const dg_status st = replace(ck, &job->publish.name, job->name);
        if (st != DG_OK) return st;
    }
    if (!dg_registry_is_name(job->publish.name))
        return REFUSE(ck, "publish.name",
                      "expected up to %d letters, digits and . _ -, not first a .",
                      (int)DG_MODEL_NAME_MAX);
    if (job->publish.registry[0] == '\0')
        return REFUSE(ck, "publish.registry", "expected the name of a folder");
    if (job->publish.confidence > 0) job->evaluate.per_user = true;
    return check_gate(ck);
}

/* NAME or NAME@K. */
static dg_status check_tune(checker *ck)
{
    const char *metric = ck->job->tune.metric, *at = strchr(metric, '@');
    const size_t n = at == NULL ? strlen(metric) : (size_t)(at - metric);
    dg_strings name = {0};
    dg_metric_set set = 0;
    int64_t k;
    dg_status st = dg_strings_add(&name, metric, n, ck->err);
    if (st == DG_OK) st = dg_metric_set_parse(&name, &set, ck->err);
    dg_strings_free(&name);
    if (st == DG_ERR_CONFIG) return ck->place(ck->context, "tune.metric", st, ck->err);
    if (st != DG_OK) return st;
    bool has_k = false;
    for (int m = 0; m < DG_METRIC_COUNT; m++)
        has_k = has_k || (dg_metric_in(set, (dg_metric)m) && dg_metric_has_k((dg_metric)m));
    const bool good =
        at == NULL ? !has_k
                   : has_k && dg_parse_int64(at + 1, strlen(at + 1), &k) && k >= 1 && k <= 100000;
    if (good) return DG_OK;
    return REFUSE(ck, "tune.metric", "expected a metric as ndcg@100, or rmse, found \"%s\"",
                  metric);
}

static dg_status check_checkpoints(checker *ck)
{
    const dg_job *job = ck->job;
    if (job->checkpoint.interval == DG_JOB_AUTO && !(job->checkpoint.mtbf > 0))
        return REFUSE(ck, "checkpoint.mtbf", "expected more than no time between failures");
    return DG_OK;
}

dg_status dg_job__check(dg_job *job, dg_place_error *place, void *context, dg_err *err)
{
    checker ck = {job, place, context, err};
    dg_status st = check_name(&ck);
    if (st == DG_OK) st = check_sources(&ck);
    if (st == DG_OK) st = check_numbers(&ck, "prepare.event_weights", &job->prepare.event_weights);
    if (st == DG_OK) st = check_split(&ck);
    if (st == DG_OK) st = canonical_lengths(&ck);
    if (st == DG_OK) st = canonical_metrics(&ck);
    if (st == DG_OK) st = check_numbers(&ck, "export.max_loss", &job->export.max_loss);
    if (st == DG_OK) st = check_checkpoints(&ck);
    if (st == DG_OK) st = check_tune(&ck);
    if (st == DG_OK) st = check_publish(&ck);
    return st;
}
