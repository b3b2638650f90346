/// An AMQP broker that only pretends: it hands the same envelope to the consumer again and again within the prefetch
/// window, and confirms every publication, one frame per batch. So *our* cost per message can be counted without
/// RabbitMQ's. It prints {"port":…} when it listens, and one JSON line when --count messages have been settled.
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "amqp_wire.h"
#include "gather.h"
#include "sample_envelope.h"

enum {
    INPUT_BYTES = 512 << 10,
    READS_PER_TURN = 8,
    PIECES = 8192,
    BLOCK_BYTES = 4 << 20,
    MAX_EVENTS = 16,
    METHOD_BYTES = 512,
    // Deliveries wait when the consumer does not read: far less than the block holds.
    OUTPUT_HIGH_MARK = 1 << 20,
};

struct peer {
    int descriptor;
    uint32_t interest;
    uint8_t *input;
    size_t parsed, fill;
    struct gather output;
    bool is_consumer, is_confirming;
    uint16_t channel;
    uint64_t outstanding, next_tag;
    uint64_t publications, unconfirmed, body_left;
};

static struct {
    int epoll, listener, port;
    uint64_t count, delivered, settled, publications, confirm_frames, ack_frames, requeued, early_acks;
    uint16_t prefetch;
    size_t payload_bytes;
    enum sample_content content;
    uint8_t *body_frames;  // the body, cut into frames
    size_t body_frames_bytes, body_bytes;
    long long first_ns;
} stub = {.payload_bytes = 1024};

static volatile sig_atomic_t should_stop;

static void stop(int number) {
    (void)number;
    should_stop = 1;
}

_Noreturn static void fail(const char *what) {
    fprintf(stderr, "stub_broker: %s (errno: %s)\n", what, strerror(errno));
    exit(2);
}

static long long monotonic_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long long)now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void prepare_body(void) {
    char *payload = sample_payload(stub.content, stub.payload_bytes);
    char *body = malloc(stub.payload_bytes + SAMPLE_ENVELOPE_OVERHEAD);
    if (payload == NULL || body == NULL) fail("cannot make the payload");
    stub.body_bytes = sample_envelope(body, "stub-0000000001", "perf-a,perf-b", payload, stub.payload_bytes);
    uint8_t *to = stub.body_frames = malloc(stub.body_bytes + (stub.body_bytes / 1000 + 1) * WIRE_FRAME_OVERHEAD);
    if (to == NULL) fail("out of memory");
    for (size_t at = 0; at < stub.body_bytes;) {
        size_t count = stub.body_bytes - at;
        if (count > WIRE_FRAME_MAX - WIRE_FRAME_OVERHEAD) count = WIRE_FRAME_MAX - WIRE_FRAME_OVERHEAD;
        to = wire_put_frame_head(to, WIRE_BODY, 0, (uint32_t)count);
        to = wire_put8(wire_put_bytes(to, body + at, count), WIRE_FRAME_END);
        at += count;
    }
    stub.body_frames_bytes = (size_t)(to - stub.body_frames);
    free(payload);
    free(body);
}

/// The frames are shared; a consumer's channel number is written into all of them once.
static void set_body_channel(uint16_t channel) {
    for (uint8_t *at = stub.body_frames; at < stub.body_frames + stub.body_frames_bytes;
         at += wire_frame_bytes(at, WIRE_FRAME_HEAD_BYTES)) {
        wire_put16(at + 1, channel);
    }
}

// -- Output

static uint8_t *begin(struct peer *peer, uint16_t channel, uint32_t method, uint8_t **start) {
    *start = gather_reserve(&peer->output, METHOD_BYTES);
    return wire_begin_method(*start, channel, method);
}

static void end(struct peer *peer, uint8_t *start, uint8_t *to) {
    gather_commit(&peer->output, start, (size_t)(wire_end_frame(start, to) - start));
}

static void send_empty(struct peer *peer, uint16_t channel, uint32_t method) {
    uint8_t *start, *to = begin(peer, channel, method, &start);
    end(peer, start, to);
}

