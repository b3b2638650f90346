// Characters: escapes, UTF-8, decoding and comparing of string tokens.
#include "scan.h"

static int hex_digit(uint8_t byte) {
    if (byte >= '0' && byte <= '9') return byte - '0';
    byte |= 0x20;
    if (byte >= 'a' && byte <= 'f') return byte - 'a' + 10;
    return -1;
}

const uint8_t *cjson_skip_escape(cjson_scan *scan, const uint8_t *at) {
    const uint8_t *end = scan->end;
    at++;
    if (at == end) return cjson_fail(scan, CJSON_FAULT_UNEXPECTED_END, at);
    switch (*at) {
    case '"': case '\\': case '/': case 'b': case 'f': case 'n': case 'r': case 't':
        return at + 1;
    case 'u':
        // Lone surrogates are accepted, as every JSON parser on the way does; decoding makes them U+FFFD.
        for (int i = 0; i < 4; i++) {
            at++;
            if (at == end) return cjson_fail(scan, CJSON_FAULT_UNEXPECTED_END, at);
            if (hex_digit(*at) < 0) return cjson_fail(scan, CJSON_FAULT_INVALID_ESCAPE, at);
        }
        return at + 1;
    default:
        return cjson_fail(scan, CJSON_FAULT_INVALID_ESCAPE, at);
    }
}

CJSON_INLINE bool is_continuation(uint8_t byte) { return (byte & 0xc0) == 0x80; }

// Length of the non-ASCII character at `at`; 0 when it is not UTF-8 (Unicode table 3-7).
CJSON_INLINE size_t character_length(const uint8_t *at, const uint8_t *end) {
    size_t left = (size_t)(end - at);
    uint8_t first = at[0];
    if (first < 0xc2 || left < 2) return 0;
    if (first < 0xe0) return is_continuation(at[1]) ? 2 : 0;
    if (left < 3 || !is_continuation(at[1]) || !is_continuation(at[2])) return 0;
    if (first < 0xf0) {
        if (first == 0xe0 && at[1] < 0xa0) return 0; // overlong
        if (first == 0xed && at[1] > 0x9f) return 0; // surrogate
        return 3;
    }
    if (first > 0xf4 || left < 4 || !is_continuation(at[3])) return 0;
    if (first == 0xf0 && at[1] < 0x90) return 0; // overlong
    if (first == 0xf4 && at[1] > 0x8f) return 0; // beyond U+10FFFF
    return 4;
}

const uint8_t *cjson_skip_non_ascii(cjson_scan *scan, const uint8_t *at) {
    const uint8_t *end = scan->end;
    while (at < end && *at >= 0x80) {
        size_t length = character_length(at, end);
        if (CJSON_UNLIKELY(length == 0)) {
            if (!(scan->options & CJSON_OPTION_TOLERATE_INVALID_UTF8)) {
                return cjson_fail(scan, CJSON_FAULT_INVALID_UTF8, at);
            }
            scan->has_invalid_utf8 = true;
            length = 1;
        }
        at += length;
    }
    return at;
}

size_t cjson_utf8_prefix(const void *bytes, size_t count) {
    if (count == 0) return 0;
    const uint8_t *start = bytes;
    const uint8_t *end = start + count;
    const uint8_t *at = start;
    while (at < end) {
        if (*at < 0x80) {
            at++;
            continue;
        }
        size_t length = character_length(at, end);
        if (length == 0) break;
        at += length;
    }
    return (size_t)(at - start);
}

size_t cjson_unescaped_prefix(const void *bytes, size_t count) {
    const uint8_t *at = bytes;
    size_t length = 0;
    while (length < count && at[length] >= ' ' && at[length] != '"' && at[length] != '\\') length++;
    return length;
}

// MARK: - Decoding

// The contents of a string token, given out in small runs of decoded bytes.
typedef struct decoder {
    const uint8_t *at;
    const uint8_t *end; // the closing quote
    uint8_t run[4];
} decoder;

static decoder decoder_make(const uint8_t *bytes, cjson_value string) {
    decoder made = {bytes + string.start, bytes + string.start, {0}};
    if (string.end - string.start >= 2) {
        made.at = bytes + string.start + 1;
        made.end = bytes + string.end - 1;
    }
    return made;
}

static uint32_t hex_unit(const uint8_t *at) {
    uint32_t unit = 0;
    for (int i = 0; i < 4; i++) unit = unit << 4 | ((uint32_t)hex_digit(at[i]) & 15u);
    return unit;
}

