/* A log of events of any bytes: opened, read back by user, and opened again to the same.
 *
 * The first byte of an input says what the rest is: even, the log's file as it comes; odd, lines
 * that get the check they lack, so that what stands in them is read. */
#include "fuzz.h"

#include "serve/live/eventstore.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[64];

static void must(bool good)
{
    if (!good) abort();
}

static const char *file(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static const char *const names[] = {"events-00000001.jsonl", "events-00000001.cut",
                                    "events-00000002.jsonl", "lock"};

static void clean_up(void)
{
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) unlink(file(names[k]));
    rmdir(folder);
}

static void write_log(const uint8_t *data, size_t n, bool checked)
{
    dg_text t = {0};
    for (size_t at = 0; checked && at < n;) {
        const uint8_t *end = memchr(data + at, '\n', n - at);
        const size_t length = end == NULL ? n - at : (size_t)(end - data) - at, begin = t.n;
        dg_text_bytes(&t, (const char *)data + at, length);
        dg_event_line_end(&t, begin);
        at += length + 1;
    }
    if (!checked) dg_text_bytes(&t, (const char *)data, n);
    const int fd = open(file(names[0]), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    must(fd >= 0 && !t.failed && (t.n == 0 || write(fd, t.at, t.n) == (ssize_t)t.n));
    close(fd);
    dg_text_free(&t);
}

static dg_status count(void *context, const dg_event_seen *event, dg_err *err)
{
    (void)err;
    must(event->n_item > 0 && event->item != NULL && event->kind != NULL);
    ++*(int64_t *)context;
    return DG_OK;
}

/* Events of two users, whose ids the seeds have. */
static int64_t read_back(const dg_eventstore *s)
{
    int64_t n = 0;
    dg_err err;
    for (const char *user = "ab"; *user != '\0'; user++) {
        const dg_event_place from = dg_eventstore_latest(s, user, 1);
        if (from != 0) dg_eventstore_read(s, user, 1, from, 0, count, &n, &err);
    }
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    dg_eventstore *s;
    dg_err err;
    int64_t events, again, cut;
    if (n == 0) return 0;
    if (folder[0] == '\0') {
        const bool memory = access("/dev/shm", W_OK) == 0;
        snprintf(folder, sizeof folder, "%s/daogou-fuzz-XXXXXX", memory ? "/dev/shm" : "/tmp");
        must(mkdtemp(folder) != NULL && atexit(clean_up) == 0);
    }
    write_log(data + 1, n - 1, data[0] % 2 == 1);
    if (dg_eventstore_open(folder, &s, &events, &cut, &err) != DG_OK) {
        must(err.text[0] != '\0');
        return 0;
    }
    const int64_t found = read_back(s);
    must(found <= events);
    dg_eventstore_close(&s);
    must(dg_eventstore_open(folder, &s, &again, &cut, &err) == DG_OK);
    must(again == events && cut == 0 && read_back(s) == found);
    dg_eventstore_close(&s);
    return 0;
}