static void deliver(struct peer *peer) {
    uint8_t *start, *to = begin(peer, peer->channel, BASIC_DELIVER, &start);
    to = wire_put64(wire_put_short(to, "stub-consumer", 13), ++peer->next_tag);
    to = wire_put_short(wire_put_short(wire_put8(to, 0), "asya", 4), "perf-a", 6);
    uint8_t *header = wire_end_frame(start, to);
    to = wire_put_frame_head(header, WIRE_HEADER, peer->channel, 0);
    to = wire_put16(wire_put64(wire_put16(wire_put16(to, 60), 0), stub.body_bytes), 0x9000);
    to = wire_put8(wire_put_short(to, "application/json", 16), 2);
    gather_commit(&peer->output, start, (size_t)(wire_end_frame(header, to) - start));
    gather_append(&peer->output, stub.body_frames, stub.body_frames_bytes);
    if (stub.first_ns == 0) stub.first_ns = monotonic_ns();
    stub.delivered++;
    peer->outstanding++;
}

static void deliver_more(struct peer *peer) {
    while (peer->is_consumer && (stub.prefetch == 0 || peer->outstanding < stub.prefetch) &&
           (stub.count == 0 || stub.delivered < stub.count) && peer->output.pending_bytes < OUTPUT_HIGH_MARK) {
        deliver(peer);
    }
}

static void confirm(struct peer *peer) {
    if (peer->unconfirmed == 0) return;
    uint8_t *start, *to = begin(peer, peer->channel, BASIC_ACK, &start);
    end(peer, start, wire_put8(wire_put64(to, peer->publications), peer->unconfirmed > 1));
    peer->unconfirmed = 0;
    stub.confirm_frames++;
}

// -- Input

static void report(void) {
    double seconds = (double)(monotonic_ns() - stub.first_ns) / 1e9;
    printf("{\"messages\":%llu,\"seconds\":%.6f,\"messages_per_second\":%.1f,\"publications\":%llu,"
           "\"confirm_frames\":%llu,\"ack_frames\":%llu,\"requeued\":%llu,\"acks_before_confirm\":%llu}\n",
        (unsigned long long)stub.settled, seconds, (double)stub.settled / seconds,
        (unsigned long long)stub.publications, (unsigned long long)stub.confirm_frames,
        (unsigned long long)stub.ack_frames, (unsigned long long)stub.requeued, (unsigned long long)stub.early_acks);
    fflush(stdout);
}

/// Acks and nacks. Without per-tag bookkeeping: `multiple` means everything outstanding up to the tag.
static void settled(struct peer *peer, uint64_t tag, bool is_multiple, bool is_requeue) {
    uint64_t count = 1;
    if (is_multiple) {
        uint64_t beyond = tag == 0 ? 0 : peer->next_tag - tag;
        count = peer->outstanding > beyond ? peer->outstanding - beyond : 0;
    }
    stub.ack_frames++;
    peer->outstanding -= count < peer->outstanding ? count : peer->outstanding;
    if (is_requeue) {
        stub.delivered -= count;
        stub.requeued += count;
        return;
    }
    bool was_complete = stub.count > 0 && stub.settled >= stub.count;
    stub.settled += count;
    if (stub.settled > stub.publications) stub.early_acks++;
    if (!was_complete && stub.count > 0 && stub.settled >= stub.count) report();
}

static void send_tune(struct peer *peer) {
    uint8_t *start, *to = begin(peer, 0, CONNECTION_TUNE, &start);
    end(peer, start, wire_put16(wire_put32(wire_put16(to, 2047), WIRE_FRAME_MAX), 60));
}

static void send_start(struct peer *peer) {
    uint8_t *start, *to = begin(peer, 0, CONNECTION_START, &start);
    to = wire_put32(wire_put8(wire_put8(to, 0), 9), 0);
    end(peer, start, wire_put_long(wire_put_long(to, "PLAIN", 5), "en_US", 5));
}

static void send_queue(struct peer *peer, uint16_t channel, const uint8_t *name) {
    uint8_t *start, *to = begin(peer, channel, QUEUE_DECLARE_OK, &start);
    end(peer, start, wire_put32(wire_put32(wire_put_short(to, name + 1, name[0]), 1), 0));
}

static void start_consumer(struct peer *peer, uint16_t channel) {
    uint8_t *start, *to = begin(peer, channel, BASIC_CONSUME_OK, &start);
    end(peer, start, wire_put_short(to, "stub-consumer", 13));
    peer->is_consumer = true;
    peer->channel = channel;
    set_body_channel(channel);
}

