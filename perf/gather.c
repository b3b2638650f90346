#include "gather.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIECES_PER_WRITE = 1024 };  // IOV_MAX

static void out_of_room(const char *what, size_t bound) {
    fprintf(stderr, "gather: output list is full (%s, bound %zu)\n", what, bound);
    exit(2);
}

void gather_init(struct gather *out, size_t piece_capacity, size_t block_bytes) {
    memset(out, 0, sizeof *out);
    out->capacity = piece_capacity;
    out->block_bytes = block_bytes;
    out->pieces = calloc(piece_capacity, sizeof *out->pieces);
    out->block = malloc(block_bytes);
    if (out->pieces == NULL || out->block == NULL) out_of_room("memory", block_bytes);
}

void gather_free(struct gather *out) {
    free(out->pieces);
    free(out->block);
}

uint8_t *gather_reserve(struct gather *out, size_t count) {
    if (gather_is_empty(out)) out->block_at = out->block_tail = 0;
    if (out->block_at >= out->block_tail) {
        if (out->block_bytes - out->block_at >= count) return out->block + out->block_at;
        // Strictly less: at == tail must always mean that the block is empty.
        if (out->block_tail <= count) out_of_room("block", out->block_bytes);
        out->block_at = 0;
    } else if (out->block_tail - out->block_at <= count) {
        out_of_room("block", out->block_bytes);
    }
    return out->block + out->block_at;
}

static void make_room_for_piece(struct gather *out) {
    if (out->end < out->capacity) return;
    if (out->head == 0) out_of_room("pieces", out->capacity);
    memmove(out->pieces, out->pieces + out->head, (out->end - out->head) * sizeof *out->pieces);
    out->end -= out->head;
    out->head = 0;
}

void gather_commit(struct gather *out, const uint8_t *from, size_t count) {
    out->block_at = (size_t)(from - out->block) + count;
    out->pending_bytes += count;
    if (!gather_is_empty(out)) {
        struct iovec *last = &out->pieces[out->end - 1];
        if ((const uint8_t *)last->iov_base + last->iov_len == from) {
            last->iov_len += count;
            return;
        }
    }
    make_room_for_piece(out);
    out->pieces[out->end++] = (struct iovec){.iov_base = (void *)from, .iov_len = count};
}

void gather_reference(struct gather *out, const void *bytes, size_t count) {
    make_room_for_piece(out);
    out->pieces[out->end++] = (struct iovec){.iov_base = (void *)bytes, .iov_len = count};
    out->pending_bytes += count;
}

void gather_append(struct gather *out, const void *bytes, size_t count) {
    if (count >= GATHER_COPY_LIMIT) {
        gather_reference(out, bytes, count);
        return;
    }
    uint8_t *to = gather_reserve(out, count);
    memcpy(to, bytes, count);
    gather_commit(out, to, count);
}

/// Takes `written` bytes off the front and gives their part of the block back.
static void consume(struct gather *out, size_t written) {
    out->pending_bytes -= written;
    while (written > 0) {
        struct iovec *piece = &out->pieces[out->head];
        size_t taken = written < piece->iov_len ? written : piece->iov_len;
        piece->iov_base = (uint8_t *)piece->iov_base + taken;
        piece->iov_len -= taken;
        written -= taken;
        const uint8_t *end = piece->iov_base;
        if (end > out->block && end <= out->block + out->block_bytes) out->block_tail = (size_t)(end - out->block);
        if (piece->iov_len == 0) out->head++;
    }
    if (gather_is_empty(out)) out->head = out->end = 0;
}

bool gather_flush(struct gather *out, int descriptor) {
    while (!gather_is_empty(out)) {
        size_t count = out->end - out->head;
        if (count > PIECES_PER_WRITE) count = PIECES_PER_WRITE;
        ssize_t written = writev(descriptor, out->pieces + out->head, (int)count);
        if (written < 0) {
            if (errno == EINTR) continue;
            return false;
        }
        consume(out, (size_t)written);
    }
    return true;
}
