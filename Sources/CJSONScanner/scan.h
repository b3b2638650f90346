// Inside of the scanner: its state, and the steps that are inlined because they run once per token.
#ifndef CJSON_SCAN_H
#define CJSON_SCAN_H

#include "CJSONScanner.h"

#include <string.h>

// Tests of the portable path on x86 define CJSON_PORTABLE.
#if defined(__SSE2__) && !defined(CJSON_PORTABLE)
#include <emmintrin.h>
#define CJSON_SSE2 1
#endif

#define CJSON_INLINE static inline __attribute__((always_inline))
#define CJSON_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define CJSON_UNLIKELY(condition) __builtin_expect(!!(condition), 0)

typedef struct cjson_scan {
    const uint8_t *base;
    const uint8_t *end;
    const uint8_t *fault_at;
    cjson_fault fault;
    uint32_t options;
    bool has_invalid_utf8;
} cjson_scan;

// Steps return the place behind what they read, or NULL after cjson_fail.
CJSON_INLINE const uint8_t *cjson_fail(cjson_scan *scan, cjson_fault fault, const uint8_t *at) {
    scan->fault = fault;
    scan->fault_at = at;
    return NULL;
}

// The byte at `at` cannot stand there, or the text ends there.
CJSON_INLINE const uint8_t *cjson_fail_here(cjson_scan *scan, const uint8_t *at) {
    bool is_end = at == scan->end;
    return cjson_fail(scan, is_end ? CJSON_FAULT_UNEXPECTED_END : CJSON_FAULT_UNEXPECTED_BYTE, at);
}

CJSON_INLINE bool cjson_is_space(uint8_t byte) {
    return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
}

CJSON_INLINE const uint8_t *cjson_skip_space(const uint8_t *at, const uint8_t *end) {
    // Compact text has no white space: one comparison decides that.
    while (at < end && CJSON_UNLIKELY(*at <= ' ') && cjson_is_space(*at)) at++;
    return at;
}

CJSON_INLINE bool cjson_is_plain(uint8_t byte) { return byte >= ' ' && byte < 0x80 && byte != '"' && byte != '\\'; }

// The first byte that may not simply be stepped over in a string: quote, backslash, control, non-ASCII.
CJSON_INLINE const uint8_t *cjson_skip_plain(const uint8_t *at, const uint8_t *end) {
#if CJSON_SSE2
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i backslash = _mm_set1_epi8('\\');
    const __m128i space = _mm_set1_epi8(' ');
    while (end - at >= 16) {
        __m128i block = _mm_loadu_si128((const __m128i *)(const void *)at);
        // Bytes from 0x80 are negative, so one signed comparison finds control bytes and non-ASCII.
        __m128i stop = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(block, quote), _mm_cmpeq_epi8(block, backslash)),
                                    _mm_cmplt_epi8(block, space));
        unsigned mask = (unsigned)_mm_movemask_epi8(stop);
        if (mask != 0) return at + __builtin_ctz(mask);
        at += 16;
    }
#else
    const uint64_t ones = 0x0101010101010101u;
    const uint64_t tops = 0x8080808080808080u;
    while (end - at >= 8) {
        uint64_t block;
        memcpy(&block, at, sizeof block);
        uint64_t quote = block ^ (ones * '"');
        uint64_t backslash = block ^ (ones * '\\');
        uint64_t below = ((block - ones * ' ') | (quote - ones) | (backslash - ones)) & tops;
        // May see a stop where there is none, never the reverse; the loop below then looks at each byte.
        if ((below | (block & tops)) != 0) break;
        at += 8;
    }
#endif
    while (at < end && cjson_is_plain(*at)) at++;
    return at;
}

// text.c: a backslash and what belongs to it; a run of non-ASCII characters.
const uint8_t *cjson_skip_escape(cjson_scan *scan, const uint8_t *at);
const uint8_t *cjson_skip_non_ascii(cjson_scan *scan, const uint8_t *at);

