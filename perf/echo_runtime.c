/// A runtime in C that answers every request with its own payload and the route advanced by one. It speaks the
/// socket protocol of the real runtime (frames of 4 length bytes and JSON, ready file), serves strictly one request
/// at a time and in order, and understands only the layout of sample_envelope.h. It copies no payload.
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "amqp_wire.h"
#include "gather.h"

enum {
    MAX_CONNECTIONS = 256,
    READ_AHEAD_BYTES = 256 << 10,
    MAX_FRAME_BYTES = 64 << 20,
    MAX_EVENTS = 16,
    // The route is searched only here; everything before the payload is shorter.
    HEAD_BYTES = 1024,
    // Frames per `writev`: what `ahead` allows, with room to spare.
    PIECES = 4096,
    BLOCK_BYTES = 2 << 20,
    FIRST_READ_OF_LARGE = 4096,
};

struct connection {
    int descriptor;
    uint8_t *bytes;
    size_t capacity, parsed, fill;
    bool last_was_large, is_writing, closes_after_write;
    struct gather output;
};

static struct {
    char directory[80];
    bool is_one_shot;
    long delay_us;
    int epoll, listener;
    uint64_t requests, connections, request_bytes;
    long long first_request_ns;
} echo = {.directory = "/var/run/asya"};

static volatile sig_atomic_t should_stop;

static void stop(int number) {
    (void)number;
    should_stop = 1;
}

_Noreturn static void fail(const char *what) {
    fprintf(stderr, "echo_runtime: %s (errno: %s)\n", what, strerror(errno));
    exit(2);
}

static long long monotonic_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long long)now.tv_sec * 1000000000LL + now.tv_nsec;
}

// -- Replies

struct range {
    const uint8_t *from, *to;
};

/// The route object and the payload of a request; false when the layout is another one.
static bool find_parts(const uint8_t *body, size_t count, struct range *route, struct range *payload) {
    static const char route_key[] = "\"route\":{", payload_key[] = "\"payload\":";
    const uint8_t *end = body + count, *head_end = count < HEAD_BYTES ? end : body + HEAD_BYTES;
    const uint8_t *at = memmem(body, (size_t)(head_end - body), route_key, sizeof route_key - 1);
    if (at == NULL) return false;
    route->from = at + sizeof route_key - 2;
    at = memchr(route->from, '}', (size_t)(head_end - route->from));
    if (at == NULL) return false;
    route->to = at + 1;
    at = memmem(route->to, (size_t)(head_end - route->to), payload_key, sizeof payload_key - 1);
    if (at == NULL || end[-1] != '}') return false;
    *payload = (struct range){.from = at + sizeof payload_key - 1, .to = end - 1};
    return true;
}

/// Copies the route with its `current` advanced by one.
static bool advance_route(struct range route, char *to, size_t capacity, size_t *count) {
    static const char key[] = "\"current\":";
    size_t byte_count = (size_t)(route.to - route.from);
    const uint8_t *at = memmem(route.from, byte_count, key, sizeof key - 1);
    if (at == NULL || byte_count + 24 > capacity) return false;
    at += sizeof key - 1;
    size_t before = (size_t)(at - route.from);
    memcpy(to, route.from, before);
    long current = 0;
    for (; at < route.to && *at >= '0' && *at <= '9' && current < 1000000; at++) current = current * 10 + (*at - '0');
    size_t digits = (size_t)sprintf(to + before, "%ld", current + 1);
    memcpy(to + before + digits, at, (size_t)(route.to - at));
    *count = before + digits + (size_t)(route.to - at);
    return true;
}

