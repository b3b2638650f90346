/// The bare-C floor: the least work that relays messages with the guarantees of the sidecar. Two connections, one
/// thread (variant D): consume, call the runtime (or not), publish persistent and mandatory with confirms,
/// acknowledge the longest confirmed prefix. It takes the sidecar's environment variables, reads only as much of an
/// envelope as it needs, and dies on everything that does not happen in a load test.
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
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
#include "floor_broker.h"
#include "gather.h"
#include "slab_reader.h"

enum {
    MAX_WINDOW = 1024,
    MAX_BODY_FRAMES = 16,  // 2 MiB; the load test stops at 1 MiB
    READS_PER_TURN = 8,
    AHEAD = 8,  // requests that wait in the runtime's socket behind the one being served
    SLAB_BYTES = 1 << 20,
    REPLY_SLAB_BYTES = 1 << 18,
    LARGE_REPLY_BYTES = 1 << 16,
    BLOCK_BYTES = 4 << 20,
    PIECES = 16384,
    OUTPUT_HIGH_MARK = 4 << 20,
    MAX_INFLIGHT_BYTES = 16 << 20,
    ID_LIMIT = 128,
};

struct slot {
    struct slice frames[MAX_BODY_FRAMES];  // whole body frames, with their AMQP borders
    uint32_t frame_count;
    uint64_t body_bytes, received_bytes;
    struct slice reply;
    bool is_confirmed;
};

/// A socket with its output and the interest that epoll knows of.
struct channel {
    int descriptor;
    uint32_t interest;
    struct gather output;
    struct slab_reader input;
};

/// Counts run from 1; message n is delivery tag n, request n and publication n, because everything stays in order.
static struct {
    bool calls_runtime;
    uint16_t window;
    struct channel consumer, publisher, runtime;
    int epoll;
    struct slab_pool pool;
    struct slot slots[MAX_WINDOW];
    uint64_t delivered, completed, requested, replied, published, settled;
    uint64_t held_bytes;
    uint64_t seconds;  // wall clock, read once per loop turn
    uint8_t publish_head[512];
    size_t publish_method_bytes;
} floor_state;

static volatile sig_atomic_t should_stop;

static void stop(int number) {
    (void)number;
    should_stop = 1;
}

_Noreturn static void fail(const char *what) {
    fprintf(stderr, "floor: %s (errno: %s)\n", what, strerror(errno));
    exit(2);
}

static struct slot *slot_of(uint64_t number) { return &floor_state.slots[number & (MAX_WINDOW - 1)]; }

// -- Publishing

/// The constant part of every publication: the method frame. The header frame differs in id and length.
static void prepare_publish_head(const char *exchange, const char *routing_key) {
    uint8_t *start = floor_state.publish_head;
    uint8_t *to = wire_put16(wire_begin_method(start, 1, BASIC_PUBLISH), 0);
    to = wire_put_short(to, exchange, strlen(exchange));
    to = wire_put_short(to, routing_key, strlen(routing_key));
    to = wire_put8(to, 0x01);  // mandatory
    floor_state.publish_method_bytes = (size_t)(wire_end_frame(start, to) - start);
}

static void put_publish_head(const uint8_t *id, size_t id_bytes, uint64_t body_bytes) {
    struct gather *out = &floor_state.publisher.output;
    uint8_t *start = gather_reserve(out, floor_state.publish_method_bytes + 64 + ID_LIMIT);
    uint8_t *header = wire_put_bytes(start, floor_state.publish_head, floor_state.publish_method_bytes);
    uint8_t *to = wire_put_frame_head(header, WIRE_HEADER, 1, 0);
    to = wire_put64(wire_put16(wire_put16(to, 60), 0), body_bytes);
    to = wire_put16(to, 0x90C0);  // content_type, delivery_mode, message_id, timestamp
    to = wire_put8(wire_put_short(to, "application/json", 16), 2);
    to = wire_put_short(to, id, id_bytes);
    to = wire_put64(to, floor_state.seconds);
    gather_commit(out, start, (size_t)(wire_end_frame(header, to) - start));
}

