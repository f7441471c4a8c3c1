#include "serve/guard/tls.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"

#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { CHAIN_MOST = 16, FILE_MOST = 1 << 20 };

/* A handshake that began with a certificate borrows it; the server's own limits end handshakes
 * long before this many seconds. */
static const double grace = 300;

typedef struct shown {
    gnutls_pcert_st chain[CHAIN_MOST];
    unsigned n;
    gnutls_privkey_t key;
    int64_t expires;
    double replaced; /* dg_now(), when another took its place */
    struct shown *before;
} shown;

struct dg_tls {
    dg_tls_files files;
    dg_text client_ca;
    shown *shown; /* newest first, those replaced of late behind it; guarded by lock */
    pthread_mutex_t lock;
};

static dg_tls *the_open_one; /* set before the server starts, cleared after it stopped */

static void free_shown(shown *s)
{
    for (unsigned k = 0; k < s->n; k++) gnutls_pcert_deinit(&s->chain[k]);
    if (s->key != NULL) gnutls_privkey_deinit(s->key);
    dg_free(s);
}

static dg_status fail_tls(const char *path, const char *what, int code, dg_err *err)
{
    const dg_status st = code == GNUTLS_E_MEMORY_ERROR ? DG_ERR_NOMEM : DG_ERR_DATA;
    return DG_FAIL(err, st, "%s: %s: %s", path, what, gnutls_strerror(code));
}

static gnutls_datum_t datum(const dg_text *t)
{
    return (gnutls_datum_t){(unsigned char *)t->at, (unsigned)t->n};
}

static dg_status read_chain(const char *path, shown *s, dg_err *err)
{
    dg_text pem = {0};
    dg_status st = dg_file_read(path, FILE_MOST, &pem, err);
    if (st == DG_OK) {
        const gnutls_datum_t text = datum(&pem);
        unsigned n = CHAIN_MOST;
        const int e = gnutls_pcert_list_import_x509_raw(s->chain, &n, &text, GNUTLS_X509_FMT_PEM,
                                                        GNUTLS_X509_CRT_LIST_FAIL_IF_UNSORTED);
        if (e != 0)
            st = fail_tls(path, "not a certificate chain in PEM", e, err);
        else
            s->n = n;
    }
    dg_text_free(&pem);
    return st;
}

static dg_status read_key(const char *path, shown *s, dg_err *err)
{
    dg_text pem = {0};
    struct stat about;
    if (stat(path, &about) != 0) return dg_err_errno(err, path, "cannot open");
    if ((about.st_mode & (S_IROTH | S_IWOTH)) != 0) {
        DG_FAIL(err, DG_ERR_PERM, "%s: anybody may read this private key", path);
        return dg_err_hint(err, DG_ERR_PERM, "chmod o= %s", path);
    }
    dg_status st = dg_file_read(path, FILE_MOST, &pem, err);
    int e = gnutls_privkey_init(&s->key);
    if (st == DG_OK && e == 0) {
        const gnutls_datum_t text = datum(&pem);
        e = gnutls_privkey_import_x509_raw(s->key, &text, GNUTLS_X509_FMT_PEM, NULL, 0);
    }
    if (st == DG_OK && e != 0) st = fail_tls(path, "not a private key in PEM", e, err);
    if (pem.at != NULL) gnutls_memset(pem.at, 0, pem.n);
    dg_text_free(&pem);
    return st;
}

/* Key and certificate are a pair when they have one public key. */
static dg_status check_pair(const dg_tls_files *f, const shown *s, dg_err *err)
{
    unsigned char own[64], other[64];
    size_t n_own = sizeof own, n_other = sizeof other;
    gnutls_pubkey_t public;
    int e = gnutls_pubkey_init(&public);
    if (e != 0) return fail_tls(f->key, "no memory", e, err);
    e = gnutls_pubkey_import_privkey(public, s->key, 0, 0);
    if (e == 0) e = gnutls_pubkey_get_key_id(public, GNUTLS_KEYID_USE_SHA256, own, &n_own);
    if (e == 0)
        e = gnutls_pubkey_get_key_id(s->chain[0].pubkey, GNUTLS_KEYID_USE_SHA256, other, &n_other);
    gnutls_pubkey_deinit(public);
    if (e != 0) return fail_tls(f->key, "unknown kind of key", e, err);
    if (n_own == n_other && memcmp(own, other, n_own) == 0) return DG_OK;
    return DG_FAIL(err, DG_ERR_DATA, "%s: not the key of the certificate in %s", f->key, f->cert);
}

