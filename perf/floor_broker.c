#include "floor_broker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "amqp_wire.h"

enum { RPC_BUFFER_BYTES = 16384, CHANNEL = 1, CHANNEL_MAX = 2047 };

_Noreturn static void fail(const char *what) {
    fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
    exit(2);
}

struct broker_address broker_address_from_url(const char *url) {
    struct broker_address address = {.port = 5672};
    int fields = sscanf(
        url, "amqp://%63[^:]:%63[^@]@%127[^:/]:%d", address.user, address.password, address.host, &address.port);
    if (fields != 4) {
        fprintf(stderr, "floor: expected amqp://user:password@host:port/\n");
        exit(2);
    }
    return address;
}

static int open_socket(const struct broker_address *address) {
    char port[16];
    snprintf(port, sizeof port, "%d", address->port);
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *found = NULL;
    if (getaddrinfo(address->host, port, &hints, &found) != 0) fail("resolve the broker's name");
    int descriptor = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0 || connect(descriptor, found->ai_addr, found->ai_addrlen) != 0) fail("connect to the broker");
    freeaddrinfo(found);
    int one = 1;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return descriptor;
}

static void write_all(int descriptor, const uint8_t *bytes, size_t count) {
    while (count > 0) {
        ssize_t written = write(descriptor, bytes, count);
        if (written <= 0) fail("write to the broker");
        bytes += written;
        count -= (size_t)written;
    }
}

static void read_all(int descriptor, uint8_t *bytes, size_t count) {
    while (count > 0) {
        ssize_t got = read(descriptor, bytes, count);
        if (got <= 0) fail("read from the broker");
        bytes += got;
        count -= (size_t)got;
    }
}

/// Reads one frame exactly, so that no byte of what follows is taken away from the loop, and checks its method.
static void expect(int descriptor, uint32_t method) {
    uint8_t buffer[RPC_BUFFER_BYTES];
    read_all(descriptor, buffer, WIRE_FRAME_HEAD_BYTES);
    size_t total = wire_frame_bytes(buffer, WIRE_FRAME_HEAD_BYTES);
    if (total > sizeof buffer) fail("frame during log-in is too large");
    read_all(descriptor, buffer + WIRE_FRAME_HEAD_BYTES, total - WIRE_FRAME_HEAD_BYTES);
    uint32_t got = wire_get32(buffer + WIRE_FRAME_HEAD_BYTES);
    if (buffer[0] != WIRE_METHOD || got != method) {
        fprintf(stderr, "floor: expected method %u.%u, got frame type %u, method %u.%u\n", method >> 16,
            method & 0xffff, buffer[0], got >> 16, got & 0xffff);
        exit(2);
    }
}

static uint8_t *put_capability(uint8_t *to, const char *name) {
    return wire_put8(wire_put8(wire_put_short(to, name, strlen(name)), 't'), 1);
}

static void send_start_ok(int descriptor, const struct broker_address *address) {
    uint8_t frame[1024], response[160];
    uint8_t *to = wire_begin_method(frame, 0, CONNECTION_START_OK);
    uint8_t *properties = to;
    to = wire_put_short(to + 4, "capabilities", 12);
    to = wire_put8(to, 'F');
    uint8_t *capabilities = to;
    to = put_capability(to + 4, "publisher_confirms");
    to = put_capability(to, "basic.nack");
    to = put_capability(to, "consumer_cancel_notify");
    to = put_capability(to, "connection.blocked");
    wire_put32(capabilities, (uint32_t)(to - capabilities - 4));
    wire_put32(properties, (uint32_t)(to - properties - 4));
    to = wire_put_short(to, "PLAIN", 5);
    int count = snprintf((char *)response, sizeof response, "%c%s%c%s", 0, address->user, 0, address->password);
    to = wire_put_long(to, response, (size_t)count);
    to = wire_put_short(to, "en_US", 5);
    write_all(descriptor, frame, (size_t)(wire_end_frame(frame, to) - frame));
}

int broker_connect(const struct broker_address *address) {
    int descriptor = open_socket(address);
    uint8_t frame[64];
    write_all(descriptor, (const uint8_t *)"AMQP\0\0\x09\x01", 8);
    expect(descriptor, CONNECTION_START);
    send_start_ok(descriptor, address);
    expect(descriptor, CONNECTION_TUNE);
    uint8_t *to = wire_begin_method(frame, 0, CONNECTION_TUNE_OK);
    to = wire_put16(wire_put32(wire_put16(to, CHANNEL_MAX), WIRE_FRAME_MAX), 0);  // no heartbeats in a short run
    write_all(descriptor, frame, (size_t)(wire_end_frame(frame, to) - frame));
    to = wire_begin_method(frame, 0, CONNECTION_OPEN);
    to = wire_put16(wire_put_short(to, "/", 1), 0);
    write_all(descriptor, frame, (size_t)(wire_end_frame(frame, to) - frame));
    expect(descriptor, CONNECTION_OPEN_OK);
    to = wire_put8(wire_begin_method(frame, CHANNEL, CHANNEL_OPEN), 0);
    write_all(descriptor, frame, (size_t)(wire_end_frame(frame, to) - frame));
    expect(descriptor, CHANNEL_OPEN_OK);
    return descriptor;
}

static void make_non_blocking(int descriptor) {
    if (fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK) != 0) fail("make a socket non-blocking");
}

void broker_prepare_publisher(int descriptor, const char *exchange) {
    uint8_t frame[512];
    uint8_t *to = wire_put16(wire_begin_method(frame, CHANNEL, EXCHANGE_DECLARE), 0);
    to = wire_put_short(wire_put_short(to, exchange, strlen(exchange)), "topic", 5);
    to = wire_put32(wire_put8(to, 0x02), 0);  // durable, no arguments
    write_all(descriptor, frame, (size_t)(wire_end_frame(frame, to) - frame));
    expect(descriptor, EXCHANGE_DECLARE_OK);
    to = wire_put8(wire_begin_method(frame, CHANNEL, CONFIRM_SELECT), 0);
    write_all(descriptor, frame, (size_t)(wire_end_frame(frame, to) - frame));
    expect(descriptor, CONFIRM_SELECT_OK);
    make_non_blocking(descriptor);
}

void broker_prepare_consumer(int descriptor, const char *queue, uint16_t prefetch) {
    uint8_t frame[512];
    uint8_t *to = wire_put16(wire_begin_method(frame, CHANNEL, QUEUE_DECLARE), 0);
    to = wire_put_short(to, queue, strlen(queue));
    to = wire_put32(wire_put8(to, 0x03), 0);  // passive, durable
    write_all(descriptor, frame, (size_t)(wire_end_frame(frame, to) - frame));
    expect(descriptor, QUEUE_DECLARE_OK);
    to = wire_put32(wire_begin_method(frame, CHANNEL, BASIC_QOS), 0);
    to = wire_put8(wire_put16(to, prefetch), 0);
    write_all(descriptor, frame, (size_t)(wire_end_frame(frame, to) - frame));
    expect(descriptor, BASIC_QOS_OK);
    to = wire_put16(wire_begin_method(frame, CHANNEL, BASIC_CONSUME), 0);
    to = wire_put_short(wire_put_short(to, queue, strlen(queue)), "", 0);
    to = wire_put32(wire_put8(to, 0), 0);
    write_all(descriptor, frame, (size_t)(wire_end_frame(frame, to) - frame));
    expect(descriptor, BASIC_CONSUME_OK);
    make_non_blocking(descriptor);
}
