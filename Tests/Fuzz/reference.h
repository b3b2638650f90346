// A plain recursive reading of RFC 8259, written apart from the scanner and for clarity only: what the fuzzer
// compares with.
#ifndef REFERENCE_H
#define REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Whether the bytes are one JSON text of at most `max_depth` levels.
bool reference_accepts(const uint8_t *bytes, size_t count, unsigned max_depth);

#endif