static void reply_to(struct connection *connection, const uint8_t *body, size_t count) {
    static const char opening[] = "[{\"payload\":", middle[] = ",\"route\":", closing[] = "}]";
    struct range route, payload;
    char advanced[HEAD_BYTES + 32];
    size_t advanced_bytes;
    if (!find_parts(body, count, &route, &payload) ||
        !advance_route(route, advanced, sizeof advanced, &advanced_bytes)) {
        fail("a request does not have the load test's layout");
    }
    size_t payload_bytes = (size_t)(payload.to - payload.from);
    size_t total = sizeof opening + sizeof middle + sizeof closing - 3 + payload_bytes + advanced_bytes;
    uint8_t prefix[4];
    wire_put32(prefix, (uint32_t)total);
    gather_append(&connection->output, prefix, sizeof prefix);
    gather_append(&connection->output, opening, sizeof opening - 1);
    gather_append(&connection->output, payload.from, payload_bytes);
    gather_append(&connection->output, middle, sizeof middle - 1);
    gather_append(&connection->output, advanced, advanced_bytes);
    gather_append(&connection->output, closing, sizeof closing - 1);
}

static void handle_request(struct connection *connection, const uint8_t *body, size_t count) {
    if (echo.requests++ == 0) {
        echo.first_request_ns = monotonic_ns();
        printf("{\"first_request_ns\":%lld}\n", echo.first_request_ns);
        fflush(stdout);
    }
    echo.request_bytes += count;
    if (echo.delay_us > 0) {
        struct timespec delay = {.tv_sec = echo.delay_us / 1000000, .tv_nsec = echo.delay_us % 1000000 * 1000};
        nanosleep(&delay, NULL);
    }
    reply_to(connection, body, count);
}

// -- Connections

static void close_connection(struct connection *connection) {
    close(connection->descriptor);
    gather_free(&connection->output);
    free(connection->bytes);
    free(connection);
}

/// Writes what is waiting. False when the connection is gone.
static bool flush(struct connection *connection) {
    bool was_writing = connection->is_writing;
    if (gather_flush(&connection->output, connection->descriptor)) {
        connection->is_writing = false;
        // What the replies pointed at is written: the room can be used again.
        connection->fill -= connection->parsed;
        memmove(connection->bytes, connection->bytes + connection->parsed, connection->fill);
        connection->parsed = 0;
    } else if (errno == EAGAIN) {
        connection->is_writing = true;
    } else {
        close_connection(connection);
        return false;
    }
    if (!connection->is_writing && connection->closes_after_write) {
        close_connection(connection);
        return false;
    }
    if (connection->is_writing != was_writing) {
        // Nothing is read while a reply is stuck: one request at a time, and bounded memory.
        struct epoll_event event = {.events = connection->is_writing ? EPOLLOUT : EPOLLIN, .data.ptr = connection};
        if (epoll_ctl(echo.epoll, EPOLL_CTL_MOD, connection->descriptor, &event) != 0) fail("epoll_ctl");
    }
    return true;
}

/// Makes room for `wanted` bytes behind `parsed`. Only called when no reply points into the buffer.
static void make_room(struct connection *connection, size_t wanted) {
    if (connection->capacity >= wanted) return;
    connection->capacity = wanted;
    connection->bytes = realloc(connection->bytes, wanted);
    if (connection->bytes == NULL) fail("out of memory");
}

/// Answers every complete request in the buffer; returns the size of the incomplete one behind them, 0 if unknown.
static size_t answer_all(struct connection *connection) {
    for (;;) {
        size_t available = connection->fill - connection->parsed;
        const uint8_t *bytes = connection->bytes + connection->parsed;
        if (available < 4 || connection->closes_after_write) return 0;
        size_t whole = 4 + (size_t)wire_get32(bytes);
        if (whole > MAX_FRAME_BYTES) fail("a request is too large");
        if (available < whole) return whole;
        handle_request(connection, bytes + 4, whole - 4);
        connection->parsed += whole;
        connection->last_was_large = whole > READ_AHEAD_BYTES / 4;
        connection->closes_after_write = echo.is_one_shot;
        // A delayed handler answers one by one, like a real one.
        if (echo.delay_us > 0) gather_flush(&connection->output, connection->descriptor);
    }
}

