/// Parts of the load generator: options, and a librabbitmq connection with its own I/O, so that fill and drain are a
/// peer that shares no code with what is measured.
#ifndef ASYA_PERF_LOAD_H
#define ASYA_PERF_LOAD_H

#include <amqp.h>
#include <stdbool.h>
#include <stdint.h>

#include "sample_envelope.h"

enum { LOAD_CHANNEL = 1 };

struct load_options {
    const char *url, *exchange, *actors, *queue, *prefix, *actor;
    enum sample_content content;
    uint64_t count, warmup, payload_bytes, batch;
    long expected_current;
    int pid;
    double timeout_seconds;
};

amqp_connection_state_t load_connect(const struct load_options *options);
void load_disconnect(amqp_connection_state_t connection);

/// Ends the program with the broker's or the library's reason unless the reply is a normal one.
void load_check(amqp_rpc_reply_t reply, const char *what);
void load_check_status(int status, const char *what);
_Noreturn void load_fail(const char *what);

/// Ready messages in a queue, by a passive declaration.
uint64_t load_depth(amqp_connection_state_t connection, const char *queue);

long long load_monotonic_ns(void);

int load_fill(const struct load_options *options);
int load_drain(const struct load_options *options);
int load_first(const struct load_options *options);
int load_watch(const struct load_options *options);

#endif
