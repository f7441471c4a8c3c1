/* Real requests over loopback: right ones, wrong ones, and clients that misbehave while others are
 * served. A read that never ends is caught by the test's time-out. */
#include "artifact_file.h"
#include "base/memory.h"
#include "base/rng.h"
#include "scratch.h"
#include "serve/live/eventstore.h"
#include "serve/server.h"
#include "unit_main.h"

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

static dg_node *node;
static dg_server *server;
static dg_err err;

static void start_server(int threads, double phase_seconds)
{
    const char *path = scratch(getpid(), "artifact.h5");
    made_artifact *m = make_artifact(20, 300, 10, 1);
    write_artifact(m, path);
    free_artifact(&m);
    signal(SIGPIPE, SIG_IGN);
    ck_assert_msg(dg_node_open(path, &node, &err) == DG_OK, "%s", err.text);
    dg_server_options o = dg_server_defaults();
    o.listen = "127.0.0.1:0";
    o.threads = threads;
    o.phase_seconds = phase_seconds;
    o.gate.longest_wait = 0; /* a machine that is busy otherwise is no failure here */
    o.per_address = 0;
    ck_assert_msg(dg_server_start(node, &o, &server, &err) == DG_OK, "%s", err.text);
}

static void stop_server(void)
{
    dg_server_stop(&server, 10);
    dg_server_stop(&server, 10);
    dg_node_close(&node);
    scratch_remove();
}

/* ---- a client on raw sockets ---- */

static int dial(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    to.sin_port = htons((uint16_t)atoi(strrchr(dg_server_address(server), ':') + 1));
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static void say(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        const ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);
        if (sent <= 0) return; /* the server may have hung up, which the reader will see */
        bytes += sent;
        n -= (size_t)sent;
    }
}

static void say_text(int fd, const char *text) { say(fd, text, strlen(text)); }

static char answer[1 << 18];

/* One response: status, or 0 when the server hung up without one. Head and body stay in `answer`,
 * and the body is where `body` points. */
static int hear(int fd, bool head, const char **body)
{
    size_t n = 0, want = SIZE_MAX;
    int status = 0;
    *body = NULL;
    while (n < want) {
        const ssize_t got = recv(fd, answer + n, 1, 0); /* so as not to take the next response */
        if (got <= 0) return 0;
        answer[++n] = '\0';
        if (*body != NULL || n < 4 || memcmp(answer + n - 4, "\r\n\r\n", 4) != 0) continue;
        if (sscanf(answer, "HTTP/1.1 %d", &status) == 1 && status == 100) {
            n = 0; /* interim */
            continue;
        }
        const char *length = strcasestr(answer, "\r\nContent-Length: ");
        ck_assert_msg(length != NULL, "%s", answer);
        *body = answer + n;
        want = n + (head ? 0 : (size_t)atol(length + strlen("\r\nContent-Length: ")));
        ck_assert_uint_lt(want, sizeof answer);
    }
    return status;
}

static int ask_with(const char *method, const char *target, const char *headers, const char **body)
{
    char text[512];
    const int fd = dial();
    snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: x\r\n%s\r\n", method, target, headers);
    say_text(fd, text);
    const int status = hear(fd, strcmp(method, "HEAD") == 0, body);
    close(fd);
    return status;
}

static int ask(const char *target)
{
    const char *body;
    const int status = ask_with("GET", target, "", &body);
    json_error_t where;
    ck_assert_msg(status > 0, "no answer to %s", target);
    ck_assert_ptr_nonnull(strstr(answer, "Content-Type: application/json; charset=utf-8\r\n"));
    json_t *document = json_loads(body, JSON_REJECT_DUPLICATES, &where);
    ck_assert_msg(document != NULL, "%s", body);
    if (status != 200) {
        json_t *error = json_object_get(document, "error");
        ck_assert(json_is_string(json_object_get(error, "code")));
        ck_assert(json_is_string(json_object_get(error, "message")));
    }
    json_decref(document);
    return status;
}

static void still_well(void)
{
    ck_assert_int_eq(ask("/healthz"), 200);
    ck_assert_int_eq(ask("/v1/recommend/u2?k=3"), 200);
}

/* ---- what is asked and answered ---- */