/// The id in `{"id":"…",`, which is how every envelope of the load test begins.
static size_t id_length(const uint8_t *body, size_t available) {
    const uint8_t *end = available > 7 ? memchr(body + 7, '"', available - 7) : NULL;
    if (end == NULL || end - (body + 7) > ID_LIMIT) fail("an envelope does not have the load test's layout");
    return (size_t)(end - (body + 7));
}

/// Without a runtime the body frames go out as they came in, borders included.
static void publish_unchanged(struct slot *slot) {
    const uint8_t *body = slot->frames[0].bytes + WIRE_FRAME_HEAD_BYTES;
    put_publish_head(body + 7, id_length(body, slot->frames[0].count - WIRE_FRAME_OVERHEAD), slot->body_bytes);
    for (uint32_t index = 0; index < slot->frame_count; index++) {
        gather_append(&floor_state.publisher.output, slot->frames[index].bytes, slot->frames[index].count);
    }
    floor_state.published++;
}

/// Cuts the pieces into body frames.
static void put_body(const struct iovec *pieces, uint64_t total) {
    struct gather *out = &floor_state.publisher.output;
    size_t at = 0;
    while (total > 0) {
        uint32_t left = WIRE_FRAME_MAX - WIRE_FRAME_OVERHEAD;
        if (total < left) left = (uint32_t)total;
        total -= left;
        uint8_t border[WIRE_FRAME_HEAD_BYTES];
        wire_put_frame_head(border, WIRE_BODY, 1, left);
        gather_append(out, border, sizeof border);
        while (left > 0) {
            size_t count = pieces->iov_len - at < left ? pieces->iov_len - at : left;
            gather_append(out, (const uint8_t *)pieces->iov_base + at, count);
            left -= (uint32_t)count;
            at += count;
            if (at == pieces->iov_len) {
                pieces++;
                at = 0;
            }
        }
        border[0] = WIRE_FRAME_END;
        gather_append(out, border, 1);
    }
}

/// Position of `,"route":` in `[{"payload":…,"route":{…}}]`: its object is the last one, and holds no other.
static size_t find_route(const uint8_t *reply, size_t count) {
    static const char key[] = ",\"route\":";
    const uint8_t *brace = memrchr(reply, '{', count);
    size_t at = brace == NULL ? 0 : (size_t)(brace - reply);
    if (at < sizeof key || memcmp(brace - (sizeof key - 1), key, sizeof key - 1) != 0) {
        fail("the runtime's reply does not have the load test's layout");
    }
    return at - (sizeof key - 1);
}

/// The usual case: one body frame. Everything but a large payload becomes one piece of the output.
static void put_small_body(const struct iovec *pieces, size_t piece_count, uint32_t total) {
    struct gather *out = &floor_state.publisher.output;
    uint8_t *start = gather_reserve(out, WIRE_FRAME_OVERHEAD + piece_count * GATHER_COPY_LIMIT), *to = start;
    to = wire_put_frame_head(to, WIRE_BODY, 1, total);
    for (const struct iovec *piece = pieces; piece < pieces + piece_count; piece++) {
        if (piece->iov_len < GATHER_COPY_LIMIT) {
            to = wire_put_bytes(to, piece->iov_base, piece->iov_len);
            continue;
        }
        gather_commit(out, start, (size_t)(to - start));
        gather_reference(out, piece->iov_base, piece->iov_len);
        start = to = gather_reserve(out, WIRE_FRAME_OVERHEAD + piece_count * GATHER_COPY_LIMIT);
    }
    to = wire_put8(to, WIRE_FRAME_END);
    gather_commit(out, start, (size_t)(to - start));
}