static size_t encode(uint32_t scalar, uint8_t *out) {
    if (scalar < 0x80) {
        out[0] = (uint8_t)scalar;
        return 1;
    }
    if (scalar < 0x800) {
        out[0] = (uint8_t)(0xc0 | scalar >> 6);
        out[1] = (uint8_t)(0x80 | (scalar & 0x3f));
        return 2;
    }
    if (scalar < 0x10000) {
        out[0] = (uint8_t)(0xe0 | scalar >> 12);
        out[1] = (uint8_t)(0x80 | (scalar >> 6 & 0x3f));
        out[2] = (uint8_t)(0x80 | (scalar & 0x3f));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | scalar >> 18);
    out[1] = (uint8_t)(0x80 | (scalar >> 12 & 0x3f));
    out[2] = (uint8_t)(0x80 | (scalar >> 6 & 0x3f));
    out[3] = (uint8_t)(0x80 | (scalar & 0x3f));
    return 4;
}

// The scalar of the \u escape at `at` (which points behind the 'u'); a pair is taken as a whole.
static uint32_t decode_unit(decoder *from) {
    if (from->end - from->at < 4) { // not reached for tokens that passed the scan
        from->at = from->end;
        return 0xfffd;
    }
    uint32_t unit = hex_unit(from->at);
    from->at += 4;
    if (unit < 0xd800 || unit > 0xdfff) return unit;
    if (unit > 0xdbff || from->end - from->at < 6 || from->at[0] != '\\' || from->at[1] != 'u') return 0xfffd;
    uint32_t low = hex_unit(from->at + 2);
    if (low < 0xdc00 || low > 0xdfff) return 0xfffd;
    from->at += 6;
    return 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
}

static uint32_t decode_escape(decoder *from) {
    if (from->end - from->at < 2) {
        from->at = from->end;
        return 0xfffd;
    }
    uint8_t letter = from->at[1];
    from->at += 2;
    switch (letter) {
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'u': return decode_unit(from);
    default: return letter;
    }
}

// The next decoded bytes: *run points to them; 0 at the end of the string.
static size_t decoder_next(decoder *from, const uint8_t **run) {
    const uint8_t *start = from->at;
    if (start == from->end) return 0;
    if (*start == '\\') {
        size_t length = encode(decode_escape(from), from->run);
        *run = from->run;
        return length;
    }
    if (*start >= 0x80) {
        size_t length = character_length(start, from->end);
        from->at += length > 0 ? length : 1;
        *run = start;
        if (length > 0) return length;
        *run = from->run;
        return encode(0xfffd, from->run);
    }
    const uint8_t *at = start;
    while (at < from->end && *at != '\\' && *at < 0x80) at++;
    from->at = at;
    *run = start;
    return (size_t)(at - start);
}

size_t cjson_string_decode(const void *bytes, cjson_value string, void *out, size_t capacity) {
    decoder from = decoder_make(bytes, string);
    const uint8_t *run = NULL;
    size_t total = 0;
    for (size_t length; (length = decoder_next(&from, &run)) > 0; total += length) {
        if (total >= capacity) continue;
        size_t room = capacity - total;
        memcpy((uint8_t *)out + total, run, length < room ? length : room);
    }
    return total;
}

bool cjson_string_equals(const void *bytes, cjson_value string, const void *utf8, size_t count) {
    if (!(string.flags & CJSON_FLAG_ESCAPES)) {
        if (string.end - string.start != count + 2) return false;
        return count == 0 || memcmp((const uint8_t *)bytes + string.start + 1, utf8, count) == 0;
    }
    decoder from = decoder_make(bytes, string);
    const uint8_t *run = NULL;
    size_t seen = 0;
    for (size_t length; (length = decoder_next(&from, &run)) > 0; seen += length) {
        if (length > count - seen || memcmp((const uint8_t *)utf8 + seen, run, length) != 0) return false;
    }
    return seen == count;
}

bool cjson_strings_equal(const void *a_bytes, cjson_value a, const void *b_bytes, cjson_value b) {
    if (!(b.flags & CJSON_FLAG_ESCAPES)) {
        return cjson_string_equals(a_bytes, a, (const uint8_t *)b_bytes + b.start + 1, b.end - b.start - 2);
    }
    if (!(a.flags & CJSON_FLAG_ESCAPES)) return cjson_strings_equal(b_bytes, b, a_bytes, a);
    decoder from_a = decoder_make(a_bytes, a);
    decoder from_b = decoder_make(b_bytes, b);
    const uint8_t *run_a = NULL;
    const uint8_t *run_b = NULL;
    size_t left_a = 0;
    size_t left_b = 0;
    for (;;) {
        if (left_a == 0) left_a = decoder_next(&from_a, &run_a);
        if (left_b == 0) left_b = decoder_next(&from_b, &run_b);
        if (left_a == 0 || left_b == 0) return left_a == left_b;
        size_t common = left_a < left_b ? left_a : left_b;
        if (memcmp(run_a, run_b, common) != 0) return false;
        run_a += common;
        run_b += common;
        left_a -= common;
        left_b -= common;
    }
}