START_TEST(requests_get_their_status)
{
    static const struct {
        const char *target;
        int status;
    } cases[] = {{"/v1/recommend/u2", 200},
                 {"/v1/recommend/u2?k=1000&exclude_seen=false", 200},
                 {"/v1/recommend/u2?k=%33", 200},
                 {"/v1/recommend/nobody", 200},
                 {"/v1/recommend/%E5%AF%BC%2F", 200},
                 {"/v1/similar/item%201?k=5", 200},
                 {"/v1/similar/item+1", 404}, /* a plus is no space in a path */
                 {"/v1/similar/none", 404},
                 {"/v1/model", 200},
                 {"/healthz", 200},
                 {"/readyz", 200},
                 {"/v1/recommend/u2?k=0", 400},
                 {"/v1/recommend/u2?k=+5", 400},
                 {"/v1/recommend/u2?k", 400},
                 {"/v1/recommend/u2?", 200},
                 {"/v1/recommend/u2?k=5&k=5", 400},
                 {"/v1/recommend/u2?filter=x", 400},
                 {"/v1/recommend/%zz", 400},
                 {"/v1/recommend/%ff", 400},
                 {"/v1/recommend/", 400},
                 {"/v1/recommend", 405},
                 {"/v1/recommend/a/b", 404},
                 {"/", 404},
                 {"/..%2f..%2fetc%2fpasswd", 404}};
    start_server(2, 600);
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++)
        ck_assert_msg(ask(cases[k].target) == cases[k].status, "%s: %s", cases[k].target, answer);
    ck_assert_str_eq(dg_server_address(server) + strspn(dg_server_address(server), "0123456789."),
                     strrchr(dg_server_address(server), ':'));
    stop_server();
}
END_TEST