/// Reads and answers until the socket is empty. Large requests are read exactly, so that nothing has to be moved.
static void serve(struct connection *connection) {
    for (;;) {
        size_t whole = answer_all(connection);
        if (!gather_is_empty(&connection->output) || connection->parsed > 0) {
            if (!flush(connection) || connection->is_writing) return;
        }
        make_room(connection, whole > READ_AHEAD_BYTES ? whole : READ_AHEAD_BYTES);
        size_t limit = connection->capacity - connection->fill;
        if (whole > READ_AHEAD_BYTES / 4) {
            limit = whole - connection->fill;
        } else if (whole == 0 && connection->last_was_large && limit > FIRST_READ_OF_LARGE) {
            limit = FIRST_READ_OF_LARGE;
        }
        ssize_t count = read(connection->descriptor, connection->bytes + connection->fill, limit);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0 && errno == EAGAIN) return;
        if (count <= 0) {
            close_connection(connection);
            return;
        }
        connection->fill += (size_t)count;
        if ((size_t)count < limit) {
            answer_all(connection);
            flush(connection);
            return;
        }
    }
}

static void accept_connection(void) {
    int descriptor = accept4(echo.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor < 0) return;
    struct connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL) fail("out of memory");
    connection->descriptor = descriptor;
    gather_init(&connection->output, PIECES, BLOCK_BYTES);
    make_room(connection, READ_AHEAD_BYTES);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    if (epoll_ctl(echo.epoll, EPOLL_CTL_ADD, descriptor, &event) != 0) fail("epoll_ctl");
    echo.connections++;
}

static void run(void) {
    struct epoll_event events[MAX_EVENTS];
    while (!should_stop) {
        int count = epoll_wait(echo.epoll, events, MAX_EVENTS, -1);
        if (count < 0 && errno != EINTR) fail("epoll_wait");
        for (int index = 0; index < count; index++) {
            struct connection *connection = events[index].data.ptr;
            if (connection == NULL) {
                accept_connection();
            } else if (!connection->is_writing || (flush(connection) && !connection->is_writing)) {
                serve(connection);
            }
        }
    }
}

// -- Start

static void listen_on_socket(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/asya-runtime.sock", echo.directory);
    unlink(address.sun_path);
    echo.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (echo.listener < 0 || bind(echo.listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(echo.listener, MAX_CONNECTIONS) != 0) {
        fail(address.sun_path);
    }
    echo.epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (epoll_ctl(echo.epoll, EPOLL_CTL_ADD, echo.listener, &event) != 0) fail("epoll_ctl");
}

/// As the real runtime does it: created whole, `ready` on the first line, the capabilities on the second one; the
/// original's file has no second line.
static void write_ready_file(void) {
    static const char capabilities[] = "{\"protocol\":2,\"keepalive\":true,\"ahead\":8,\"metrics\":true}\n";
    char path[128], temporary[136];
    snprintf(path, sizeof path, "%s/runtime-ready", echo.directory);
    snprintf(temporary, sizeof temporary, "%s.new", path);
    FILE *file = fopen(temporary, "w");
    if (file == NULL) fail(temporary);
    fprintf(file, "ready\n%s", echo.is_one_shot ? "" : capabilities);
    if (fclose(file) != 0 || rename(temporary, path) != 0) fail(path);
}

static void read_options(int count, char **arguments) {
    static const struct option options[] = {
        {"dir", required_argument, NULL, 'd'},
        {"one-shot", no_argument, NULL, 'o'},
        {"delay-us", required_argument, NULL, 'u'},
        {NULL, 0, NULL, 0},
    };
    int option;
    while ((option = getopt_long(count, arguments, "", options, NULL)) != -1) {
        if (option == 'd') {
            snprintf(echo.directory, sizeof echo.directory, "%s", optarg);
        } else if (option == 'o') {
            echo.is_one_shot = true;
        } else if (option == 'u') {
            echo.delay_us = atol(optarg);
        } else {
            fprintf(stderr, "usage: echo_runtime [--dir DIR] [--one-shot] [--delay-us N]\n");
            exit(2);
        }
    }
}

int main(int count, char **arguments) {
    read_options(count, arguments);
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    listen_on_socket();
    write_ready_file();
    run();
    printf("{\"requests\":%llu,\"connections\":%llu,\"request_bytes\":%llu}\n", (unsigned long long)echo.requests,
        (unsigned long long)echo.connections, (unsigned long long)echo.request_bytes);
    return 0;
}
