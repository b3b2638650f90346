// Strict JSON scanner for envelopes and runtime replies (envelope.md 2, 7).
//
// One pass over the bytes checks the whole text (UTF-8, escapes, numbers, nesting) and records where the
// members the sidecar needs begin and end. Nothing is decoded, copied or allocated; results are offsets
// into the caller's bytes, which must stay unchanged for as long as the offsets are used. The scanner
// reads only bytes[0 ..< count]: no padding is needed behind the text. No global state, any thread.
#ifndef CJSON_SCANNER_H
#define CJSON_SCANNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Swift sees closed enums as its own, to be switched over exhaustively.
#if defined(__clang__)
#define CJSON_CLOSED_ENUM __attribute__((enum_extensibility(closed)))
#define CJSON_SWIFT_NAME(name) __attribute__((swift_name(#name)))
#else
#define CJSON_CLOSED_ENUM
#define CJSON_SWIFT_NAME(name)
#endif

// Longest text: offsets are 32 bits wide. Runtime replies are bounded at 512 MiB (sidecar.md 8.1), queue
// messages far below, so this bound is never the one that is met in practice.
#define CJSON_MAX_BYTES 0x7fffffffu

// Deepest nesting: envelope.md 2.1 asks for at least 1000 levels accepted and 10000 refused. The bit
// stack of this many levels takes 512 bytes.
#define CJSON_MAX_DEPTH 4096u

typedef enum CJSON_CLOSED_ENUM cjson_kind {
    CJSON_KIND_ABSENT CJSON_SWIFT_NAME(absent) = 0,
    CJSON_KIND_NULL CJSON_SWIFT_NAME(null),
    CJSON_KIND_FALSE CJSON_SWIFT_NAME(false),
    CJSON_KIND_TRUE CJSON_SWIFT_NAME(true),
    CJSON_KIND_NUMBER CJSON_SWIFT_NAME(number),
    CJSON_KIND_STRING CJSON_SWIFT_NAME(string),
    CJSON_KIND_ARRAY CJSON_SWIFT_NAME(array),
    CJSON_KIND_OBJECT CJSON_SWIFT_NAME(object)
} cjson_kind;

typedef enum CJSON_CLOSED_ENUM cjson_fault {
    CJSON_FAULT_NONE CJSON_SWIFT_NAME(none) = 0,
    CJSON_FAULT_UNEXPECTED_END CJSON_SWIFT_NAME(unexpectedEnd),
    CJSON_FAULT_UNEXPECTED_BYTE CJSON_SWIFT_NAME(unexpectedByte),
    CJSON_FAULT_TRAILING_BYTE CJSON_SWIFT_NAME(trailingByte),
    CJSON_FAULT_INVALID_NUMBER CJSON_SWIFT_NAME(invalidNumber),
    CJSON_FAULT_INVALID_LITERAL CJSON_SWIFT_NAME(invalidLiteral),
    CJSON_FAULT_INVALID_ESCAPE CJSON_SWIFT_NAME(invalidEscape),
    CJSON_FAULT_CONTROL_CHARACTER CJSON_SWIFT_NAME(controlCharacter),
    CJSON_FAULT_INVALID_UTF8 CJSON_SWIFT_NAME(invalidUTF8),
    CJSON_FAULT_TOO_DEEP CJSON_SWIFT_NAME(tooDeep),
    CJSON_FAULT_TOO_LONG CJSON_SWIFT_NAME(tooLong)
} cjson_fault;

// Bits of cjson_value.flags.
#define CJSON_FLAG_ESCAPES 1u // a string that contains a backslash
#define CJSON_FLAG_INTEGER 2u // a number without fraction and exponent
#define CJSON_FLAG_EMPTY 4u   // "", [] or {}, white space inside allowed

// Bits of the option arguments.
#define CJSON_OPTION_TOLERATE_INVALID_UTF8 1u // salvage only: see cjson_scan_envelope

// Where a value stands in the text: bytes[start ..< end]; strings with their quotes.
typedef struct cjson_value {
    uint32_t start;
    uint32_t end;
    cjson_kind kind;
    uint32_t flags;
} cjson_value;

typedef struct cjson_status {
    cjson_fault fault;
    uint32_t offset; // of the byte that is wrong; of the end when the text is too short
} cjson_status;

// A member `"name":value` of an object, from the first quote of its name to the end of its value.
typedef struct cjson_member {
    cjson_value name;
    cjson_value value;
} cjson_member;

// Positions of a route's first actors are noted on the way, so that finding the current one is no second
// scan on routes of ordinary length.
#define CJSON_NOTED_ACTORS 8u

