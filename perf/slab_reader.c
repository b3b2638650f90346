#include "slab_reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    // Less room than this at the end of a slab is not worth a read.
    LEAST_ROOM = 4096,
    // After a large frame the next one is expected to be large too: read little before its size is known, because
    // that little is copied.
    FIRST_READ_OF_LARGE = 4096,
    // Slabs of odd sizes are rounded up so that they can serve again.
    CAPACITY_STEP = 65536,
};

void slab_reader_init(
    struct slab_reader *reader, struct slab_pool *pool, int descriptor, size_t slab_bytes, size_t large_frame_bytes) {
    memset(reader, 0, sizeof *reader);
    reader->pool = pool;
    reader->descriptor = descriptor;
    reader->slab_bytes = slab_bytes;
    reader->large_frame_bytes = large_frame_bytes;
}

static struct slab *take_slab(struct slab_pool *pool, size_t capacity) {
    for (struct slab **link = &pool->free; *link != NULL; link = &(*link)->next_free) {
        struct slab *slab = *link;
        // Never hand a giant to a small need: the giants are few and are wanted again soon.
        if (slab->capacity < capacity || slab->capacity > 2 * capacity) continue;
        *link = slab->next_free;
        slab->references = 1;
        return slab;
    }
    struct slab *slab = malloc(sizeof *slab + capacity);
    if (slab == NULL) {
        fprintf(stderr, "slab_reader: no memory for %zu bytes\n", capacity);
        exit(2);
    }
    slab->references = 1;
    slab->capacity = capacity;
    return slab;
}

static void drop_reference(struct slab_pool *pool, struct slab *slab) {
    if (--slab->references > 0) return;
    slab->next_free = pool->free;
    pool->free = slab;
}

void slice_release(struct slab_pool *pool, struct slice *slice) {
    if (slice->slab != NULL) drop_reference(pool, slice->slab);
    slice->slab = NULL;
}

/// Makes sure that the frame at the front, or at least a useful part of it, fits behind `start`.
static void make_room(struct slab_reader *reader) {
    if (reader->slab != NULL && reader->start == reader->fill && reader->slab->references == 1) {
        reader->start = reader->fill = 0;
    }
    size_t needed = reader->wanted > 0 ? reader->wanted : reader->fill - reader->start + LEAST_ROOM;
    if (reader->slab != NULL && reader->slab->capacity - reader->start >= needed) return;
    size_t capacity = reader->slab_bytes;
    if (needed > capacity) capacity = (needed + CAPACITY_STEP - 1) / CAPACITY_STEP * CAPACITY_STEP;
    struct slab *slab = take_slab(reader->pool, capacity);
    size_t partial = reader->fill - reader->start;
    if (partial > 0) memcpy(slab->bytes, reader->slab->bytes + reader->start, partial);
    if (reader->slab != NULL) drop_reference(reader->pool, reader->slab);
    reader->slab = slab;
    reader->start = 0;
    reader->fill = partial;
}

static size_t read_limit(const struct slab_reader *reader) {
    size_t room = reader->slab->capacity - reader->fill;
    if (reader->wanted >= reader->large_frame_bytes) return reader->wanted - (reader->fill - reader->start);
    if (reader->wanted == 0 && reader->last_was_large && room > FIRST_READ_OF_LARGE) return FIRST_READ_OF_LARGE;
    return room;
}

enum slab_read slab_reader_read(struct slab_reader *reader) {
    make_room(reader);
    size_t limit = read_limit(reader);
    ssize_t count;
    do {
        count = read(reader->descriptor, reader->slab->bytes + reader->fill, limit);
    } while (count < 0 && errno == EINTR);
    if (count < 0) return errno == EAGAIN ? SLAB_READ_EMPTY : SLAB_READ_CLOSED;
    if (count == 0) return SLAB_READ_CLOSED;
    reader->fill += (size_t)count;
    return (size_t)count == limit ? SLAB_READ_FULL : SLAB_READ_SHORT;
}
