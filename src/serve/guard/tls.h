/* tls.h - the certificate a node shows, and the one it asks of its clients.
 *
 * TLS 1.2 and 1.3, by GnuTLS. A certificate can be replaced while the node runs: connections begun
 * with the old one go on with it. */
#ifndef DG_SERVE_GUARD_TLS_H
#define DG_SERVE_GUARD_TLS_H
#include "base/status.h"

#include <gnutls/abstract.h>

typedef struct dg_tls dg_tls;

typedef struct dg_tls_files {
    const char *cert;      /* chain in PEM, the node's own first; NULL: no TLS */
    const char *key;       /* its private key in PEM */
    const char *client_ca; /* who vouches for clients; NULL: anyone may connect */
} dg_tls_files;

#define DG_TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

/** Read and check the files. LOCAL; one at a time in a process, as the library's callback has no
 *  context. Errors DG_ERR_NOINPUT; DG_ERR_PERM a key that anybody may read; DG_ERR_DATA not PEM,
 *  expired, or key and certificate are no pair; DG_ERR_NOMEM. */
dg_status dg_tls_open(const dg_tls_files *files, dg_tls **out, dg_err *err);

/** LOCAL, NULL-safe. No connection may be left. */
void dg_tls_close(dg_tls **tls);

/** Read certificate and key again; when they cannot be used those from before stay. The CA of
 *  clients stays as it was opened. LOCAL, while others connect. Errors as dg_tls_open. */
dg_status dg_tls_reload(dg_tls *tls, dg_err *err);

/** PEM text of the CA of clients, or NULL; borrowed. LOCAL. */
const char *dg_tls_client_ca(const dg_tls *tls);

/** When the certificate expires, seconds since 1970. LOCAL, thread-safe. */
int64_t dg_tls_expires(dg_tls *tls);

/** For MHD_OPTION_HTTPS_CERT_CALLBACK: shows the certificate of the open dg_tls, and asks for the
 *  client's where a CA was given. LOCAL, thread-safe. */
int dg_tls_retrieve(gnutls_session_t session, const gnutls_datum_t *issuers, int n_issuers,
                    const gnutls_pk_algorithm_t *kinds, int n_kinds, gnutls_pcert_st **chain,
                    unsigned *n_chain, gnutls_privkey_t *key);

#endif