static void cancel_consumer(struct peer *peer, uint16_t channel, const uint8_t *tag) {
    uint8_t *start, *to = begin(peer, channel, BASIC_CANCEL_OK, &start);
    end(peer, start, wire_put_short(to, tag + 1, tag[0]));
    peer->is_consumer = false;
}

static void channel_opened(struct peer *peer, uint16_t channel) {
    uint8_t *start, *to = begin(peer, channel, CHANNEL_OPEN_OK, &start);
    end(peer, start, wire_put32(to, 0));
}

static void handle_method(struct peer *peer, uint16_t channel, uint32_t method, const uint8_t *arguments) {
    switch (method) {
    case CONNECTION_START_OK: send_tune(peer); break;
    case CONNECTION_TUNE_OK: break;
    case CONNECTION_OPEN: {
        uint8_t *start, *to = begin(peer, 0, CONNECTION_OPEN_OK, &start);
        end(peer, start, wire_put8(to, 0));
        break;
    }
    case CONNECTION_CLOSE: send_empty(peer, 0, CONNECTION_CLOSE_OK); break;
    case CHANNEL_OPEN: channel_opened(peer, channel); break;
    case CHANNEL_CLOSE: send_empty(peer, channel, CHANNEL_CLOSE_OK); break;
    case EXCHANGE_DECLARE: send_empty(peer, channel, EXCHANGE_DECLARE_OK); break;
    case QUEUE_DECLARE: send_queue(peer, channel, arguments + 2); break;
    case BASIC_QOS:
        stub.prefetch = wire_get16(arguments + 4);
        send_empty(peer, channel, BASIC_QOS_OK);
        break;
    case BASIC_CONSUME: start_consumer(peer, channel); break;
    case BASIC_CANCEL: cancel_consumer(peer, channel, arguments); break;
    case CONFIRM_SELECT:
        peer->is_confirming = true;
        peer->channel = channel;
        send_empty(peer, channel, CONFIRM_SELECT_OK);
        break;
    case BASIC_PUBLISH: break;
    case BASIC_ACK: settled(peer, wire_get64(arguments), arguments[8] & 1, false); break;
    case BASIC_NACK: settled(peer, wire_get64(arguments), arguments[8] & 1, arguments[8] & 2); break;
    case BASIC_REJECT: settled(peer, wire_get64(arguments), false, arguments[8] & 1); break;
    case CONNECTION_CLOSE_OK:
    case CHANNEL_CLOSE_OK: break;
    default:
        fprintf(stderr, "stub_broker: no answer for method %u.%u\n", method >> 16, method & 0xffff);
        exit(2);
    }
}

static void published(struct peer *peer) {
    stub.publications++;
    if (!peer->is_confirming) return;
    peer->publications++;
    peer->unconfirmed++;
}

static void handle_frame(struct peer *peer, const uint8_t *frame, size_t count) {
    const uint8_t *content = frame + WIRE_FRAME_HEAD_BYTES;
    size_t content_bytes = count - WIRE_FRAME_OVERHEAD;
    if (frame[0] == WIRE_METHOD) {
        handle_method(peer, wire_get16(frame + 1), wire_get32(content), content + 4);
    } else if (frame[0] == WIRE_HEADER) {
        peer->body_left = wire_get64(content + 4);
        if (peer->body_left == 0) published(peer);
    } else if (frame[0] == WIRE_BODY) {
        if (content_bytes > peer->body_left) fail("a body is longer than its header says");
        peer->body_left -= content_bytes;
        if (peer->body_left == 0) published(peer);
    } else {  // A heartbeat gets one back, which is as often as the client needs it.
        gather_append(&peer->output, frame, count);
    }
}

static void parse(struct peer *peer) {
    while (peer->fill - peer->parsed >= WIRE_FRAME_OVERHEAD) {
        const uint8_t *bytes = peer->input + peer->parsed;
        size_t available = peer->fill - peer->parsed;
        if (memcmp(bytes, "AMQP", 4) == 0) {
            send_start(peer);
            peer->parsed += 8;
            continue;
        }
        size_t whole = wire_frame_bytes(bytes, available);
        if (whole > INPUT_BYTES) fail("a frame is too large");
        if (available < whole) break;
        if (bytes[whole - 1] != WIRE_FRAME_END) fail("a frame does not end where it should");
        handle_frame(peer, bytes, whole);
        peer->parsed += whole;
    }
    peer->fill -= peer->parsed;
    memmove(peer->input, peer->input + peer->parsed, peer->fill);
    peer->parsed = 0;
}