START_TEST(methods_are_told_apart)
{
    const char *body;
    static const char *const others[] = {"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "X"};
    start_server(1, 600);
    ck_assert_int_eq(ask_with("HEAD", "/v1/recommend/u2", "", &body), 200);
    ck_assert_int_eq(ask_with("HEAD", "/v1/similar/none", "", &body), 404);
    for (size_t k = 0; k < sizeof others / sizeof *others; k++) {
        ck_assert_int_eq(ask_with(others[k], "/v1/recommend/u2", "", &body), 405);
        ck_assert_ptr_nonnull(strstr(answer, "Allow: GET, HEAD\r\n"));
        ck_assert_ptr_nonnull(strstr(body, "method_not_allowed"));
    }
    ck_assert_int_eq(ask_with("GET", "/v1/recommend", "", &body), 405);
    ck_assert_ptr_nonnull(strstr(answer, "Allow: POST\r\n"));
    ck_assert_int_eq(ask_with("POST", "/none", "", &body), 404);
    still_well();
    stop_server();
}
END_TEST

START_TEST(a_connection_is_kept_for_many_requests)
{
    enum { N = 50 };
    const char *body;
    start_server(2, 600);
    const int fd = dial();
    for (int k = 0; k < N; k++) /* all sent before any answer is read */
        say_text(fd, k % 2 ? "GET /v1/recommend/u3?k=7 HTTP/1.1\r\nHost: x\r\n\r\n"
                           : "GET /v1/similar/none HTTP/1.1\r\nHost: x\r\n\r\n");
    for (int k = 0; k < N; k++) ck_assert_int_eq(hear(fd, false, &body), k % 2 ? 200 : 404);
    close(fd);
    stop_server();
}
END_TEST

START_TEST(a_posted_body_is_answered_in_whatever_pieces_it_comes)
{
    const char *body, text[] = "{\"user\":\"u3\",\"k\":7}";
    char head[128];
    start_server(1, 600);
    snprintf(head, sizeof head,
             "POST /v1/recommend HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", strlen(text));
    const int fd = dial();
    for (size_t cut = 0; cut <= strlen(text); cut += 5) {
        const struct timespec moment = {.tv_nsec = 2000000};
        say_text(fd, head);
        say(fd, text, cut);
        nanosleep(&moment, NULL);
        say_text(fd, text + cut);
        ck_assert_int_eq(hear(fd, false, &body), 200);
        json_t *document = json_loads(body, 0, NULL);
        ck_assert_uint_eq(json_array_size(json_object_get(document, "items")), 7);
        json_decref(document);
    }
    close(fd);
    ck_assert_int_eq(ask_with("POST", "/v1/recommend", "Content-Length: 0\r\n", &body), 400);
    ck_assert_ptr_nonnull(strstr(body, "bad_json"));
    ck_assert_int_eq(ask_with("POST", "/v1/recommend", "Content-Length: 65537\r\n", &body), 413);
    for (int k = 0; k < 5; k++) { /* left in the middle of it */
        const int gone = dial();
        say_text(gone, head);
        say(gone, text, 3);
        close(gone);
    }
    still_well();
    stop_server();
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

START_TEST(bodies_are_bounded)
{
    const char *body;
    start_server(1, 600);
    int fd = dial();
    say_text(fd, "GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n12345"
                 "GET /v1/model HTTP/1.1\r\nHost: x\r\n\r\n");
    ck_assert_int_eq(hear(fd, false, &body), 200);
    ck_assert_ptr_nonnull(strstr(body, "ok"));
    ck_assert_int_eq(hear(fd, false, &body), 200); /* the body was skipped, not taken for one */
    ck_assert_ptr_nonnull(strstr(body, "fixture"));
    close(fd);
    ck_assert_int_eq(ask_with("GET", "/healthz", "Content-Length: 65537\r\n", &body), 413);
    ck_assert_int_eq(ask_with("POST", "/v1/model", "Content-Length: 99999999999\r\n", &body), 413);
    ck_assert_int_eq(ask_with("GET", "/healthz", "Transfer-Encoding: chunked\r\n", &body), 413);
    still_well();
    stop_server();
}
END_TEST

/* ---- clients that misbehave ---- */

START_TEST(garbage_is_refused_and_others_are_served)
{
    static const char *const garbage[] = {
        "\r\n\r\n\r\n",
        "GET\r\n\r\n",
        "GET /\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "\x16\x03\x01\x02",
        "GET /healthz HTTP/1.1\r\nHost\r\n\r\n",
        "GET /healthz HTTP/1.1\r\n: x\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 2\r\n\r\n",
        "GET http://x/healthz HTTP/1.1\r\nHost: x\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET /healthz\t\tHTTP/1.1\r\n\r\n",
        " GET /healthz HTTP/1.1\r\n\r\n"};
    const struct timeval moment = {.tv_usec = 200000}; /* some of it never becomes a request */
    const char *body;
    start_server(2, 600);
    for (size_t k = 0; k < sizeof garbage / sizeof *garbage; k++) {
        const int fd = dial();
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &moment, sizeof moment);
        say_text(fd, garbage[k]);
        shutdown(fd, SHUT_WR);
        const int status = hear(fd, false, &body);
        ck_assert_msg(status == 0 || status == 200 || (status >= 400 && status < 600), "%s",
                      answer);
        close(fd);
        still_well();
    }
    stop_server();
}
END_TEST

START_TEST(oversized_requests_are_refused)
{
    enum { BIG = 256 * 1024 };
    static char big[BIG + 64];
    const char *body;
    start_server(2, 600);
    for (int in_headers = 0; in_headers < 2; in_headers++) {
        const int fd = dial();
        int n =
            snprintf(big, sizeof big,
                     in_headers ? "GET /healthz HTTP/1.1\r\nHost: x\r\nA: " : "GET /v1/similar/");
        memset(big + n, 'a', BIG);
        say(fd, big, BIG);
        say_text(fd, in_headers ? "\r\n\r\n" : " HTTP/1.1\r\nHost: x\r\n\r\n");
        const int status = hear(fd, false, &body);
        ck_assert_msg(status == 0 || status == 413 || status == 414 || status == 431, "%s", answer);
        close(fd);
        still_well();
    }
    stop_server();
}
END_TEST

START_TEST(half_closed_and_vanished_clients_harm_nobody)
{
    static const char request[] = "GET /v1/recommend/u2?k=5 HTTP/1.1\r\nHost: x\r\n\r\n";
    const struct linger abrupt = {1, 0};
    const char *body;
    start_server(2, 600);
    int fd = dial();
    say_text(fd, request);
    shutdown(fd, SHUT_WR); /* done asking, still listening */
    ck_assert_int_eq(hear(fd, false, &body), 200);
    close(fd);
    for (size_t n = 0; n < sizeof request; n += 3) {
        fd = dial();
        say(fd, request, n);
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &abrupt, sizeof abrupt); /* a reset, not an end */
        close(fd);
    }
    still_well();
    stop_server();
}
END_TEST

