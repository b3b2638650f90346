/// Bytes of AMQP 0-9-1: integers, short and long strings, frame borders. Shared by the C floor and the stub broker.
/// The caller owns every buffer and has made sure that there is room; nothing here allocates or does I/O.
#ifndef ASYA_PERF_AMQP_WIRE_H
#define ASYA_PERF_AMQP_WIRE_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

enum { WIRE_METHOD = 1, WIRE_HEADER = 2, WIRE_BODY = 3, WIRE_HEARTBEAT = 8, WIRE_FRAME_END = 0xCE };
enum { WIRE_FRAME_HEAD_BYTES = 7, WIRE_FRAME_OVERHEAD = 8, WIRE_FRAME_MAX = 131072 };

#define WIRE_METHOD_ID(class_id, method_id) (((uint32_t)(class_id) << 16) | (uint32_t)(method_id))
#define CONNECTION_START WIRE_METHOD_ID(10, 10)
#define CONNECTION_START_OK WIRE_METHOD_ID(10, 11)
#define CONNECTION_TUNE WIRE_METHOD_ID(10, 30)
#define CONNECTION_TUNE_OK WIRE_METHOD_ID(10, 31)
#define CONNECTION_OPEN WIRE_METHOD_ID(10, 40)
#define CONNECTION_OPEN_OK WIRE_METHOD_ID(10, 41)
#define CONNECTION_CLOSE WIRE_METHOD_ID(10, 50)
#define CONNECTION_CLOSE_OK WIRE_METHOD_ID(10, 51)
#define CHANNEL_OPEN WIRE_METHOD_ID(20, 10)
#define CHANNEL_OPEN_OK WIRE_METHOD_ID(20, 11)
#define CHANNEL_CLOSE WIRE_METHOD_ID(20, 40)
#define CHANNEL_CLOSE_OK WIRE_METHOD_ID(20, 41)
#define EXCHANGE_DECLARE WIRE_METHOD_ID(40, 10)
#define EXCHANGE_DECLARE_OK WIRE_METHOD_ID(40, 11)
#define QUEUE_DECLARE WIRE_METHOD_ID(50, 10)
#define QUEUE_DECLARE_OK WIRE_METHOD_ID(50, 11)
#define BASIC_QOS WIRE_METHOD_ID(60, 10)
#define BASIC_QOS_OK WIRE_METHOD_ID(60, 11)
#define BASIC_CONSUME WIRE_METHOD_ID(60, 20)
#define BASIC_CONSUME_OK WIRE_METHOD_ID(60, 21)
#define BASIC_CANCEL WIRE_METHOD_ID(60, 30)
#define BASIC_CANCEL_OK WIRE_METHOD_ID(60, 31)
#define BASIC_PUBLISH WIRE_METHOD_ID(60, 40)
#define BASIC_DELIVER WIRE_METHOD_ID(60, 60)
#define BASIC_ACK WIRE_METHOD_ID(60, 80)
#define BASIC_REJECT WIRE_METHOD_ID(60, 90)
#define BASIC_NACK WIRE_METHOD_ID(60, 120)
#define CONFIRM_SELECT WIRE_METHOD_ID(85, 10)
#define CONFIRM_SELECT_OK WIRE_METHOD_ID(85, 11)

static inline uint16_t wire_get16(const uint8_t *from) {
    uint16_t value;
    memcpy(&value, from, sizeof value);
    return be16toh(value);
}

static inline uint32_t wire_get32(const uint8_t *from) {
    uint32_t value;
    memcpy(&value, from, sizeof value);
    return be32toh(value);
}

static inline uint64_t wire_get64(const uint8_t *from) {
    uint64_t value;
    memcpy(&value, from, sizeof value);
    return be64toh(value);
}

static inline uint8_t *wire_put8(uint8_t *to, uint8_t value) {
    *to = value;
    return to + 1;
}

static inline uint8_t *wire_put16(uint8_t *to, uint16_t value) {
    value = htobe16(value);
    memcpy(to, &value, sizeof value);
    return to + sizeof value;
}

static inline uint8_t *wire_put32(uint8_t *to, uint32_t value) {
    value = htobe32(value);
    memcpy(to, &value, sizeof value);
    return to + sizeof value;
}

static inline uint8_t *wire_put64(uint8_t *to, uint64_t value) {
    value = htobe64(value);
    memcpy(to, &value, sizeof value);
    return to + sizeof value;
}

static inline uint8_t *wire_put_bytes(uint8_t *to, const void *bytes, size_t count) {
    memcpy(to, bytes, count);
    return to + count;
}

/// A string with one length byte; at most 255 bytes are written.
static inline uint8_t *wire_put_short(uint8_t *to, const void *bytes, size_t count) {
    if (count > 255) count = 255;
    return wire_put_bytes(wire_put8(to, (uint8_t)count), bytes, count);
}

static inline uint8_t *wire_put_long(uint8_t *to, const void *bytes, size_t count) {
    return wire_put_bytes(wire_put32(to, (uint32_t)count), bytes, count);
}

/// Type, channel and size of a frame; the size is known beforehand.
static inline uint8_t *wire_put_frame_head(uint8_t *to, uint8_t type, uint16_t channel, uint32_t byte_count) {
    return wire_put32(wire_put16(wire_put8(to, type), channel), byte_count);
}

/// Starts a method frame whose size `wire_end_frame` fills in.
static inline uint8_t *wire_begin_method(uint8_t *to, uint16_t channel, uint32_t method) {
    return wire_put32(wire_put_frame_head(to, WIRE_METHOD, channel, 0), method);
}

/// Ends the frame that began at `start` and whose content ends at `end`; returns the first byte after the frame.
static inline uint8_t *wire_end_frame(uint8_t *start, uint8_t *end) {
    wire_put32(start + 3, (uint32_t)(end - start) - WIRE_FRAME_HEAD_BYTES);
    return wire_put8(end, WIRE_FRAME_END);
}

/// Size of the whole frame that begins at `from`, borders included; 0 when fewer than 7 bytes are there.
static inline size_t wire_frame_bytes(const uint8_t *from, size_t available) {
    if (available < WIRE_FRAME_HEAD_BYTES) return 0;
    return (size_t)wire_get32(from + 3) + WIRE_FRAME_OVERHEAD;
}

#endif