// A string, from behind its opening quote to behind its closing one.
CJSON_INLINE const uint8_t *cjson_skip_string(cjson_scan *scan, const uint8_t *at, uint32_t *flags) {
    const uint8_t *end = scan->end;
    for (;;) {
        at = cjson_skip_plain(at, end);
        if (CJSON_UNLIKELY(at == end)) return cjson_fail(scan, CJSON_FAULT_UNEXPECTED_END, at);
        if (CJSON_LIKELY(*at == '"')) return at + 1;
        if (*at == '\\') {
            *flags |= CJSON_FLAG_ESCAPES;
            at = cjson_skip_escape(scan, at);
        } else if (*at < ' ') {
            return cjson_fail(scan, CJSON_FAULT_CONTROL_CHARACTER, at);
        } else {
            at = cjson_skip_non_ascii(scan, at);
        }
        if (CJSON_UNLIKELY(at == NULL)) return NULL;
    }
}

// MARK: - Values

CJSON_INLINE bool cjson_is_digit(uint8_t byte) { return (uint8_t)(byte - '0') < 10; }

// value.c: a container with all it contains; the failure of a number that breaks off at `at`.
const uint8_t *cjson_skip_container(cjson_scan *scan, const uint8_t *at, uint32_t depth);
const uint8_t *cjson_fail_number(cjson_scan *scan, const uint8_t *at);

// Short runs go byte by byte, because the processor guesses their ends well; from eight on by eights.
CJSON_INLINE const uint8_t *cjson_skip_digits(const uint8_t *at, const uint8_t *end) {
    const uint64_t high_nibbles = 0xf0f0f0f0f0f0f0f0u;
    while (end - at >= 8) {
        uint64_t block;
        memcpy(&block, at, sizeof block);
        // A digit is 0x30 ..< 0x3a: high nibble 3, and still 3 after adding 6.
        uint64_t carried = (block + 0x0606060606060606u) & high_nibbles;
        if (((block & high_nibbles) | carried >> 4) != 0x3333333333333333u) break;
        at += 8;
    }
    while (at < end && cjson_is_digit(*at)) at++;
    return at;
}

CJSON_INLINE const uint8_t *cjson_skip_number(cjson_scan *scan, const uint8_t *at, uint32_t *flags) {
    const uint8_t *end = scan->end;
    if (*at == '-') at++;
    if (CJSON_UNLIKELY(at == end || !cjson_is_digit(*at))) return cjson_fail_number(scan, at);
    if (*at == '0') {
        at++;
        if (CJSON_UNLIKELY(at < end && cjson_is_digit(*at))) return cjson_fail_number(scan, at);
    } else {
        at++;
        while (at < end && cjson_is_digit(*at)) at++;
    }
    if (at == end || (*at != '.' && (*at | 0x20) != 'e')) {
        *flags |= CJSON_FLAG_INTEGER;
        return at;
    }
    if (*at == '.') {
        at++;
        if (CJSON_UNLIKELY(at == end || !cjson_is_digit(*at))) return cjson_fail_number(scan, at);
        at = cjson_skip_digits(at + 1, end);
    }
    if (at < end && (*at | 0x20) == 'e') {
        at++;
        if (at < end && (*at == '+' || *at == '-')) at++;
        if (CJSON_UNLIKELY(at == end || !cjson_is_digit(*at))) return cjson_fail_number(scan, at);
        at = cjson_skip_digits(at + 1, end);
    }
    return at;
}

CJSON_INLINE const uint8_t *cjson_skip_literal(cjson_scan *scan, const uint8_t *at, const char *text, size_t count) {
    if (CJSON_LIKELY((size_t)(scan->end - at) >= count && memcmp(at, text, count) == 0)) return at + count;
    size_t good = 0;
    while (at + good < scan->end && at[good] == (uint8_t)text[good]) good++;
    bool is_end = at + good == scan->end;
    return cjson_fail(scan, is_end ? CJSON_FAULT_UNEXPECTED_END : CJSON_FAULT_INVALID_LITERAL, at + good);
}

