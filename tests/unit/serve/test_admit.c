/* Who is let in, without a socket. */
#include "base/clock.h"
#include "base/memory.h"
#include "serve/gate.h"
#include "unit_main.h"

#include <stdio.h>

static dg_err err;
static dg_metrics *metrics;
static dg_gate *gate;
static char token[DG_TOKEN_SIZE];

static dg_tokens *tokens_of(const char *roles)
{
    dg_tokens *t;
    dg_text line = {0};
    ck_assert_int_eq(dg_token_make("web", roles, "never", token, &line, &err), DG_OK);
    ck_assert_int_eq(dg_tokens_parse("f", line.at, line.n, &t, &err), DG_OK);
    dg_text_free(&line);
    return t;
}

static void start(const dg_gate_options *o)
{
    ck_assert_int_eq(dg_metrics_create(&metrics, &err), DG_OK);
    ck_assert_int_eq(dg_gate_create(o, metrics, &gate, &err), DG_OK);
}

static void stop(void)
{
    dg_gate_destroy(&gate);
    dg_gate_destroy(&gate);
    dg_metrics_destroy(&metrics);
}

static const char *ask(const char *method, const char *path, const char *shown, size_t n_body)
{
    static dg_visit v;
    static dg_refusal no;
    dg_refusal later;
    char header[128];
    v = (dg_visit){.fd = -1, .began = dg_now(), .route = dg_route_find(method, path, &later)};
    snprintf(header, sizeof header, "Bearer %s", shown != NULL ? shown : "");
    return dg_gate_admit(gate, &v, shown != NULL ? header : NULL, n_body, &no) ? "in" : no.code;
}

START_TEST(every_path_but_health_asks_for_a_role)
{
    static const char *const open[] = {"/healthz", "/readyz", "/ping", "/v2/health/live",
                                       "/v2/health/ready"};
    size_t n;
    const dg_route *route = dg_routes(&n);
    for (size_t k = 0; k < n; k++) {
        bool health = route[k].tail != NULL && strcmp(route[k].tail, "/ready") == 0;
        for (size_t o = 0; o < sizeof open / sizeof *open; o++)
            health = health || strcmp(route[k].path, open[o]) == 0;
        ck_assert_msg((route[k].role == 0) == health, "%s", route[k].path);
    }
}
END_TEST

START_TEST(roles_open_their_paths_and_no_others)
{
    dg_tokens *t = tokens_of("read");
    start(&(dg_gate_options){.tokens = t, .body_bytes = 1 << 20});
    ck_assert_str_eq(ask("GET", "/healthz", NULL, 0), "in");
    ck_assert_str_eq(ask("GET", "/v1/model", NULL, 0), "no_token");
    ck_assert_str_eq(ask("GET", "/v1/model", "dgt_x", 0), "bad_token");
    ck_assert_str_eq(ask("GET", "/none", NULL, 0), "no_token");
    ck_assert_str_eq(ask("GET", "/v1/model", token, 0), "in");
    ck_assert_str_eq(ask("GET", "/none", token, 0), "in"); /* to be told that it is not there */
    ck_assert_str_eq(ask("POST", "/v1/admin/reload", token, 0), "wrong_role");
    stop();
    dg_tokens_close(&t);
    t = tokens_of("admin");
    start(&(dg_gate_options){.tokens = t});
    ck_assert_str_eq(ask("POST", "/v1/admin/reload", token, 0), "in");
    ck_assert_str_eq(ask("GET", "/v1/model", token, 0), "in");
    stop();
    dg_tokens_close(&t);
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

START_TEST(guesses_at_tokens_are_counted_too)
{
    dg_tokens *t = tokens_of("read");
    start(&(dg_gate_options){.tokens = t, .rate = 0.001, .burst = 2});
    ck_assert_str_eq(ask("GET", "/v1/model", "x", 0), "bad_token");
    ck_assert_str_eq(ask("GET", "/v1/model", NULL, 0), "no_token");
    ck_assert_str_eq(ask("GET", "/v1/model", "x", 0), "too_many");
    ck_assert_str_eq(ask("GET", "/v1/model", token, 0), "in"); /* its own bucket */
    ck_assert_str_eq(ask("GET", "/healthz", NULL, 0), "in");
    stop();
    dg_tokens_close(&t);
}
END_TEST

START_TEST(bodies_share_a_room)
{
    start(&(dg_gate_options){.body_bytes = 1000});
    ck_assert_str_eq(ask("POST", "/v1/recommend", NULL, 600), "in");
    ck_assert_str_eq(ask("POST", "/v1/recommend", NULL, 600), "overloaded");
    ck_assert_str_eq(ask("POST", "/v1/recommend", NULL, 400), "in");
    ck_assert_str_eq(ask("POST", "/v1/recommend", NULL, 1), "overloaded");
    dg_gate_leave(gate, 400);
    ck_assert_str_eq(ask("POST", "/v1/recommend", NULL, 400), "in");
    ck_assert_str_eq(ask("GET", "/v1/model", NULL, 0), "in");
    stop();
}
END_TEST

UNIT_MAIN("gate", every_path_but_health_asks_for_a_role, roles_open_their_paths_and_no_others,
          guesses_at_tokens_are_counted_too, bodies_share_a_room)
