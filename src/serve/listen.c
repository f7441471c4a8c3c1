#include "serve/listen.h"

#include "base/text.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HOST_SIZE = 256, PORT_SIZE = 8, BACKLOG = 512 };

/* Cut HOST:PORT at its last colon; an IPv6 address stands in brackets, as its own colons could be
 * taken for that one. */
static bool split(const char *where, char host[HOST_SIZE], char port[PORT_SIZE])
{
    const char *colon = strrchr(where, ':');
    int64_t number;
    if (colon == NULL || colon == where || strlen(colon + 1) >= PORT_SIZE) return false;
    if (!dg_parse_int64(colon + 1, strlen(colon + 1), &number)) return false;
    if (number < 0 || number > 65535) return false;
    size_t n = (size_t)(colon - where);
    const bool bracketed = n > 2 && where[0] == '[' && where[n - 1] == ']';
    if (bracketed) {
        where++;
        n -= 2;
    }
    if (n >= HOST_SIZE) return false;
    memcpy(host, where, n);
    host[n] = '\0';
    if (strpbrk(host, bracketed ? "[]" : "[]:") != NULL) return false;
    snprintf(port, PORT_SIZE, "%d", (int)number);
    return true;
}

static dg_status fail_socket(const char *where, int e, dg_err *err)
{
    const dg_status st = e == EACCES || e == EPERM ? DG_ERR_PERM
                         : e == EADDRINUSE || e == EADDRNOTAVAIL || e == EAFNOSUPPORT
                             ? DG_ERR_UNAVAILABLE
                             : DG_ERR_IO;
    DG_FAIL(err, st, "cannot listen on %s: %s", where, strerror(e));
    if (e == EADDRINUSE)
        return dg_err_hint(err, st, "stop what listens there, or give --listen another port");
    if (e == EACCES)
        return dg_err_hint(err, st, "ports below 1024 need a privilege; take a higher one");
    return st;
}

/* One resolved address; 0, or the errno of what failed. */
static int bind_at(const struct addrinfo *at, int *fd)
{
    const int yes = 1;
    *fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, at->ai_protocol);
    if (*fd < 0) return errno;
    if (setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
        bind(*fd, at->ai_addr, at->ai_addrlen) == 0)
        return 0;
    const int e = errno;
    close(*fd);
    *fd = -1;
    return e;
}

dg_status dg_listen_show(int fd, char address[DG_ADDRESS_SIZE], dg_err *err)
{
    struct sockaddr_storage own;
    socklen_t n = sizeof own;
    char host[64], port[PORT_SIZE];
    if (getsockname(fd, (struct sockaddr *)&own, &n) != 0 ||
        getnameinfo((struct sockaddr *)&own, n, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return DG_FAIL(err, DG_ERR_IO, "cannot read back the listening address");
    snprintf(address, DG_ADDRESS_SIZE, own.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
    return DG_OK;
}

dg_status dg_listen_bind(const char *where, int *fd, char address[DG_ADDRESS_SIZE], dg_err *err)
{
    const struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV,
                                   .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char host[HOST_SIZE], port[PORT_SIZE];
    *fd = -1;
    if (!split(where, host, port)) {
        DG_FAIL(err, DG_ERR_USAGE, "listen address \"%s\" is not HOST:PORT", where);
        return dg_err_hint(err, DG_ERR_USAGE,
                           "write 127.0.0.1:8080, [::1]:8080, or 0.0.0.0:8080 "
                           "to be reachable from outside");
    }
    const int code = getaddrinfo(host, port, &hints, &found);
    if (code != 0)
        return DG_FAIL(err, DG_ERR_UNAVAILABLE, "cannot listen on %s: %s", where,
                       gai_strerror(code));
    int e = EADDRNOTAVAIL;
    for (const struct addrinfo *at = found; at != NULL && *fd < 0; at = at->ai_next)
        e = bind_at(at, fd);
    freeaddrinfo(found);
    if (*fd < 0) return fail_socket(where, e, err);
    const dg_status st = dg_listen_show(*fd, address, err);
    if (st != DG_OK) {
        close(*fd);
        *fd = -1;
    }
    return st;
}

dg_status dg_listen_begin(int fd, const char *address, dg_err *err)
{
    return listen(fd, BACKLOG) == 0 ? DG_OK : fail_socket(address, errno, err);
}

bool dg_address_is_loopback(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strncmp(address, "[::1]:", 6) == 0;
}
