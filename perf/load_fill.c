#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

enum {
    MAX_BATCH = 4096,
    // Large envelopes make smaller batches: what waits for confirms stays below this.
    MAX_BATCH_BYTES = 8 << 20,
};

/// Which of the outstanding publications are confirmed; the broker may confirm them in any order.
struct confirms {
    bool is_confirmed[MAX_BATCH];
    uint64_t settled;  // everything up to this sequence number is confirmed
};

static void note_confirm(struct confirms *confirms, uint64_t tag, bool is_multiple, uint64_t published) {
    if (tag > published || tag == 0) load_fail("a confirm for nothing that was published");
    for (uint64_t number = is_multiple ? confirms->settled + 1 : tag; number <= tag; number++) {
        confirms->is_confirmed[number % MAX_BATCH] = true;
    }
    while (confirms->settled < published && confirms->is_confirmed[(confirms->settled + 1) % MAX_BATCH]) {
        confirms->is_confirmed[++confirms->settled % MAX_BATCH] = false;
    }
}

static void wait_for_confirm(amqp_connection_state_t connection, struct confirms *confirms, uint64_t published) {
    amqp_frame_t frame;
    amqp_maybe_release_buffers(connection);
    load_check_status(amqp_simple_wait_frame(connection, &frame), "wait for a confirm");
    if (frame.frame_type != AMQP_FRAME_METHOD || frame.payload.method.id != AMQP_BASIC_ACK_METHOD) {
        load_fail("the broker did not confirm a publication");
    }
    amqp_basic_ack_t *ack = frame.payload.method.decoded;
    note_confirm(confirms, ack->delivery_tag, ack->multiple, published);
}

static uint64_t batch_limit(const struct load_options *options) {
    uint64_t limit = options->batch < MAX_BATCH ? options->batch : MAX_BATCH - 1;
    uint64_t by_bytes = MAX_BATCH_BYTES / (options->payload_bytes + 1) + 1;
    return limit < by_bytes ? limit : by_bytes;
}

int load_fill(const struct load_options *options) {
    amqp_connection_state_t connection = load_connect(options);
    amqp_confirm_select(connection, LOAD_CHANNEL);
    load_check(amqp_get_rpc_reply(connection), "turn confirms on");
    char *payload = sample_payload(options->content, options->payload_bytes);
    char *body = malloc(options->payload_bytes + SAMPLE_ENVELOPE_OVERHEAD);
    if (payload == NULL || body == NULL) load_fail("--payload-bytes must be at least 2 and fit into memory");
    amqp_basic_properties_t properties = {
        ._flags = AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_CONTENT_TYPE_FLAG,
        .delivery_mode = 2,
        .content_type = amqp_cstring_bytes("application/json"),
    };
    struct confirms confirms = {.settled = 0};
    uint64_t limit = batch_limit(options);
    long long start = load_monotonic_ns();
    for (uint64_t number = 1; number <= options->count; number++) {
        char id[96];
        snprintf(id, sizeof id, "%.64s-%010llu", options->prefix, (unsigned long long)number);
        size_t count = sample_envelope(body, id, options->actors, payload, options->payload_bytes);
        amqp_bytes_t bytes = {.len = count, .bytes = body};
        load_check_status(amqp_basic_publish(connection, LOAD_CHANNEL, amqp_cstring_bytes(options->exchange),
                              amqp_cstring_bytes(options->actor), 0, 0, &properties, bytes),
            "publish");
        while (number - confirms.settled >= limit) wait_for_confirm(connection, &confirms, number);
    }
    while (confirms.settled < options->count) wait_for_confirm(connection, &confirms, options->count);
    double seconds = (double)(load_monotonic_ns() - start) / 1e9;
    printf("{\"filled\":%llu,\"seconds\":%.4f}\n", (unsigned long long)options->count, seconds);
    load_disconnect(connection);
    free(payload);
    free(body);
    return 0;
}
