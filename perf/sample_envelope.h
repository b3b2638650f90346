/// The envelopes of the load test, always in this layout (the C echo runtime and the floor rely on it):
///
///     {"id":"ID","route":{"actors":["perf-a","perf-b"],"current":0},"payload":VALUE}
#ifndef ASYA_PERF_SAMPLE_ENVELOPE_H
#define ASYA_PERF_SAMPLE_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>

/// What the payload consists of; JSON parsers differ in speed between them.
enum sample_content { SAMPLE_TEXT, SAMPLE_NUMBERS, SAMPLE_OBJECTS };

enum { SAMPLE_ENVELOPE_OVERHEAD = 512 };

bool sample_content_from_name(const char *name, enum sample_content *content);

/// A JSON value of exactly `byte_count` (at least 2) bytes, the same one every time. The caller frees it.
char *sample_payload(enum sample_content content, size_t byte_count);

/// Writes an envelope to `to`, which has room for the payload and SAMPLE_ENVELOPE_OVERHEAD; returns its length.
/// `actors` is a comma-separated list.
size_t sample_envelope(char *to, const char *id, const char *actors, const char *payload, size_t payload_bytes);

#endif
