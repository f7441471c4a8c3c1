/* listen.h - the address a serving node listens on. */
#ifndef DG_SERVE_LISTEN_H
#define DG_SERVE_LISTEN_H
#include "base/status.h"

#include <stdbool.h>

enum { DG_ADDRESS_SIZE = 80 }; /* "[numeric IPv6 address with zone]:65535" fits */

/**
 * Take an address: a TCP socket that does not listen yet, so that who comes before there is anybody
 * to answer is turned away at once, and does not wait in a queue that nobody looks at. LOCAL.
 *
 * @param[in]  where    "127.0.0.1:8080", "[::1]:8080", "localhost:8080"; port 0 takes a free one
 * @param[out] fd       close-on-exec; the caller's to close
 * @param[out] address  where it will listen, in numbers, with the port taken
 *
 * Errors  DG_ERR_USAGE not HOST:PORT; DG_ERR_UNAVAILABLE the address is in use, unknown or not of
 *         this machine; DG_ERR_PERM a port kept for the administrator; DG_ERR_IO.
 */
dg_status dg_listen_bind(const char *where, int *fd, char address[DG_ADDRESS_SIZE], dg_err *err);

/** Let connections come to a socket that was bound. LOCAL. Errors DG_ERR_UNAVAILABLE another one
 * has begun to listen there meanwhile; DG_ERR_IO. */
dg_status dg_listen_begin(int fd, const char *address, dg_err *err);

/** Where a socket is bound, as dg_listen_bind shows it. LOCAL. Errors DG_ERR_IO. */
dg_status dg_listen_show(int fd, char address[DG_ADDRESS_SIZE], dg_err *err);

/** Can an address, as dg_listen_bind shows it, be reached from this machine alone? LOCAL. */
bool dg_address_is_loopback(const char *address);

#endif
