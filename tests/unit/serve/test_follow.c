/* A server that follows a registry while it is asked without a pause. */
#include "serve/follow.h"

#include "artifact/seal.h"
#include "artifact_file.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "scratch.h"
#include "unit_main.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>

static char dir[DG_PATH];
static dg_err err;

static dg_key signer, stranger;

/* Publish an artifact of so many items, signed where there is a key; `whole` false damages it. */
static void publish_signed(int n_items, bool whole, bool passes, const dg_key *by)
{
    char version[DG_VERSION_SIZE], folder[DG_PATH], path[DG_PATH + 16], before[DG_VERSION_SIZE];
    dg_registry *r;
    made_artifact *m = make_artifact(20, n_items, 10, 1);
    ck_assert_int_eq(dg_registry_open(dir, "shop", 0, true, &r, &err), DG_OK);
    snprintf(before, sizeof before, "%s", dg_registry_state(r)->champion);
    ck_assert_int_eq(dg_registry_begin(r, "01234567", version, folder, &err), DG_OK);
    snprintf(path, sizeof path, "%s/artifact.h5", folder);
    write_artifact(m, path);
    if (by != NULL) ck_assert_int_eq(dg_seal_sign(path, by, &err), DG_OK);
    if (!whole) ck_assert_int_eq(truncate(path, 5000), 0);
    free_artifact(&m);
    const dg_change change = {
        "publish", "a test", version, passes ? version : before, passes ? "" : version, NULL, 2};
    ck_assert_int_eq(dg_registry_change(r, &change, &err), DG_OK);
    dg_registry_close(&r);
}

static void publish(int n_items, bool whole, bool passes)
{
    publish_signed(n_items, whole, passes, NULL);
}

/* Items the server says its model has; 0 when it does not answer in full. */
static int ask(const char *address)
{
    static const char request[] = "GET /v1/model HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    char answer[1 << 14];
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    to.sin_port = htons((uint16_t)atoi(strrchr(address, ':') + 1));
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    size_t n = 0;
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0 &&
        send(fd, request, sizeof request - 1, MSG_NOSIGNAL) == (ssize_t)sizeof request - 1)
        for (ssize_t got; n < sizeof answer - 1; n += (size_t)got)
            if ((got = recv(fd, answer + n, sizeof answer - 1 - n, 0)) <= 0) break;
    close(fd);
    answer[n] = '\0';
    const char *items = strstr(answer, "\"items\":");
    return strncmp(answer, "HTTP/1.1 200", 12) == 0 && items != NULL ? atoi(items + 8) : 0;
}

static bool comes_to(const char *address, int items)
{
    const struct timespec nap = {.tv_nsec = 5000000};
    for (const double until = dg_now() + 60; dg_now() < until; nanosleep(&nap, NULL))
        if (ask(address) == items) return true;
    return false;
}

typedef struct asker {
    const char *address;
    atomic_bool stop;
    atomic_int good, bad;
} asker;

static void *ask_without_pause(void *context)
{
    asker *a = context;
    while (!atomic_load(&a->stop)) {
        const int items = ask(a->address);
        atomic_fetch_add(items >= 30 && items < 50 ? &a->good : &a->bad, 1);
    }
    return NULL;
}