/// The id from the request, route and payload from the reply.
static void publish_reply(struct slot *slot) {
    const uint8_t *body = slot->frames[0].bytes + WIRE_FRAME_HEAD_BYTES;
    size_t id_bytes = id_length(body, slot->frames[0].count - WIRE_FRAME_OVERHEAD);
    const uint8_t *reply = slot->reply.bytes;
    size_t route = find_route(reply, slot->reply.count);
    struct iovec pieces[] = {
        {.iov_base = (void *)body, .iov_len = 7 + id_bytes + 2},
        {.iov_base = (void *)(reply + route + 1), .iov_len = slot->reply.count - route - 3},
        {.iov_base = ",", .iov_len = 1},
        {.iov_base = (void *)(reply + 2), .iov_len = route - 2},
        {.iov_base = "}", .iov_len = 1},
    };
    uint64_t total = 0;
    for (size_t index = 0; index < sizeof pieces / sizeof *pieces; index++) total += pieces[index].iov_len;
    put_publish_head(body + 7, id_bytes, total);
    if (total <= WIRE_FRAME_MAX - WIRE_FRAME_OVERHEAD) {
        put_small_body(pieces, sizeof pieces / sizeof *pieces, (uint32_t)total);
    } else {
        put_body(pieces, total);
    }
    floor_state.published++;
}

// -- Runtime

/// Sends requests while at most AHEAD of them wait behind the one being served.
static void request_more(void) {
    while (floor_state.requested < floor_state.completed && floor_state.requested - floor_state.replied <= AHEAD) {
        struct slot *slot = slot_of(++floor_state.requested);
        struct gather *out = &floor_state.runtime.output;
        uint8_t *prefix = gather_reserve(out, sizeof(uint32_t));
        wire_put32(prefix, (uint32_t)slot->body_bytes);
        gather_commit(out, prefix, sizeof(uint32_t));
        for (uint32_t index = 0; index < slot->frame_count; index++) {
            gather_append(out, slot->frames[index].bytes + WIRE_FRAME_HEAD_BYTES,
                slot->frames[index].count - WIRE_FRAME_OVERHEAD);
        }
    }
}

static void parse_replies(void) {
    struct slab_reader *input = &floor_state.runtime.input;
    for (;;) {
        size_t available;
        const uint8_t *bytes = slab_reader_bytes(input, &available);
        size_t whole = available < 4 ? 0 : 4 + (size_t)wire_get32(bytes);
        if (whole == 0 || available < whole) {
            slab_reader_wait_for(input, whole);
            return;
        }
        if (floor_state.replied == floor_state.requested) fail("the runtime replied without a request");
        struct slot *slot = slot_of(++floor_state.replied);
        slot->reply = slab_reader_slice(input, bytes + 4, whole - 4);
        slab_reader_advance(input, whole);
        publish_reply(slot);
    }
}

// -- Consuming

static void message_completed(struct slot *slot) {
    floor_state.completed++;
    floor_state.held_bytes += slot->body_bytes;
    if (!floor_state.calls_runtime) publish_unchanged(slot);
}

static void delivery_began(const uint8_t *frame) {
    const uint8_t *arguments = frame + WIRE_FRAME_HEAD_BYTES + 4;
    uint64_t tag = wire_get64(arguments + 1 + arguments[0]);
    if (tag != ++floor_state.delivered) fail("delivery tags are not consecutive");
    if (floor_state.delivered - floor_state.settled > floor_state.window) fail("more deliveries than the prefetch");
    struct slot *slot = slot_of(tag);  // its slices were released when its last message was settled
    slot->frame_count = 0;
    slot->received_bytes = 0;
    slot->is_confirmed = false;
}

static void consumer_frame(const uint8_t *frame, size_t count) {
    struct slot *slot = slot_of(floor_state.delivered);
    if (frame[0] == WIRE_METHOD && wire_get32(frame + WIRE_FRAME_HEAD_BYTES) == BASIC_DELIVER) {
        delivery_began(frame);
    } else if (frame[0] == WIRE_HEADER) {
        slot->body_bytes = wire_get64(frame + WIRE_FRAME_HEAD_BYTES + 4);
    } else if (frame[0] == WIRE_BODY) {
        if (slot->frame_count == MAX_BODY_FRAMES) fail("a body has too many frames");
        slot->frames[slot->frame_count++] = slab_reader_slice(&floor_state.consumer.input, frame, count);
        slot->received_bytes += count - WIRE_FRAME_OVERHEAD;
        if (slot->received_bytes == slot->body_bytes) message_completed(slot);
    } else if (frame[0] != WIRE_HEARTBEAT) {
        fail("unexpected frame on the consuming connection");
    }
}