/* Is the connection over, seen without waiting? */
static bool hung_up(int fd)
{
    char byte;
    const ssize_t got = recv(fd, &byte, 1, MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
}

START_TEST(slow_clients_are_cut_off_while_others_are_served)
{
    enum { SLOW = 60 };
    int fd[SLOW], left = SLOW;
    const struct timespec nap = {.tv_nsec = 20000000};
    start_server(2, 3);
    for (int k = 0; k < SLOW; k++) {
        fd[k] = dial();
        say_text(fd[k], "GET /healthz HTTP/1.1\r\nHost: x\r\nA: ");
    }
    while (left > 0) { /* a byte now and then keeps an idle time-out from ever ending them */
        for (int k = 0; k < SLOW; k++) {
            if (fd[k] < 0) continue;
            say_text(fd[k], "a");
            if (!hung_up(fd[k])) continue;
            close(fd[k]);
            fd[k] = -1;
            left--;
        }
        still_well();
        nanosleep(&nap, NULL);
    }
    stop_server();
}
END_TEST

START_TEST(clients_beyond_the_limit_wait_for_a_place)
{
    static int fd[DG_CONNECTIONS];
    const struct rlimit files = {4 * DG_CONNECTIONS, 4 * DG_CONNECTIONS};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
    start_server(2, 3);
    for (int k = 0; k < DG_CONNECTIONS; k++) fd[k] = dial(); /* and say nothing */
    still_well();
    for (int k = 0; k < DG_CONNECTIONS; k++) close(fd[k]);
    stop_server();
}
END_TEST

START_TEST(any_bytes_are_survived)
{
    static const char base[] = "GET /v1/recommend/u%32?k=5&exclude_seen=true HTTP/1.1\r\n"
                               "Host: x\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc";
    const struct timeval moment = {.tv_usec = 20000};
    dg_rng rng = dg_rng_at(3, DG_RNG_TEST, 0);
    const char *body;
    start_server(2, 600);
    for (int round = 0; round < 1500; round++) {
        char text[sizeof base];
        memcpy(text, base, sizeof base);
        size_t n = sizeof base - 1;
        for (uint32_t times = dg_rng_below(&rng, 4); times > 0; times--)
            text[dg_rng_below(&rng, (uint32_t)n)] = dg_rng_below(&rng, 2)
                                                        ? (char)dg_rng_u32(&rng)
                                                        : "\r\n %/?&=: "[dg_rng_below(&rng, 10)];
        if (dg_rng_below(&rng, 3) == 0) n = dg_rng_below(&rng, (uint32_t)n);
        const int fd = dial();
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &moment, sizeof moment); /* half a body waits */
        say(fd, text, n);
        shutdown(fd, SHUT_WR);
        const int status = hear(fd, false, &body);
        ck_assert(status == 0 || (status >= 200 && status < 600));
        close(fd);
    }
    still_well();
    stop_server();
}
END_TEST

/* ---- many at once, and the end ---- */

static void *ask_often(void *failures)
{
    char text[128], got[4096];
    for (int round = 0; round < 100; round++) {
        const int fd = dial();
        const int n = snprintf(text, sizeof text,
                               "GET /v1/recommend/u%d?k=2 HTTP/1.1\r\nHost: x\r\n"
                               "Connection: close\r\n\r\n",
                               2 + round % 18);
        say(fd, text, (size_t)n);
        size_t used = 0;
        for (ssize_t more; (more = recv(fd, got + used, sizeof got - 1 - used, 0)) > 0;)
            used += (size_t)more;
        got[used] = '\0';
        snprintf(text, sizeof text, "\"user\":\"u%d\"", 2 + round % 18);
        if (strncmp(got, "HTTP/1.1 200", 12) != 0 || strstr(got, text) == NULL) ++*(int *)failures;
        close(fd);
    }
    return NULL;
}

START_TEST(many_clients_each_get_their_own_answer)
{
    enum { N = 6 };
    pthread_t thread[N];
    int failures[N] = {0};
    start_server(3, 600);
    for (int k = 0; k < N; k++) pthread_create(&thread[k], NULL, ask_often, &failures[k]);
    for (int k = 0; k < N; k++) {
        pthread_join(thread[k], NULL);
        ck_assert_int_eq(failures[k], 0);
    }
    stop_server();
}
END_TEST

