#include "serve/door.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { PAUSE = 10 /* ms until the next look when there is no room, or no file to be had */ };

struct dg_door {
    int fd, end; /* the second becomes readable when it is to close */
    dg_doorkeeper keeper;
    bool started;
    pthread_t thread;
};

/* False where none waits, or none can be had: errno says. */
static bool take_one(dg_door *d)
{
    struct sockaddr_storage from;
    socklen_t n = sizeof from;
    const int fd = accept4(d->fd, (struct sockaddr *)&from, &n, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) d->keeper.enter(d->keeper.context, fd, (struct sockaddr *)&from, n);
    return fd >= 0;
}

/* Those that wait when it closes have been told that they are connected. */
static void take_the_last(dg_door *d)
{
    while (d->keeper.has_room(d->keeper.context) && take_one(d)) continue;
}

static void *keep(void *context)
{
    dg_door *d = context;
    bool starved = false; /* of files or memory */
    for (;;) {
        const bool open = !starved && d->keeper.has_room(d->keeper.context);
        struct pollfd wait[] = {{.fd = d->end, .events = POLLIN},
                                {.fd = open ? d->fd : -1, .events = POLLIN}};
        starved = false;
        if (poll(wait, 2, open ? -1 : PAUSE) < 0) continue;
        if (wait[0].revents != 0) break;
        if (wait[1].revents != 0 && !take_one(d))
            starved = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
    }
    take_the_last(d);
    return NULL;
}

dg_status dg_door_open(int fd, const dg_doorkeeper *keeper, dg_door **out, dg_err *err)
{
    dg_door *d = *out = dg_alloc(1, sizeof *d);
    if (d == NULL) {
        close(fd);
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for the server");
    }
    *d = (dg_door){.fd = fd, .end = eventfd(0, EFD_CLOEXEC), .keeper = *keeper};
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); /* who hung up while waiting is gone */
    const int e = d->end < 0 ? errno : pthread_create(&d->thread, NULL, keep, d);
    d->started = e == 0;
    if (e == 0) return DG_OK;
    dg_door_close(out);
    return DG_FAIL(err, DG_ERR_IO, "cannot start a thread: %s", strerror(e));
}

void dg_door_close(dg_door **door)
{
    dg_door *d = *door;
    const uint64_t one = 1;
    if (d == NULL) return;
    if (d->started) {
        while (write(d->end, &one, sizeof one) < 0 && errno == EINTR) continue;
        pthread_join(d->thread, NULL);
    }
    if (d->end >= 0) close(d->end);
    close(d->fd);
    dg_free(d);
    *door = NULL;
}