// -- Confirms and acknowledgements

static void settle_prefix(void) {
    uint64_t before = floor_state.settled;
    while (floor_state.settled < floor_state.published && slot_of(floor_state.settled + 1)->is_confirmed) {
        struct slot *slot = slot_of(++floor_state.settled);
        for (uint32_t index = 0; index < slot->frame_count; index++) {
            slice_release(&floor_state.pool, &slot->frames[index]);
        }
        slice_release(&floor_state.pool, &slot->reply);
        slot->is_confirmed = false;
        floor_state.held_bytes -= slot->body_bytes;
    }
    if (floor_state.settled == before) return;
    uint8_t frame[32];
    uint8_t *to = wire_put64(wire_begin_method(frame, 1, BASIC_ACK), floor_state.settled);
    to = wire_put8(to, 1);  // multiple
    gather_append(&floor_state.consumer.output, frame, (size_t)(wire_end_frame(frame, to) - frame));
}

static void publisher_frame(const uint8_t *frame, size_t count) {
    (void)count;
    if (frame[0] == WIRE_HEARTBEAT) return;
    if (frame[0] != WIRE_METHOD || wire_get32(frame + WIRE_FRAME_HEAD_BYTES) != BASIC_ACK) {
        fail("the broker did not accept a publication");
    }
    uint64_t tag = wire_get64(frame + WIRE_FRAME_HEAD_BYTES + 4);
    bool is_multiple = frame[WIRE_FRAME_HEAD_BYTES + 12] & 1;
    if (tag > floor_state.published) fail("a confirm for nothing that was published");
    if (!is_multiple) {
        slot_of(tag)->is_confirmed = true;
        return;
    }
    for (uint64_t number = floor_state.settled + 1; number <= tag; number++) slot_of(number)->is_confirmed = true;
}

// -- Loop

static void parse_amqp(struct slab_reader *input, void (*handle)(const uint8_t *, size_t)) {
    for (;;) {
        size_t available;
        const uint8_t *bytes = slab_reader_bytes(input, &available);
        size_t whole = wire_frame_bytes(bytes, available);
        if (whole == 0 || available < whole) {
            slab_reader_wait_for(input, whole);
            return;
        }
        if (bytes[whole - 1] != WIRE_FRAME_END) fail("lost the frame borders");
        handle(bytes, whole);
        slab_reader_advance(input, whole);
    }
}

static bool may_take_deliveries(void) {
    return floor_state.held_bytes < MAX_INFLIGHT_BYTES &&
           floor_state.publisher.output.pending_bytes < OUTPUT_HIGH_MARK;
}

static void readable(struct channel *channel) {
    for (int reads = 0; reads < READS_PER_TURN; reads++) {
        enum slab_read result = slab_reader_read(&channel->input);
        if (result == SLAB_READ_CLOSED) fail("a connection was closed");
        if (result == SLAB_READ_EMPTY) return;
        if (channel == &floor_state.consumer) {
            parse_amqp(&channel->input, consumer_frame);
            if (!may_take_deliveries()) return;
        } else if (channel == &floor_state.publisher) {
            parse_amqp(&channel->input, publisher_frame);
        } else {
            parse_replies();
        }
        if (result == SLAB_READ_SHORT) return;
    }
}

static void set_interest(struct channel *channel, uint32_t interest) {
    if (channel->interest == interest) return;
    channel->interest = interest;
    struct epoll_event event = {.events = interest, .data.ptr = channel};
    if (epoll_ctl(floor_state.epoll, EPOLL_CTL_MOD, channel->descriptor, &event) != 0) fail("epoll_ctl");
}

static void flush(struct channel *channel, bool wants_input) {
    bool is_done = gather_flush(&channel->output, channel->descriptor);
    if (!is_done && errno != EAGAIN) fail("write");
    set_interest(channel, (wants_input ? EPOLLIN : 0u) | (is_done ? 0u : EPOLLOUT));
}

