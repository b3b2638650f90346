// Values that may be long: numbers of any form, and containers.
#include "scan.h"

const uint8_t *cjson_fail_number(cjson_scan *scan, const uint8_t *at) {
    bool is_end = at == scan->end;
    return cjson_fail(scan, is_end ? CJSON_FAULT_UNEXPECTED_END : CJSON_FAULT_INVALID_NUMBER, at);
}

// A container that begins at `at`, with all it contains. Open levels are bits (1 = object), so nesting
// costs neither calls nor memory. Only the kind of the innermost level is needed between two brackets.
const uint8_t *cjson_skip_container(cjson_scan *scan, const uint8_t *at, uint32_t depth) {
    uint64_t objects[CJSON_MAX_DEPTH / 64];
    const uint8_t *end = scan->end;
    uint32_t level = 0;
    uint32_t flags = 0;
    cjson_kind kind;
    cjson_value name;
    uint8_t closer;

open:
    if (CJSON_UNLIKELY(depth + level >= CJSON_MAX_DEPTH)) return cjson_fail(scan, CJSON_FAULT_TOO_DEEP, at);
    closer = (uint8_t)(*at + 2); // '{' + 2 is '}', '[' + 2 is ']'
    if (level % 64 == 0) objects[level / 64] = 0;
    objects[level / 64] &= ~((uint64_t)1 << (level % 64));
    objects[level / 64] |= (uint64_t)(closer == '}') << (level % 64);
    level++;
    at = cjson_skip_space(at + 1, end);
    if (at < end && *at == closer) goto close;
    if (closer == '}') goto name;
value:
    if (CJSON_UNLIKELY(at == end)) return cjson_fail_here(scan, at);
    if (*at == '{' || *at == '[') goto open;
    at = cjson_skip_scalar(scan, at, &kind, &flags);
    if (CJSON_UNLIKELY(at == NULL)) return NULL;
next:
    at = cjson_skip_space(at, end);
    if (CJSON_UNLIKELY(at == end)) return cjson_fail_here(scan, at);
    if (*at == ',') {
        at = cjson_skip_space(at + 1, end);
        if (closer == ']') goto value;
        goto name;
    }
    if (CJSON_UNLIKELY(*at != closer)) return cjson_fail_here(scan, at);
close:
    at++;
    if (--level == 0) return at;
    closer = (objects[(level - 1) / 64] >> ((level - 1) % 64)) & 1 ? '}' : ']';
    goto next;
name:
    at = cjson_skip_name(scan, at, &name);
    if (CJSON_UNLIKELY(at == NULL)) return NULL;
    goto value;
}