static dg_status check_time(const char *path, shown *s, dg_err *err)
{
    gnutls_x509_crt_t crt;
    int e = gnutls_pcert_export_x509(&s->chain[0], &crt);
    if (e != 0) return fail_tls(path, "not an X.509 certificate", e, err);
    s->expires = (int64_t)gnutls_x509_crt_get_expiration_time(crt);
    gnutls_x509_crt_deinit(crt);
    return s->expires > (int64_t)time(NULL)
               ? DG_OK
               : DG_FAIL(err, DG_ERR_DATA, "%s: the certificate has expired", path);
}

static dg_status read_shown(const dg_tls_files *f, shown **out, dg_err *err)
{
    shown *s = *out = dg_alloc(1, sizeof *s);
    if (s == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", f->cert);
    dg_status st = read_chain(f->cert, s, err);
    if (st == DG_OK) st = read_key(f->key, s, err);
    if (st == DG_OK) st = check_pair(f, s, err);
    if (st == DG_OK) st = check_time(f->cert, s, err);
    if (st == DG_OK) return DG_OK;
    free_shown(s);
    *out = NULL;
    return st;
}

static dg_status read_client_ca(dg_tls *tls, dg_err *err)
{
    gnutls_x509_crt_t *list = NULL;
    unsigned n = 0;
    const char *path = tls->files.client_ca;
    if (path == NULL) return DG_OK;
    const dg_status st = dg_file_read(path, FILE_MOST, &tls->client_ca, err);
    if (st != DG_OK) return st;
    const gnutls_datum_t text = datum(&tls->client_ca);
    const int e = gnutls_x509_crt_list_import2(&list, &n, &text, GNUTLS_X509_FMT_PEM, 0);
    if (e < 0) return fail_tls(path, "not certificates in PEM", e, err);
    for (unsigned k = 0; k < n; k++) gnutls_x509_crt_deinit(list[k]);
    gnutls_free(list);
    return n > 0 ? DG_OK : DG_FAIL(err, DG_ERR_DATA, "%s: no certificate in it", path);
}

dg_status dg_tls_open(const dg_tls_files *files, dg_tls **out, dg_err *err)
{
    dg_tls *tls = *out = dg_alloc(1, sizeof *tls);
    if (tls == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", files->cert);
    tls->files = *files;
    pthread_mutex_init(&tls->lock, NULL);
    dg_status st = read_shown(files, &tls->shown, err);
    if (st == DG_OK) st = read_client_ca(tls, err);
    if (st == DG_OK)
        the_open_one = tls;
    else
        dg_tls_close(out);
    return st;
}

void dg_tls_close(dg_tls **tls)
{
    if (*tls == NULL) return;
    if (the_open_one == *tls) the_open_one = NULL;
    for (shown *s = (*tls)->shown, *before; s != NULL; s = before) {
        before = s->before;
        free_shown(s);
    }
    dg_text_free(&(*tls)->client_ca);
    pthread_mutex_destroy(&(*tls)->lock);
    dg_free(*tls);
    *tls = NULL;
}

/* Those that no handshake can still borrow. With the lock held. */
static void drop_old(shown *newest)
{
    shown **at = &newest->before;
    while (*at != NULL) {
        shown *s = *at;
        if (dg_now() - s->replaced < grace) {
            at = &s->before;
            continue;
        }
        *at = s->before;
        free_shown(s);
    }
}

dg_status dg_tls_reload(dg_tls *tls, dg_err *err)
{
    shown *fresh;
    const dg_status st = read_shown(&tls->files, &fresh, err);
    if (st != DG_OK) return st;
    pthread_mutex_lock(&tls->lock);
    tls->shown->replaced = dg_now();
    fresh->before = tls->shown;
    tls->shown = fresh;
    drop_old(fresh);
    pthread_mutex_unlock(&tls->lock);
    return DG_OK;
}

const char *dg_tls_client_ca(const dg_tls *tls) { return tls->client_ca.at; }

int64_t dg_tls_expires(dg_tls *tls)
{
    pthread_mutex_lock(&tls->lock);
    const int64_t expires = tls->shown->expires;
    pthread_mutex_unlock(&tls->lock);
    return expires;
}

int dg_tls_retrieve(gnutls_session_t session, const gnutls_datum_t *issuers, int n_issuers,
                    const gnutls_pk_algorithm_t *kinds, int n_kinds, gnutls_pcert_st **chain,
                    unsigned *n_chain, gnutls_privkey_t *key)
{
    dg_tls *tls = the_open_one;
    (void)issuers, (void)n_issuers, (void)kinds, (void)n_kinds;
    if (tls == NULL) return -1;
    pthread_mutex_lock(&tls->lock);
    *chain = tls->shown->chain;
    *n_chain = tls->shown->n;
    *key = tls->shown->key;
    pthread_mutex_unlock(&tls->lock);
    if (tls->client_ca.at != NULL) { /* the library only asks; the handshake shall end without */
        gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUIRE);
        gnutls_session_set_verify_cert(session, NULL, 0);
    }
    return 0;
}