/* ---- other models while serving ---- */

enum { VERSIONS = 2, USERS = 18, CLIENTS = 4 };

static char *expected[VERSIONS][USERS]; /* what each model answers each user, byte by byte */
static atomic_bool over;

static dg_node *open_version(int version)
{
    dg_node *made;
    const char *path = scratch(getpid(), version == 0 ? "0.h5" : "1.h5");
    if (access(path, F_OK) != 0) {
        made_artifact *m = make_artifact(20, 300, 10, 10 + (uint64_t)version);
        write_artifact(m, path);
        free_artifact(&m);
    }
    ck_assert_msg(dg_node_open(path, &made, &err) == DG_OK, "%s", err.text);
    return made;
}

static void expect_answers(void)
{
    for (int version = 0; version < VERSIONS; version++) {
        dg_node *one = open_version(version);
        for (int user = 0; user < USERS; user++) {
            char path[64];
            dg_request request;
            dg_refusal no;
            snprintf(path, sizeof path, "/v1/recommend/u%d", 2 + user);
            ck_assert(dg_request_start(&request, "GET", path, &no));
            request.name = "same";
            expected[version][user] = dg_node_answer(one, &request).owned;
        }
        dg_node_close(&one);
    }
}

typedef struct tally {
    int of[VERSIONS], wrong;
} tally;

/* One response on a kept connection, read in gulps: status, body in `got`. */
static int hear_whole(int fd, char *got, size_t room)
{
    size_t n = 0, want = SIZE_MAX;
    while (n < want) {
        const ssize_t more = recv(fd, got + n, room - 1 - n, 0);
        if (more <= 0) return 0;
        got[n += (size_t)more] = '\0';
        const char *end = want == SIZE_MAX ? strstr(got, "\r\n\r\n") : NULL;
        if (end == NULL) continue;
        want = (size_t)(end + 4 - got) + (size_t)atol(strcasestr(got, "\nContent-Length: ") + 17);
    }
    const int status = atoi(got + strlen("HTTP/1.1 "));
    memmove(got, strstr(got, "\r\n\r\n") + 4, strlen(strstr(got, "\r\n\r\n") + 4) + 1);
    return status;
}

static void *ask_until_over(void *counts)
{
    tally *t = counts;
    char got[8192], text[128];
    const int fd = dial();
    for (int k = 0; !atomic_load(&over); k++) {
        const int user = k % USERS;
        snprintf(text, sizeof text,
                 "GET /v1/recommend/u%d HTTP/1.1\r\nHost: x\r\nX-Request-Id: same\r\n\r\n",
                 2 + user);
        say_text(fd, text);
        const int status = hear_whole(fd, got, sizeof got);
        int version = 0;
        while (version < VERSIONS && strcmp(got, expected[version][user]) != 0) version++;
        if (status == 200 && version < VERSIONS)
            t->of[version]++;
        else
            t->wrong++;
    }
    close(fd);
    return NULL;
}

/* An answer is whole and of one model when it is, byte by byte, what that model says: the version
 * it names, the goods and the scores. */
START_TEST(a_thousand_swaps_fail_no_request_and_mix_no_answer)
{
#ifdef __SANITIZE_ADDRESS__
    enum { SWAPS = 100 }; /* opening a model takes ten times as long */
#else
    enum { SWAPS = 1000 };
#endif
    pthread_t thread[CLIENTS];
    tally counts[CLIENTS] = {0}, all = {0};
    expect_answers();
    signal(SIGPIPE, SIG_IGN);
    node = open_version(0);
    dg_server_options o = dg_server_defaults();
    o.listen = "127.0.0.1:0";
    o.threads = 2;
    o.gate.longest_wait = 0;
    o.phase_seconds = 600;
    ck_assert_msg(dg_server_start(node, &o, &server, &err) == DG_OK, "%s", err.text);
    for (int k = 0; k < CLIENTS; k++) pthread_create(&thread[k], NULL, ask_until_over, &counts[k]);
    for (int k = 1; k <= SWAPS; k++) {
        dg_node *next = open_version(k % VERSIONS);
        ck_assert_int_eq(dg_server_swap(server, DG_ARM_CHAMPION, &next, &err), DG_OK);
    }
    atomic_store(&over, true);
    for (int k = 0; k < CLIENTS; k++) {
        pthread_join(thread[k], NULL);
        for (int version = 0; version < VERSIONS; version++)
            all.of[version] += counts[k].of[version];
        all.wrong += counts[k].wrong;
    }
    ck_assert_int_eq(all.wrong, 0);
    for (int version = 0; version < VERSIONS; version++) ck_assert_int_gt(all.of[version], 100);
    for (int k = 0; k < VERSIONS * USERS; k++) dg_free(expected[k / USERS][k % USERS]);
    stop_server();
}
END_TEST