// Anything but a container.
CJSON_INLINE const uint8_t *cjson_skip_scalar(cjson_scan *scan, const uint8_t *at, cjson_kind *kind, uint32_t *flags) {
    uint8_t first = *at;
    if (first == '"') {
        *kind = CJSON_KIND_STRING;
        return cjson_skip_string(scan, at + 1, flags);
    }
    if (cjson_is_digit(first) || first == '-') {
        *kind = CJSON_KIND_NUMBER;
        return cjson_skip_number(scan, at, flags);
    }
    if (first == 't') {
        *kind = CJSON_KIND_TRUE;
        return cjson_skip_literal(scan, at, "true", 4);
    }
    if (first == 'f') {
        *kind = CJSON_KIND_FALSE;
        return cjson_skip_literal(scan, at, "false", 5);
    }
    if (first == 'n') {
        *kind = CJSON_KIND_NULL;
        return cjson_skip_literal(scan, at, "null", 4);
    }
    return cjson_fail_here(scan, at);
}

// Any value that begins at `at`, inside `depth` open containers.
CJSON_INLINE const uint8_t *cjson_skip_value(cjson_scan *scan, const uint8_t *at, uint32_t depth, cjson_value *out) {
    if (CJSON_UNLIKELY(at == scan->end)) return cjson_fail_here(scan, at);
    const uint8_t *start = at;
    cjson_kind kind = CJSON_KIND_ABSENT;
    uint32_t flags = 0;
    if (*at == '{' || *at == '[') {
        kind = *at == '{' ? CJSON_KIND_OBJECT : CJSON_KIND_ARRAY;
        at = cjson_skip_container(scan, at, depth);
        if (CJSON_UNLIKELY(at == NULL)) return NULL;
        if (cjson_skip_space(start + 1, at) == at - 1) flags = CJSON_FLAG_EMPTY;
    } else {
        at = cjson_skip_scalar(scan, at, &kind, &flags);
        if (CJSON_UNLIKELY(at == NULL)) return NULL;
        if (kind == CJSON_KIND_STRING && at - start == 2) flags = CJSON_FLAG_EMPTY;
    }
    out->start = (uint32_t)(start - scan->base);
    out->end = (uint32_t)(at - scan->base);
    out->kind = kind;
    out->flags = flags;
    return at;
}

// At most eight plain characters. Names are short and repeat: guessing their ends lets the processor run ahead,
// where a mask would make it wait. A quarter faster on arrays of small objects.
CJSON_INLINE const uint8_t *cjson_skip_short(const uint8_t *at, const uint8_t *end) {
    if (end - at < 8) return at;
    for (int i = 0; i < 8 && cjson_is_plain(*at); i++) at++;
    return at;
}

// A member's name, its colon and the white space behind both.
CJSON_INLINE const uint8_t *cjson_skip_name(cjson_scan *scan, const uint8_t *at, cjson_value *out) {
    if (CJSON_UNLIKELY(at == scan->end || *at != '"')) return cjson_fail_here(scan, at);
    out->start = (uint32_t)(at - scan->base);
    out->kind = CJSON_KIND_STRING;
    out->flags = 0;
    at = cjson_skip_short(at + 1, scan->end);
    at = CJSON_LIKELY(at < scan->end && *at == '"') ? at + 1 : cjson_skip_string(scan, at, &out->flags);
    if (CJSON_UNLIKELY(at == NULL)) return NULL;
    out->end = (uint32_t)(at - scan->base);
    at = cjson_skip_space(at, scan->end);
    if (CJSON_UNLIKELY(at == scan->end || *at != ':')) return cjson_fail_here(scan, at);
    return cjson_skip_space(at + 1, scan->end);
}

#endif
