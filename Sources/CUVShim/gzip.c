#include "cuvshim.h"

#include <errno.h>
#include <zlib.h>

enum { GZIP_WINDOW_BITS = 15 + 16, MEMORY_LEVEL = 8, GZIP_OVERHEAD = 32 };

size_t cuvshim_gzip_bound(size_t count) { return compressBound(count) + GZIP_OVERHEAD; }

ssize_t cuvshim_gzip(const void *input, size_t count, void *output, size_t capacity) {
    z_stream stream = {0};
    if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, GZIP_WINDOW_BITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
        return -ENOMEM;
    stream.next_in = (Bytef *)input;
    stream.avail_in = (uInt)count;
    stream.next_out = output;
    stream.avail_out = (uInt)capacity;
    int result = deflate(&stream, Z_FINISH);
    ssize_t produced = result == Z_STREAM_END ? (ssize_t)stream.total_out : -ENOSPC;
    deflateEnd(&stream);
    return produced;
}