static void run(void) {
    struct epoll_event events[4];
    while (!should_stop) {
        int count = epoll_wait(floor_state.epoll, events, 4, -1);
        if (count < 0 && errno != EINTR) fail("epoll_wait");
        floor_state.seconds = (uint64_t)time(NULL);
        for (int index = 0; index < count; index++) {
            if (events[index].events & ~(uint32_t)EPOLLOUT) readable(events[index].data.ptr);
        }
        settle_prefix();
        if (floor_state.calls_runtime) {
            request_more();
            flush(&floor_state.runtime, true);
        }
        flush(&floor_state.publisher, true);
        flush(&floor_state.consumer, may_take_deliveries());
    }
}

static void add_channel(struct channel *channel, int descriptor, size_t slab_bytes, size_t large_frame_bytes) {
    channel->descriptor = descriptor;
    channel->interest = EPOLLIN;
    gather_init(&channel->output, PIECES, BLOCK_BYTES);
    slab_reader_init(&channel->input, &floor_state.pool, descriptor, slab_bytes, large_frame_bytes);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = channel};
    if (epoll_ctl(floor_state.epoll, EPOLL_CTL_ADD, descriptor, &event) != 0) fail("epoll_ctl");
}

static int connect_runtime(const char *directory) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (snprintf(address.sun_path, sizeof address.sun_path, "%s/asya-runtime.sock", directory) >=
        (int)sizeof address.sun_path) {
        fail("ASYA_SOCKET_DIR is too long");
    }
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0 || connect(descriptor, (struct sockaddr *)&address, sizeof address) != 0) {
        fail("connect to the runtime");
    }
    if (fcntl(descriptor, F_SETFL, O_NONBLOCK) != 0) fail("make the runtime's socket non-blocking");
    return descriptor;
}

static const char *variable(const char *name, const char *fallback) {
    const char *value = getenv(name);
    return value != NULL && *value != '\0' ? value : fallback;
}

static void configure(int count, char **arguments) {
    floor_state.calls_runtime = true;
    for (int index = 1; index < count; index++) {
        if (strcmp(arguments[index], "--no-runtime") == 0) {
            floor_state.calls_runtime = false;
        } else {
            fprintf(stderr,
                "usage: floor [--no-runtime]\nIt reads ASYA_ACTOR_NAME, ASYA_RABBITMQ_URL, ASYA_RABBITMQ_EXCHANGE,\n"
                "ASYA_RABBITMQ_PREFETCH (default 100), ASYA_SOCKET_DIR; FLOOR_NEXT_ACTOR (default perf-b).\n");
            exit(strcmp(arguments[index], "--help") == 0 ? 0 : 2);
        }
    }
    int window = atoi(variable("ASYA_RABBITMQ_PREFETCH", "100"));
    if (window < 1 || window > MAX_WINDOW) fail("ASYA_RABBITMQ_PREFETCH must be from 1 to 1024");
    floor_state.window = (uint16_t)window;
}

int main(int count, char **arguments) {
    configure(count, arguments);
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    char queue[256];
    snprintf(queue, sizeof queue, "asya-%s", variable("ASYA_ACTOR_NAME", "perf-a"));
    const char *exchange = variable("ASYA_RABBITMQ_EXCHANGE", "asya");
    struct broker_address address = broker_address_from_url(variable("ASYA_RABBITMQ_URL", ""));
    floor_state.epoll = epoll_create1(EPOLL_CLOEXEC);
    prepare_publish_head(exchange, variable("FLOOR_NEXT_ACTOR", "perf-b"));
    if (floor_state.calls_runtime) {
        int runtime = connect_runtime(variable("ASYA_SOCKET_DIR", "/var/run/asya"));
        add_channel(&floor_state.runtime, runtime, REPLY_SLAB_BYTES, LARGE_REPLY_BYTES);
    }
    int publisher = broker_connect(&address);
    broker_prepare_publisher(publisher, exchange);
    add_channel(&floor_state.publisher, publisher, REPLY_SLAB_BYTES, SIZE_MAX);
    int consumer = broker_connect(&address);
    broker_prepare_consumer(consumer, queue, floor_state.window);
    add_channel(&floor_state.consumer, consumer, SLAB_BYTES, SIZE_MAX);
    run();
    return 0;
}