// -- Loop

static void close_peer(struct peer *peer) {
    close(peer->descriptor);
    gather_free(&peer->output);
    free(peer->input);
    free(peer);
}

static bool flush(struct peer *peer) {
    bool is_done = gather_flush(&peer->output, peer->descriptor);
    if (!is_done && errno != EAGAIN) return false;
    uint32_t interest = EPOLLIN | (is_done ? 0u : EPOLLOUT);
    if (interest == peer->interest) return true;
    peer->interest = interest;
    struct epoll_event event = {.events = interest, .data.ptr = peer};
    return epoll_ctl(stub.epoll, EPOLL_CTL_MOD, peer->descriptor, &event) == 0;
}

/// False when the peer has gone.
static bool serve(struct peer *peer) {
    for (int reads = 0; reads < READS_PER_TURN; reads++) {
        size_t room = INPUT_BYTES - peer->fill;
        ssize_t count = read(peer->descriptor, peer->input + peer->fill, room);
        if (count < 0 && (errno == EAGAIN || errno == EINTR)) break;
        if (count <= 0) return false;
        peer->fill += (size_t)count;
        parse(peer);
        if ((size_t)count < room) break;
    }
    confirm(peer);
    do {  // A client that reads fast gets its whole window in this turn.
        deliver_more(peer);
        if (!flush(peer)) return false;
    } while (peer->is_consumer && gather_is_empty(&peer->output) && peer->outstanding < stub.prefetch &&
             (stub.count == 0 || stub.delivered < stub.count));
    return true;
}

static void accept_peer(void) {
    int descriptor = accept4(stub.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), one = 1;
    if (descriptor < 0) return;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct peer *peer = calloc(1, sizeof *peer);
    if (peer == NULL || (peer->input = malloc(INPUT_BYTES)) == NULL) fail("out of memory");
    peer->descriptor = descriptor;
    peer->interest = EPOLLIN;
    gather_init(&peer->output, PIECES, BLOCK_BYTES);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = peer};
    if (epoll_ctl(stub.epoll, EPOLL_CTL_ADD, descriptor, &event) != 0) fail("epoll_ctl");
}

static void listen_on_loopback(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t count = sizeof address;
    stub.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (stub.listener < 0 || bind(stub.listener, (struct sockaddr *)&address, count) != 0 ||
        listen(stub.listener, 16) != 0 || getsockname(stub.listener, (struct sockaddr *)&address, &count) != 0) {
        fail("listen");
    }
    stub.epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (epoll_ctl(stub.epoll, EPOLL_CTL_ADD, stub.listener, &event) != 0) fail("epoll_ctl");
    printf("{\"port\":%d}\n", ntohs(address.sin_port));
    fflush(stdout);
}

static void read_options(int count, char **arguments) {
    static const struct option options[] = {
        {"count", required_argument, NULL, 'n'},
        {"payload-bytes", required_argument, NULL, 'p'},
        {"content", required_argument, NULL, 'c'},
        {NULL, 0, NULL, 0},
    };
    int option;
    while ((option = getopt_long(count, arguments, "", options, NULL)) != -1) {
        if (option == 'n') {
            stub.count = strtoull(optarg, NULL, 10);
        } else if (option == 'p') {
            stub.payload_bytes = strtoull(optarg, NULL, 10);
        } else if (option != 'c' || !sample_content_from_name(optarg, &stub.content)) {
            fprintf(stderr, "usage: stub_broker [--count N] [--payload-bytes N] [--content text|numbers|objects]\n");
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
    prepare_body();
    listen_on_loopback();
    struct epoll_event events[MAX_EVENTS];
    while (!should_stop) {
        int ready = epoll_wait(stub.epoll, events, MAX_EVENTS, -1);
        for (int index = 0; index < ready; index++) {
            struct peer *peer = events[index].data.ptr;
            if (peer == NULL) {
                accept_peer();
            } else if (!serve(peer)) {
                close_peer(peer);
            }
        }
    }
    return 0;
}
