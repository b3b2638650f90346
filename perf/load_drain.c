#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

struct drained {
    uint8_t *seen;  // one byte per expected message
    char *payload;
    uint64_t received, unique, duplicates, foreign, damaged;
};

static void start_consuming(amqp_connection_state_t connection, const char *queue) {
    amqp_basic_consume(connection, LOAD_CHANNEL, amqp_cstring_bytes(queue), amqp_empty_bytes, 0, 1, 0,
        amqp_empty_table);
    load_check(amqp_get_rpc_reply(connection), "consume");
}

static void take(amqp_connection_state_t connection, amqp_envelope_t *envelope, double seconds) {
    struct timeval limit = {.tv_sec = (long)seconds, .tv_usec = (long)(seconds * 1e6) % 1000000};
    amqp_maybe_release_buffers(connection);
    load_check(amqp_consume_message(connection, envelope, &limit, 0), "wait for a message");
}

static const char *find(amqp_bytes_t body, const char *key) {
    const char *at = memmem(body.bytes, body.len, key, strlen(key));
    return at == NULL ? NULL : at + strlen(key);
}

/// The number at the end of the id, 0 when the id is not one of ours.
static uint64_t sequence_number(const struct load_options *options, amqp_bytes_t body) {
    const char *id = find(body, "\"id\":\"");
    size_t prefix = strlen(options->prefix), left = id == NULL ? 0 : body.len - (size_t)(id - (char *)body.bytes);
    if (left < prefix + 2 || memcmp(id, options->prefix, prefix) != 0 || id[prefix] != '-') return 0;
    uint64_t number = 0;
    for (const char *at = id + prefix + 1; at < id + left && *at >= '0' && *at <= '9'; at++) {
        number = number * 10 + (uint64_t)(*at - '0');
    }
    return number <= options->count ? number : 0;
}

static bool is_damaged(const struct load_options *options, const struct drained *drained, amqp_bytes_t body) {
    const char *payload = find(body, "\"payload\":"), *end = (const char *)body.bytes + body.len;
    if (payload == NULL || (uint64_t)(end - payload) < options->payload_bytes) return true;
    if (memcmp(payload, drained->payload, options->payload_bytes) != 0) return true;
    if (options->expected_current < 0) return false;
    const char *current = find(body, "\"current\":");
    return current == NULL || strtol(current, NULL, 10) != options->expected_current;
}

static void check(const struct load_options *options, struct drained *drained, amqp_bytes_t body) {
    drained->received++;
    uint64_t number = sequence_number(options, body);
    if (number == 0) {
        drained->foreign++;
        return;
    }
    if (drained->seen[number]) {
        drained->duplicates++;
        return;
    }
    drained->seen[number] = 1;
    drained->unique++;
    if (is_damaged(options, drained, body)) drained->damaged++;
}

int load_drain(const struct load_options *options) {
    struct drained drained = {.seen = calloc(options->count + 1, 1)};
    drained.payload = sample_payload(options->content, options->payload_bytes);
    if (drained.seen == NULL || drained.payload == NULL) load_fail("out of memory");
    amqp_connection_state_t connection = load_connect(options);
    // Nobody publishes any more, so what is there now is all.
    uint64_t depth = load_depth(connection, options->queue);
    start_consuming(connection, options->queue);
    while (drained.received < depth) {
        amqp_envelope_t envelope;
        take(connection, &envelope, options->timeout_seconds);
        check(options, &drained, envelope.message.body);
        amqp_destroy_envelope(&envelope);
    }
    printf("{\"received\":%llu,\"missing\":%llu,\"duplicates\":%llu,\"foreign\":%llu,\"damaged\":%llu}\n",
        (unsigned long long)drained.received, (unsigned long long)(options->count - drained.unique),
        (unsigned long long)drained.duplicates, (unsigned long long)drained.foreign,
        (unsigned long long)drained.damaged);
    load_disconnect(connection);
    free(drained.seen);
    free(drained.payload);
    return 0;
}

int load_first(const struct load_options *options) {
    amqp_connection_state_t connection = load_connect(options);
    start_consuming(connection, options->queue);
    printf("{\"consuming\":true}\n");
    fflush(stdout);
    amqp_envelope_t envelope;
    take(connection, &envelope, options->timeout_seconds);
    printf("{\"arrived_ns\":%lld}\n", load_monotonic_ns());
    amqp_destroy_envelope(&envelope);
    load_disconnect(connection);
    return 0;
}
