#include "cuvshim.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int start_connect(int descriptor, const struct sockaddr *address, socklen_t length, int *in_progress) {
    *in_progress = 0;
    int result;
    do {
        result = connect(descriptor, address, length);
    } while (result < 0 && errno == EINTR);
    if (result == 0) return descriptor;
    if (errno == EINPROGRESS) {
        *in_progress = 1;
        return descriptor;
    }
    int failure = -errno;
    close(descriptor);
    return failure;
}

int cuvshim_connect_address(const struct sockaddr *address, int *in_progress) {
    socklen_t length = address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    int descriptor = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return -errno;
    return start_connect(descriptor, address, length, in_progress);
}

int cuvshim_connect_unix(const char *path, int *in_progress) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) return -ENAMETOOLONG;
    strcpy(address.sun_path, path);
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return -errno;
    return start_connect(descriptor, (struct sockaddr *)&address, sizeof address, in_progress);
}

int cuvshim_socket_error(int descriptor) {
    int value = 0;
    socklen_t length = sizeof value;
    if (getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &value, &length) < 0) return -errno;
    return -value;
}

int cuvshim_tune_tcp(int descriptor) {
    int on = 1;
    if (setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0) return -errno;
    if (setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on) < 0) return -errno;
    return 0;
}

static int try_listen(const struct addrinfo *candidate, int backlog) {
    int descriptor =
        socket(candidate->ai_family, candidate->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, candidate->ai_protocol);
    if (descriptor < 0) return -errno;
    int on = 1, off = 0;
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (candidate->ai_family == AF_INET6) setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(descriptor, candidate->ai_addr, candidate->ai_addrlen) == 0 && listen(descriptor, backlog) == 0)
        return descriptor;
    int failure = -errno;
    close(descriptor);
    return failure;
}

int cuvshim_listen_tcp(const char *host, int port, int backlog) {
    char service[16];
    snprintf(service, sizeof service, "%d", port);
    int any = host == NULL || host[0] == 0;
    // With every interface wanted, a dual-stack IPv6 socket serves both families; plain IPv4 is the fallback.
    int families[2] = {any ? AF_INET6 : AF_UNSPEC, AF_INET};
    int result = -EADDRNOTAVAIL;
    for (int i = 0; i < (any ? 2 : 1) && result < 0; i++) {
        struct addrinfo hints = {.ai_family = families[i], .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
        struct addrinfo *list = NULL;
        if (getaddrinfo(any ? NULL : host, service, &hints, &list) != 0) continue;
        for (struct addrinfo *entry = list; entry != NULL && result < 0; entry = entry->ai_next)
            result = try_listen(entry, backlog);
        freeaddrinfo(list);
        if (result == -EADDRINUSE) break;
    }
    return result;
}

int cuvshim_accept(int descriptor) {
    int client;
    do {
        client = accept4(descriptor, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    } while (client < 0 && errno == EINTR);
    return client < 0 ? -errno : client;
}

int cuvshim_local_port(int descriptor) {
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    if (getsockname(descriptor, (struct sockaddr *)&address, &length) < 0) return -errno;
    if (address.ss_family == AF_INET6) return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
    if (address.ss_family == AF_INET) return ntohs(((struct sockaddr_in *)&address)->sin_port);
    return -EAFNOSUPPORT;
}

int cuvshim_path_is_socket(const char *path) {
    struct stat status;
    if (stat(path, &status) < 0) return -errno;
    return S_ISSOCK(status.st_mode) ? 1 : 0;
}

ssize_t cuvshim_read(int descriptor, void *buffer, size_t count) {
    ssize_t result;
    do {
        result = read(descriptor, buffer, count);
    } while (result < 0 && errno == EINTR);
    return result < 0 ? -errno : result;
}

ssize_t cuvshim_writev(int descriptor, const struct iovec *vectors, int count) {
    ssize_t result;
    do {
        result = writev(descriptor, vectors, count);
    } while (result < 0 && errno == EINTR);
    return result < 0 ? -errno : result;
}

void cuvshim_close(int descriptor) { close(descriptor); }

void cuvshim_ignore_sigpipe(void) { signal(SIGPIPE, SIG_IGN); }
