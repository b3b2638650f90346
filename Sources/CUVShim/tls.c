#include "cuvshim.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RECORD_BYTES = 16384 };

struct cuvshim_tls {
    SSL_CTX *context;
    SSL *session;
    // A write that returned -EAGAIN must be repeated with the same bytes: they stay in `record` until it succeeds.
    size_t record_count;
    unsigned char record[RECORD_BYTES];
};

static void describe(const char *what, char *error, size_t size) {
    unsigned long code = ERR_peek_last_error();
    const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;
    snprintf(error, size, "%s: %s", what, reason != NULL ? reason : "unknown TLS error");
    ERR_clear_error();
}

static int load_files(SSL_CTX *context, const char *ca, const char *cert, const char *key, char *error, size_t size) {
    if (ca != NULL ? SSL_CTX_load_verify_locations(context, ca, NULL) != 1
                   : SSL_CTX_set_default_verify_paths(context) != 1) {
        describe("cannot load certificate authorities", error, size);
        return -1;
    }
    if (cert != NULL && SSL_CTX_use_certificate_chain_file(context, cert) != 1) {
        describe("cannot load client certificate", error, size);
        return -1;
    }
    if (key != NULL && SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1) {
        describe("cannot load client key", error, size);
        return -1;
    }
    return 0;
}

static int expect_name(SSL *session, const char *name) {
    X509_VERIFY_PARAM *parameters = SSL_get0_param(session);
    if (X509_VERIFY_PARAM_set1_ip_asc(parameters, name) == 1) return 1;
    ERR_clear_error();
    return SSL_set1_host(session, name) == 1 && SSL_set_tlsext_host_name(session, name) == 1;
}

cuvshim_tls *cuvshim_tls_new(int descriptor, const char *server_name, const char *ca_file, const char *cert_file,
                             const char *key_file, int verify_peer, char *error, size_t error_size) {
    ERR_clear_error();
    cuvshim_tls *tls = calloc(1, sizeof *tls);
    if (tls == NULL) {
        snprintf(error, error_size, "out of memory");
        return NULL;
    }
    tls->context = SSL_CTX_new(TLS_client_method());
    if (tls->context == NULL || SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION) != 1) {
        describe("cannot prepare TLS", error, error_size);
        cuvshim_tls_free(tls);
        return NULL;
    }
    SSL_CTX_set_verify(tls->context, verify_peer ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    if (load_files(tls->context, ca_file, cert_file, key_file, error, error_size) != 0) {
        cuvshim_tls_free(tls);
        return NULL;
    }
    tls->session = SSL_new(tls->context);
    if (tls->session == NULL || !expect_name(tls->session, server_name) || SSL_set_fd(tls->session, descriptor) != 1) {
        describe("cannot prepare TLS", error, error_size);
        cuvshim_tls_free(tls);
        return NULL;
    }
    SSL_set_connect_state(tls->session);
    return tls;
}

void cuvshim_tls_free(cuvshim_tls *tls) {
    if (tls == NULL) return;
    SSL_free(tls->session);
    SSL_CTX_free(tls->context);
    free(tls);
}

/// Translates a failed operation; 0 means a clean end of the stream.
static int outcome(cuvshim_tls *tls, int result, int *wants) {
    int saved = errno;
    switch (SSL_get_error(tls->session, result)) {
    case SSL_ERROR_WANT_READ:
        *wants = CUVSHIM_TLS_WANTS_READ;
        return -EAGAIN;
    case SSL_ERROR_WANT_WRITE:
        *wants = CUVSHIM_TLS_WANTS_WRITE;
        return -EAGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    case SSL_ERROR_SYSCALL:
        return saved != 0 ? -saved : -ECONNRESET;
    default:
        return -EPROTO;
    }
}

int cuvshim_tls_handshake(cuvshim_tls *tls, int *wants, char *error, size_t error_size) {
    *wants = CUVSHIM_TLS_WANTS_NOTHING;
    ERR_clear_error();
    errno = 0;
    int result = SSL_do_handshake(tls->session);
    if (result == 1) return 0;
    int code = outcome(tls, result, wants);
    if (code == -EAGAIN) return code;
    long verified = SSL_get_verify_result(tls->session);
    if (verified != X509_V_OK)
        snprintf(error, error_size, "certificate not accepted: %s", X509_verify_cert_error_string(verified));
    else if (code == -EPROTO)
        describe("TLS handshake failed", error, error_size);
    else
        snprintf(error, error_size, "TLS handshake failed: connection closed");
    return -EPROTO;
}

ssize_t cuvshim_tls_read(cuvshim_tls *tls, void *buffer, size_t count, int *wants) {
    *wants = CUVSHIM_TLS_WANTS_NOTHING;
    ERR_clear_error();
    errno = 0;
    int result = SSL_read(tls->session, buffer, count > INT32_MAX ? INT32_MAX : (int)count);
    return result > 0 ? result : outcome(tls, result, wants);
}

static void fill_record(cuvshim_tls *tls, const struct iovec *vectors, int count) {
    for (int i = 0; i < count && tls->record_count < RECORD_BYTES; i++) {
        size_t room = RECORD_BYTES - tls->record_count;
        size_t part = vectors[i].iov_len < room ? vectors[i].iov_len : room;
        memcpy(tls->record + tls->record_count, vectors[i].iov_base, part);
        tls->record_count += part;
    }
}

ssize_t cuvshim_tls_writev(cuvshim_tls *tls, const struct iovec *vectors, int count, int *wants) {
    *wants = CUVSHIM_TLS_WANTS_NOTHING;
    // The caller repeats the same list after -EAGAIN, so a kept record is a prefix of it.
    if (tls->record_count == 0) fill_record(tls, vectors, count);
    if (tls->record_count == 0) return 0;
    ERR_clear_error();
    errno = 0;
    int result = SSL_write(tls->session, tls->record, (int)tls->record_count);
    if (result <= 0) {
        int code = outcome(tls, result, wants);
        return code == 0 ? -EPIPE : code;
    }
    tls->record_count = 0;
    return result;
}

int cuvshim_tls_pending(const cuvshim_tls *tls) { return SSL_pending(tls->session); }
