/// Reads a socket into reference-counted slabs, so that message bodies are pointed at and not copied. Only the part
/// of a frame that the end of a slab cuts off moves to the next slab, once.
#ifndef ASYA_PERF_SLAB_READER_H
#define ASYA_PERF_SLAB_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slab {
    uint32_t references;
    size_t capacity;
    struct slab *next_free;
    uint8_t bytes[];
};

/// A range of a slab, which it keeps alive until `slice_release`.
struct slice {
    struct slab *slab;
    const uint8_t *bytes;
    size_t count;
};

struct slab_pool {
    struct slab *free;
};

struct slab_reader {
    struct slab_pool *pool;
    int descriptor;
    size_t slab_bytes;
    /// Frames of at least this size get a slab of their own and are read exactly, without what follows them.
    size_t large_frame_bytes;
    struct slab *slab;
    size_t start, fill;  // bytes[start ..< fill] are read and not parsed
    size_t wanted;       // size of the frame at `start`, 0 when unknown
    bool last_was_large;
};

enum slab_read { SLAB_READ_FULL, SLAB_READ_SHORT, SLAB_READ_EMPTY, SLAB_READ_CLOSED };

void slab_reader_init(
    struct slab_reader *reader, struct slab_pool *pool, int descriptor, size_t slab_bytes, size_t large_frame_bytes);

/// One `read`. FULL: more may be waiting. SHORT: the socket is empty now. CLOSED: end of file or an error.
enum slab_read slab_reader_read(struct slab_reader *reader);

static inline const uint8_t *slab_reader_bytes(const struct slab_reader *reader, size_t *available) {
    *available = reader->fill - reader->start;
    return reader->slab == NULL ? NULL : reader->slab->bytes + reader->start;
}

/// The frame at the front is incomplete and is `wanted` bytes long (0: not known yet).
static inline void slab_reader_wait_for(struct slab_reader *reader, size_t wanted) { reader->wanted = wanted; }

/// The frame of `count` bytes at the front has been parsed.
static inline void slab_reader_advance(struct slab_reader *reader, size_t count) {
    reader->start += count;
    reader->wanted = 0;
    reader->last_was_large = count >= reader->large_frame_bytes;
}

/// `count` bytes at `bytes`, which lie in the reader's current slab.
static inline struct slice slab_reader_slice(struct slab_reader *reader, const uint8_t *bytes, size_t count) {
    reader->slab->references++;
    return (struct slice){.slab = reader->slab, .bytes = bytes, .count = count};
}

void slice_release(struct slab_pool *pool, struct slice *slice);

#endif