/* ---- answers that wait for a disk ---- */

enum { SENDERS = 6, POSTS = 40 };

typedef struct sender {
    int number;
    atomic_int taken;
    bool cut; /* the server stopped meanwhile */
} sender;

static void *send_events(void *of)
{
    sender *me = of;
    char got[8192];
    const int fd = dial();
    for (int k = 0; k < POSTS && !me->cut; k++) {
        char text[256], event[128];
        const int n =
            snprintf(event, sizeof event, "{\"events\":[{\"user\":\"s%d\",\"item\":\"item %d\"}]}",
                     me->number, k);
        snprintf(text, sizeof text,
                 "POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", n, event);
        say_text(fd, text);
        const int status = hear_whole(fd, got, sizeof got);
        me->taken += status == 200;
        me->cut = status != 200;
    }
    close(fd);
    return NULL;
}

START_TEST(events_wait_for_the_disk_and_nobody_waits_for_them)
{
    pthread_t thread[SENDERS];
    sender of[SENDERS] = {0};
    dg_eventstore *store;
    int64_t n, cut, taken = 0;
    start_server(1, 600);
    dg_server_stop(&server, 10);
    ck_assert_int_eq(dg_eventstore_open(scratch(getpid(), "events"), &store, &n, &cut, &err),
                     DG_OK);
    ck_assert_int_eq(dg_node_take_events(node, store, 1 << 20, &err), DG_OK);
    dg_server_options o = dg_server_defaults();
    o.listen = "127.0.0.1:0", o.threads = 1;
    o.gate.longest_wait = 0;
    ck_assert_msg(dg_server_start(node, &o, &server, &err) == DG_OK, "%s", err.text);
    for (int k = 0; k < SENDERS; k++) {
        of[k].number = k;
        pthread_create(&thread[k], NULL, send_events, &of[k]);
    }
    for (int k = 0; k < 20 || atomic_load(&of[0].taken) == 0; k++) still_well();
    dg_server_stop(&server, 10); /* what is under way is answered */
    for (int k = 0; k < SENDERS; k++) {
        pthread_join(thread[k], NULL);
        taken += of[k].taken;
    }
    ck_assert_int_gt(taken, 0);
    dg_node_close(&node);
    dg_eventstore_close(&store);
    ck_assert_int_eq(dg_eventstore_open(scratch(getpid(), "events"), &store, &n, &cut, &err),
                     DG_OK);
    ck_assert_int_ge(n, taken);
    ck_assert_int_le(n, taken + SENDERS);
    dg_eventstore_close(&store);
    scratch_remove();
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

static void *stop_soon(void *nothing)
{
    (void)nothing;
    dg_server_stop(&server, 10);
    return NULL;
}

START_TEST(a_stop_finishes_what_has_begun)
{
    pthread_t stopper;
    const char *body;
    start_server(2, 600);
    const int begun = dial(), watcher = dial();
    say_text(begun, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    ck_assert_int_eq(hear(begun, false, &body), 200);
    say_text(begun, "GET /v1/recommend/u2 HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab");
    say_text(watcher, "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n");
    ck_assert_int_eq(hear(watcher, false, &body), 200);
    pthread_create(&stopper, NULL, stop_soon, NULL);
    int status = 200;
    while (status == 200) { /* until the stop has taken effect; then it closes after its answer */
        say_text(watcher, "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n");
        status = hear(watcher, false, &body);
    }
    ck_assert_int_eq(status, 503);
    ck_assert_ptr_nonnull(strstr(answer, "Connection: close\r\n"));
    ck_assert_int_eq(hear(watcher, false, &body), 0);
    say_text(begun, "cd"); /* the stop waits for the rest of this one */
    ck_assert_int_eq(hear(begun, false, &body), 200);
    ck_assert_ptr_nonnull(strstr(body, "\"user\":\"u2\""));
    pthread_join(stopper, NULL);
    close(begun), close(watcher);
    stop_server();
}
END_TEST

START_TEST(a_stop_does_not_wait_for_the_idle_or_the_endless)
{
    start_server(2, 600);
    const int idle = dial(), endless = dial();
    say_text(endless, "GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab");
    still_well();
    dg_server_stop(&server, 0.5); /* returns, though `endless` never ends */
    ck_assert_ptr_null(server);
    close(idle), close(endless);
    stop_server();
}
END_TEST

START_TEST(addresses_are_understood_or_refused)
{
    static const struct {
        const char *where;
        dg_status status;
    } cases[] = {{"127.0.0.1:0", DG_OK},
                 {"localhost:0", DG_OK},
                 {"0.0.0.0:0", DG_OK},
                 {"127.0.0.1", DG_ERR_USAGE},
                 {":8080", DG_ERR_USAGE},
                 {"127.0.0.1:", DG_ERR_USAGE},
                 {"127.0.0.1:65536", DG_ERR_USAGE},
                 {"127.0.0.1:-1", DG_ERR_USAGE},
                 {"127.0.0.1:80x", DG_ERR_USAGE},
                 {"::1:8080", DG_ERR_USAGE},
                 {"[::1:8080", DG_ERR_USAGE},
                 {"[]:8080", DG_ERR_USAGE},
                 {"", DG_ERR_USAGE},
                 {"192.0.2.1:0", DG_ERR_UNAVAILABLE}, /* a documentation address, never ours */
                 {"256.1.1.1:0", DG_ERR_UNAVAILABLE}};
    char address[DG_ADDRESS_SIZE];
    int fd;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const dg_status st = dg_listen_bind(cases[k].where, &fd, address, &err);
        ck_assert_msg(st == cases[k].status, "%s: %d %s", cases[k].where, (int)st, err.text);
        ck_assert_int_eq(fd >= 0, st == DG_OK);
        if (fd >= 0) close(fd);
    }
    if (dg_listen_bind("[::1]:0", &fd, address, &err) == DG_OK) { /* where the machine has IPv6 */
        ck_assert_int_eq(strncmp(address, "[::1]:", 6), 0);
        close(fd);
    }
}
END_TEST

START_TEST(who_comes_before_there_is_an_answer_is_turned_away)
{
    char address[DG_ADDRESS_SIZE];
    int bound;
    ck_assert_int_eq(dg_listen_bind("127.0.0.1:0", &bound, address, &err), DG_OK);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    to.sin_port = htons((uint16_t)atoi(strrchr(address, ':') + 1));
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof to), -1);
    ck_assert_int_eq(errno, ECONNREFUSED);
    ck_assert_int_eq(dg_listen_begin(bound, address, &err), DG_OK);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    close(fd), close(bound);
}
END_TEST

