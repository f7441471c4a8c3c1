/* listen.h - the address a serving node listens on. */
#ifndef DG_SERVE_LISTEN_H
#define DG_SERVE_LISTEN_H
#include "base/status.h"

#include <stdbool.h>

enum { DG_ADDRESS_SIZE = 80 }; /* "[numeric IPv6 address with zone]:65535" fits */

/**
 * Open a listening TCP socket. LOCAL.
 *
 * @param[in]  where    "127.0.0.1:8080", "[::1]:8080", "localhost:8080"; port 0 takes a free one
 * @param[out] fd       close-on-exec; the caller's to close
 * @param[out] address  where it listens, in numbers, with the port taken
 *
 * Errors  DG_ERR_USAGE not HOST:PORT; DG_ERR_UNAVAILABLE the address is in use, unknown or not of
 *         this machine; DG_ERR_PERM a port kept for the administrator; DG_ERR_IO.
 */
dg_status dg_listen(const char *where, int *fd, char address[DG_ADDRESS_SIZE], dg_err *err);

/** Where a socket listens, as dg_listen shows it. LOCAL. Errors DG_ERR_IO. */
dg_status dg_listen_show(int fd, char address[DG_ADDRESS_SIZE], dg_err *err);

/** Can an address, as dg_listen shows it, be reached from this machine alone? LOCAL. */
bool dg_address_is_loopback(const char *address);

#endif