START_TEST(it_follows_the_champion_without_a_request_lost)
{
    dg_node *node;
    dg_server *server;
    dg_follow *follow;
    dg_followed_seen seen;
    const dg_followed shop = {.dir = dir, .model = "shop"};
    pthread_t thread[2];
    snprintf(dir, sizeof dir, "%s", scratch(getpid(), "registry"));
    dg_log_setup(0, DG_LOG_QUIET);
    signal(SIGPIPE, SIG_IGN);
    ck_assert_int_eq(dg_follow_open(&shop, &seen, &node, &err), DG_ERR_NOINPUT);
    publish(30, true, false);
    ck_assert_int_eq(dg_follow_open(&shop, &seen, &node, &err), DG_ERR_NOINPUT);
    publish(31, true, true);
    ck_assert_int_eq(dg_follow_open(&shop, &seen, &node, &err), DG_OK);
    dg_server_options o = dg_server_defaults();
    o.listen = "127.0.0.1:0";
    o.gate.longest_wait = 0; /* a machine that is busy otherwise is no failure here */
    o.threads = 2;
    ck_assert_int_eq(dg_server_start(node, &o, &server, &err), DG_OK);
    ck_assert_int_eq(dg_follow_start(server, &shop, &seen, .01, &follow, &err), DG_OK);
    asker a = {.address = dg_server_address(server)};
    for (int k = 0; k < 2; k++) pthread_create(&thread[k], NULL, ask_without_pause, &a);
    for (int items = 32; items < 40; items++) {
        publish(items, true, true); /* keeps two: older ones go while they may be in use */
        ck_assert(comes_to(a.address, items));
    }
    publish(40, true, false); /* a challenger is not served */
    publish(41, false, true); /* a damaged champion neither */
    ck_assert(comes_to(a.address, 39));
    publish(42, true, true);
    ck_assert(comes_to(a.address, 42));
    char moved[DG_PATH + 8];
    snprintf(moved, sizeof moved, "%s-moved", dir);
    ck_assert_int_eq(rename(dir, moved), 0); /* the registry is out of reach */
    ck_assert(comes_to(a.address, 42));
    ck_assert_int_eq(rename(moved, dir), 0);
    publish(43, true, true);
    ck_assert(comes_to(a.address, 43));
    atomic_store(&a.stop, true);
    for (int k = 0; k < 2; k++) pthread_join(thread[k], NULL);
    ck_assert_int_eq(atomic_load(&a.bad), 0);
    ck_assert_int_gt(atomic_load(&a.good), 10);
    dg_follow_stop(&follow);
    dg_server_stop(&server, 10);
    dg_node_close(&node);
    scratch_remove();
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

static dg_key new_key(const char *name)
{
    dg_key key;
    ck_assert_int_eq(dg_key_create(scratch(getpid(), name), DG_KEY_SIGN, &err), DG_OK);
    ck_assert_int_eq(dg_key_read(scratch(getpid(), name), DG_KEY_SIGN, &key, &err), DG_OK);
    return key;
}

START_TEST(what_no_trusted_key_signed_is_not_followed)
{
    dg_node *node;
    dg_server *server;
    dg_follow *follow;
    dg_followed_seen seen;
    dg_keyring trusted = {0};
    const dg_access access = {&trusted, NULL};
    const dg_followed shop = {.dir = dir, .model = "shop", .access = &access};
    snprintf(dir, sizeof dir, "%s", scratch(getpid(), "registry"));
    dg_log_setup(0, DG_LOG_QUIET);
    signal(SIGPIPE, SIG_IGN);
    signer = new_key("signer");
    stranger = new_key("stranger");
    ck_assert_int_eq(dg_keyring_read(scratch(getpid(), "signer.pub"), &trusted, &err), DG_OK);
    publish(30, true, true);
    ck_assert_int_eq(dg_follow_open(&shop, &seen, &node, &err), DG_ERR_PERM);
    publish_signed(31, true, true, &signer);
    ck_assert_int_eq(dg_follow_open(&shop, &seen, &node, &err), DG_OK);
    dg_server_options o = dg_server_defaults();
    o.listen = "127.0.0.1:0";
    o.gate.longest_wait = 0; /* a machine that is busy otherwise is no failure here */
    o.threads = 1;
    ck_assert_int_eq(dg_server_start(node, &o, &server, &err), DG_OK);
    ck_assert_int_eq(dg_follow_start(server, &shop, &seen, .01, &follow, &err), DG_OK);
    const char *address = dg_server_address(server);
    const struct timespec nap = {.tv_nsec = 100000000};
    publish_signed(32, true, true, &stranger);
    nanosleep(&nap, NULL);
    ck_assert(comes_to(address, 31));
    publish(33, true, true); /* the signature taken off */
    nanosleep(&nap, NULL);
    ck_assert(comes_to(address, 31));
    publish_signed(34, false, true, &signer);
    nanosleep(&nap, NULL);
    ck_assert(comes_to(address, 31));
    publish_signed(35, true, true, &signer);
    ck_assert(comes_to(address, 35));
    dg_follow_stop(&follow);
    dg_server_stop(&server, 10);
    dg_node_close(&node);
    dg_keyring_free(&trusted);
    scratch_remove();
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

UNIT_MAIN("follow", it_follows_the_champion_without_a_request_lost,
          what_no_trusted_key_signed_is_not_followed)