START_TEST(an_address_in_use_is_named)
{
    dg_server *second;
    start_server(1, 600);
    dg_server_options o = dg_server_defaults();
    o.listen = dg_server_address(server);
    ck_assert_int_eq(dg_server_start(node, &o, &second, &err), DG_ERR_UNAVAILABLE);
    ck_assert_ptr_null(second);
    ck_assert_ptr_nonnull(strstr(err.text, dg_server_address(server)));
    ck_assert_int_eq(dg_status_exit(DG_ERR_UNAVAILABLE), 69);
    still_well();
    stop_server();
}
END_TEST

UNIT_MAIN("server", requests_get_their_status, methods_are_told_apart,
          a_connection_is_kept_for_many_requests,
          a_posted_body_is_answered_in_whatever_pieces_it_comes, bodies_are_bounded,
          garbage_is_refused_and_others_are_served, oversized_requests_are_refused,
          events_wait_for_the_disk_and_nobody_waits_for_them,
          half_closed_and_vanished_clients_harm_nobody,
          slow_clients_are_cut_off_while_others_are_served,
          clients_beyond_the_limit_wait_for_a_place, any_bytes_are_survived,
          many_clients_each_get_their_own_answer,
          a_thousand_swaps_fail_no_request_and_mix_no_answer, a_stop_finishes_what_has_begun,
          a_stop_does_not_wait_for_the_idle_or_the_endless, addresses_are_understood_or_refused,
          who_comes_before_there_is_an_answer_is_turned_away, an_address_in_use_is_named)