// Known members of a route; of equal names the last one. `kind` is ABSENT for those not there.
typedef struct cjson_route_fields {
    cjson_value actors;
    cjson_value current;
    cjson_value metadata;
    uint32_t unknown_count; // members with other names, repeated ones counted each time
    uint32_t actor_count;   // elements of `actors` when it is an array
    uint32_t other_actor;   // offset of the first element that is not a string; 0 when all are
    uint32_t noted_actors[CJSON_NOTED_ACTORS]; // offsets of the first elements
} cjson_route_fields;

// Known members of an envelope, as above.
typedef struct cjson_envelope_fields {
    cjson_value top; // the whole value; the members are filled in when it is an object
    cjson_value id;
    cjson_value parent_id;
    cjson_value route;
    cjson_value headers;
    cjson_value payload;
    cjson_value deadline;   // also counted as unknown: it is carried along like one (envelope.md 11)
    cjson_route_fields route_fields; // filled in when `route` is an object
    uint32_t unknown_count;
    bool has_invalid_utf8;  // only with CJSON_OPTION_TOLERATE_INVALID_UTF8
} cjson_envelope_fields;

// Known members of an element of a runtime's reply, as above.
typedef struct cjson_element_fields {
    cjson_value top; // the whole element; ABSENT when the reply has no further element
    cjson_value payload;
    cjson_value route;
    cjson_value headers;
    cjson_value error;
    cjson_value details;
    cjson_value metrics;
    cjson_route_fields route_fields;
    uint32_t unknown_count;
} cjson_element_fields;

// A place inside a text: plain offsets, may be copied to look ahead.
typedef struct cjson_cursor {
    uint32_t position;
    uint32_t count;
    uint32_t jump_start; // a value known to span jump_start ..< jump_end need not be scanned again
    uint32_t jump_end;
    bool is_at_first;
} cjson_cursor;

// MARK: - Whole texts, strict

// Scans an envelope. With CJSON_OPTION_TOLERATE_INVALID_UTF8, bytes in strings that are not UTF-8 are
// stepped over and reported in has_invalid_utf8, so that a refused text can still give its id and payload.
cjson_status cjson_scan_envelope(const void *bytes, size_t count, uint32_t options, cjson_envelope_fields *out);

// Scans any text; `out` is its value.
cjson_status cjson_scan_text(const void *bytes, size_t count, cjson_value *out);

// Opens a runtime reply: `top` is `null` or an array whose elements cjson_reply_next then scans one by one.
// For any other value the whole text is scanned here, to tell a malformed reply from one of a wrong type.
cjson_status cjson_reply_begin(const void *bytes, size_t count, cjson_cursor *cursor, cjson_kind *top);

// Scans the next element, or, when there is none, the rest of the text (out->top.kind is then ABSENT).
cjson_status cjson_reply_next(const void *bytes, cjson_cursor *cursor, cjson_element_fields *out);

// MARK: - Parts of a text that was scanned before

// These expect the range of a value that passed a strict scan; on anything else they stop early, still
// inside the range.

// The element at `index` of a route's actors; ABSENT when there is none.
cjson_value cjson_route_actor(const void *bytes, const cjson_route_fields *route, int64_t index);

// Walks the members of an object or the elements of an array in text order, repeated names included.
cjson_cursor cjson_container_begin(cjson_value container);
bool cjson_member_next(const void *bytes, cjson_cursor *cursor, cjson_member *out);
bool cjson_element_next(const void *bytes, cjson_cursor *cursor, cjson_value *out);

// Whether a member's name is none of those that the writer puts in place itself.
bool cjson_is_unknown_in_envelope(const void *bytes, cjson_value name);
bool cjson_is_unknown_in_route(const void *bytes, cjson_value name);

// MARK: - Tokens

// The value of an integer token, clamped to the range of int64_t.
int64_t cjson_integer(const void *bytes, cjson_value number);

// Decodes a string token to UTF-8: writes at most `capacity` bytes and returns how many the whole string
// has. Lone surrogates, and bytes that are not UTF-8, become U+FFFD. `out` may be NULL when capacity is 0.
size_t cjson_string_decode(const void *bytes, cjson_value string, void *out, size_t capacity);

// Compares the decoded contents of a string token with UTF-8 bytes, or with another token.
bool cjson_string_equals(const void *bytes, cjson_value string, const void *utf8, size_t count);
bool cjson_strings_equal(const void *a_bytes, cjson_value a, const void *b_bytes, cjson_value b);

// MARK: - Runs of bytes

// How many bytes at the start are valid UTF-8.
size_t cjson_utf8_prefix(const void *bytes, size_t count);

// How many bytes at the start may stand in a JSON string as they are: no quote, backslash or control byte.
size_t cjson_unescaped_prefix(const void *bytes, size_t count);

#endif
