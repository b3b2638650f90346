// librabbitmq. On the sidecar's message path it is a codec only: methods, properties, tables and URLs; never call
// anything there that takes a connection and does I/O. The control plane (QueueClient) uses its connections as well,
// each on a thread of its own.
#include <stddef.h>
#include <stdint.h>
#include <sys/time.h>
#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>

// Swift cannot call variadic functions.
static inline amqp_rpc_reply_t asya_amqp_login_with_password(amqp_connection_state_t state, const char *vhost,
                                                             int channel_max, int heartbeat,
                                                             const amqp_table_t *properties, const char *user,
                                                             const char *password) {
    return amqp_login_with_properties(state, vhost, channel_max, AMQP_DEFAULT_FRAME_SIZE, heartbeat, properties,
                                      AMQP_SASL_METHOD_PLAIN, user, password);
}

// The client's certificate says who it is.
static inline amqp_rpc_reply_t asya_amqp_login_external(amqp_connection_state_t state, const char *vhost,
                                                        int channel_max, int heartbeat,
                                                        const amqp_table_t *properties) {
    return amqp_login_with_properties(state, vhost, channel_max, AMQP_DEFAULT_FRAME_SIZE, heartbeat, properties,
                                      AMQP_SASL_METHOD_EXTERNAL, "");
}

// What this version of the library has no call for is asked of OpenSSL, whose context it hands out.
struct ssl_ctx_st;
struct X509_VERIFY_PARAM_st;
int SSL_CTX_set_default_verify_paths(struct ssl_ctx_st *context);
struct X509_VERIFY_PARAM_st *SSL_CTX_get0_param(struct ssl_ctx_st *context);
int X509_VERIFY_PARAM_set1_ip_asc(struct X509_VERIFY_PARAM_st *parameters, const char *address);
int X509_VERIFY_PARAM_set1_host(struct X509_VERIFY_PARAM_st *parameters, const char *name, size_t byte_count);

// The authorities of the system.
static inline int asya_amqp_trust_system(amqp_socket_t *socket) {
    return SSL_CTX_set_default_verify_paths((struct ssl_ctx_st *)amqp_ssl_socket_get_context(socket)) == 1 ? 0 : -1;
}

// The name or address that the server's certificate must carry. The library's own check knows no addresses.
static inline int asya_amqp_expect_name(amqp_socket_t *socket, const char *name) {
    struct X509_VERIFY_PARAM_st *parameters =
        SSL_CTX_get0_param((struct ssl_ctx_st *)amqp_ssl_socket_get_context(socket));
    if (X509_VERIFY_PARAM_set1_ip_asc(parameters, name) == 1) return 0;
    return X509_VERIFY_PARAM_set1_host(parameters, name, 0) == 1 ? 0 : -1;
}
