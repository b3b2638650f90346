/// Output of one non-blocking socket: a list of pieces that leaves with one `writev`. Small pieces are copied into
/// a ring block, where neighbours merge into one piece; large ones are referenced, and their owner keeps them until
/// they are written. Both are bounded; running out is a fault of the caller's own bounds and ends the program.
#ifndef ASYA_PERF_GATHER_H
#define ASYA_PERF_GATHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/// Below this many bytes a copy is cheaper than an entry in the list.
enum { GATHER_COPY_LIMIT = 512 };

struct gather {
    struct iovec *pieces;  // pieces[head ..< end] are waiting
    size_t head, end, capacity;
    uint8_t *block;
    size_t block_bytes, block_at, block_tail;
    size_t pending_bytes;
};

void gather_init(struct gather *out, size_t piece_capacity, size_t block_bytes);
void gather_free(struct gather *out);

/// Room for `count` contiguous bytes; the caller writes them and then calls `gather_commit` with the final number.
uint8_t *gather_reserve(struct gather *out, size_t count);
void gather_commit(struct gather *out, const uint8_t *from, size_t count);

/// Appends bytes: copied when there are few of them, referenced otherwise.
void gather_append(struct gather *out, const void *bytes, size_t count);

/// Appends bytes that stay where they are until they have been written.
void gather_reference(struct gather *out, const void *bytes, size_t count);

/// Writes as much as the socket takes. True when nothing is left; false with `errno` as `writev` left it, otherwise.
bool gather_flush(struct gather *out, int descriptor);

static inline bool gather_is_empty(const struct gather *out) { return out->head == out->end; }

#endif
