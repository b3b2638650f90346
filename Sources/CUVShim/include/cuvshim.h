/// What Swift cannot import or should not see of libuv, the socket calls and OpenSSL. It decides nothing.
///
/// Conventions: a function returns 0 or a byte count on success and a negative errno (as libuv does) on failure.
/// Whoever calls a `_new` function owns the result and ends it with the matching `_free`.
#ifndef CUVSHIM_H
#define CUVSHIM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>
#include <uv.h>

// ---- sockets (socket.c) -------------------------------------------------------------------------------------------

/// Opens a non-blocking, close-on-exec stream socket and starts to connect it. `*in_progress` is 1 when completion
/// has to be awaited (poll for writing, then `cuvshim_socket_error`). Returns the descriptor, owned by the caller.
int cuvshim_connect_address(const struct sockaddr *address, int *in_progress);
int cuvshim_connect_unix(const char *path, int *in_progress);
/// SO_ERROR of a socket as a negative errno, 0 when there is none.
int cuvshim_socket_error(int descriptor);
/// Disables Nagle's algorithm and turns on TCP keep-alive.
int cuvshim_tune_tcp(int descriptor);
/// Opens a listening TCP socket. `host` NULL or "" means every interface, IPv6 and IPv4. Returns the descriptor.
int cuvshim_listen_tcp(const char *host, int port, int backlog);
/// Accepts one connection, non-blocking and close-on-exec; -EAGAIN when there is none.
int cuvshim_accept(int descriptor);
/// The port a listening socket was given.
int cuvshim_local_port(int descriptor);
/// 1 when the path is a socket, 0 when it is something else, negative errno when it cannot be examined.
int cuvshim_path_is_socket(const char *path);
ssize_t cuvshim_read(int descriptor, void *buffer, size_t count);
ssize_t cuvshim_writev(int descriptor, const struct iovec *vectors, int count);
void cuvshim_close(int descriptor);
/// Ignores SIGPIPE, so that a write to a closed peer is an error value.
void cuvshim_ignore_sigpipe(void);

// ---- libuv (loop.c) -----------------------------------------------------------------------------------------------

/// Handles are allocated here because their size is only known to C; free with `cuvshim_handle_free` in or after the
/// close callback.
uv_loop_t *cuvshim_loop_new(void);
void cuvshim_loop_free(uv_loop_t *loop);
uv_poll_t *cuvshim_poll_new(void);
uv_timer_t *cuvshim_timer_new(void);
uv_prepare_t *cuvshim_prepare_new(void);
uv_idle_t *cuvshim_idle_new(void);
uv_signal_t *cuvshim_signal_new(void);
uv_async_t *cuvshim_async_new(void);
uv_getaddrinfo_t *cuvshim_getaddrinfo_new(void);
void cuvshim_handle_free(void *handle);
static inline uv_handle_t *cuvshim_handle(void *handle) { return (uv_handle_t *)handle; }
static inline void cuvshim_set_data(void *handle, void *data) { ((uv_handle_t *)handle)->data = data; }
static inline void *cuvshim_get_data(const void *handle) { return ((const uv_handle_t *)handle)->data; }
/// Closes a handle and frees its memory when libuv is done with it. The owner may go away at once.
void cuvshim_close_and_free(void *handle);
/// Starts a look-up of `host` and `port`; `data` is handed back through `cuvshim_request_data`.
int cuvshim_resolve(uv_loop_t *loop, uv_getaddrinfo_t *request, const char *host, const char *port, void *data,
                    uv_getaddrinfo_cb callback);
static inline void *cuvshim_request_data(const uv_getaddrinfo_t *request) { return request->data; }

// ---- TLS (tls.c) --------------------------------------------------------------------------------------------------

typedef struct cuvshim_tls cuvshim_tls;

/// What a TLS operation waits for when it returns -EAGAIN.
enum { CUVSHIM_TLS_WANTS_NOTHING = 0, CUVSHIM_TLS_WANTS_READ = 1, CUVSHIM_TLS_WANTS_WRITE = 2 };

/// Prepares a TLS client on a connected descriptor. Paths may be NULL: no `ca_file` means the system's authorities.
/// `server_name` is checked against the certificate (DNS name or IP address). On failure returns NULL and writes a
/// reason into `error`.
cuvshim_tls *cuvshim_tls_new(int descriptor, const char *server_name, const char *ca_file, const char *cert_file,
                             const char *key_file, int verify_peer, char *error, size_t error_size);
void cuvshim_tls_free(cuvshim_tls *tls);
/// 0 when the handshake is complete, -EAGAIN when it has to wait, -EPROTO with a reason in `error` when it failed.
int cuvshim_tls_handshake(cuvshim_tls *tls, int *wants, char *error, size_t error_size);
/// Byte count, 0 at the end of the stream, -EAGAIN, or another negative errno.
ssize_t cuvshim_tls_read(cuvshim_tls *tls, void *buffer, size_t count, int *wants);
/// Gathers the vectors into records of at most 16 KiB. Byte count taken, -EAGAIN, or another negative errno.
ssize_t cuvshim_tls_writev(cuvshim_tls *tls, const struct iovec *vectors, int count, int *wants);
/// Decrypted bytes that a read would return without touching the socket.
int cuvshim_tls_pending(const cuvshim_tls *tls);

// ---- gzip (gzip.c) ------------------------------------------------------------------------------------------------

/// Upper bound of the compressed size of `count` bytes.
size_t cuvshim_gzip_bound(size_t count);
/// Compresses into `output`; returns the byte count or a negative errno.
ssize_t cuvshim_gzip(const void *input, size_t count, void *output, size_t capacity);

#endif
