/// The blocking part of the floor's AMQP: address, log-in, topology checks. Everything per message is in floor.c.
#ifndef ASYA_PERF_FLOOR_BROKER_H
#define ASYA_PERF_FLOOR_BROKER_H

#include <stdint.h>

struct broker_address {
    char host[128], user[64], password[64];
    int port;
};

/// Reads `amqp://user:password@host:port/`; ends the program when the text is something else.
struct broker_address broker_address_from_url(const char *url);

/// Connects, logs in to vhost `/` and opens channel 1; returns the (blocking) socket.
int broker_connect(const struct broker_address *address);

/// Declares the exchange, turns confirms on, and makes the socket non-blocking.
void broker_prepare_publisher(int descriptor, const char *exchange);

/// Checks the queue, sets the prefetch count, starts consuming, and makes the socket non-blocking.
void broker_prepare_consumer(int descriptor, const char *queue, uint16_t prefetch);

#endif
