// Objects of the protocol: which member goes where, and the walks over envelopes, routes and replies.
#include "scan.h"

static const cjson_value absent = {0, 0, CJSON_KIND_ABSENT, 0};

// Longest name we know is "parent_id". A name with escapes is decoded before it is compared.
#define LONGEST_NAME 9u

CJSON_INLINE bool names(const uint8_t *name, const char *literal, size_t count) {
    return memcmp(name, literal, count) == 0;
}

CJSON_INLINE cjson_value *envelope_slot(void *fields, const uint8_t *name, size_t count) {
    cjson_envelope_fields *out = fields;
    switch (count) {
    case 2: return names(name, "id", 2) ? &out->id : NULL;
    case 5: return names(name, "route", 5) ? &out->route : NULL;
    case 7: return names(name, "payload", 7) ? &out->payload : names(name, "headers", 7) ? &out->headers : NULL;
    case 8:
        if (!names(name, "deadline", 8)) return NULL;
        out->unknown_count++; // carried along like an unknown member (envelope.md 11)
        return &out->deadline;
    case 9: return names(name, "parent_id", 9) ? &out->parent_id : NULL;
    default: return NULL;
    }
}

CJSON_INLINE cjson_value *route_slot(void *fields, const uint8_t *name, size_t count) {
    cjson_route_fields *out = fields;
    switch (count) {
    case 6: return names(name, "actors", 6) ? &out->actors : NULL;
    case 7: return names(name, "current", 7) ? &out->current : NULL;
    case 8: return names(name, "metadata", 8) ? &out->metadata : NULL;
    default: return NULL;
    }
}

CJSON_INLINE cjson_value *element_slot(void *fields, const uint8_t *name, size_t count) {
    cjson_element_fields *out = fields;
    switch (count) {
    case 5: return names(name, "route", 5) ? &out->route : names(name, "error", 5) ? &out->error : NULL;
    case 7:
        if (names(name, "payload", 7)) return &out->payload;
        if (names(name, "headers", 7)) return &out->headers;
        if (names(name, "details", 7)) return &out->details;
        return names(name, "metrics", 7) ? &out->metrics : NULL;
    default: return NULL;
    }
}

typedef cjson_value *slot_of(void *fields, const uint8_t *name, size_t count);

CJSON_INLINE cjson_value *find_slot(const uint8_t *bytes, cjson_value name, void *fields, slot_of *slot) {
    if (CJSON_LIKELY(!(name.flags & CJSON_FLAG_ESCAPES))) {
        return slot(fields, bytes + name.start + 1, name.end - name.start - 2);
    }
    uint8_t decoded[LONGEST_NAME];
    size_t count = cjson_string_decode(bytes, name, decoded, sizeof decoded);
    return count <= sizeof decoded ? slot(fields, decoded, count) : NULL;
}

// How the value of a member is scanned once its place is known.
typedef const uint8_t *scan_of(cjson_scan *scan, const uint8_t *at, uint32_t depth, void *fields,
                               const cjson_value *place, cjson_value *value);

// An object from behind its '{' to behind its '}'; `slot` and `scan_value` are constants, so that each caller
// gets its own copy.
CJSON_INLINE const uint8_t *scan_members(cjson_scan *scan, const uint8_t *at, uint32_t depth, void *fields,
                                         slot_of *slot, scan_of *scan_value, uint32_t *unknown_count) {
    const uint8_t *end = scan->end;
    at = cjson_skip_space(at, end);
    if (at < end && *at == '}') return at + 1;
    for (;;) {
        cjson_value name;
        cjson_value value;
        at = cjson_skip_name(scan, at, &name);
        if (CJSON_UNLIKELY(at == NULL)) return NULL;
        cjson_value *place = find_slot(scan->base, name, fields, slot);
        at = scan_value(scan, at, depth, fields, place, &value);
        if (CJSON_UNLIKELY(at == NULL)) return NULL;
        if (place != NULL) {
            *place = value;
        } else {
            ++*unknown_count;
        }
        at = cjson_skip_space(at, end);
        if (CJSON_UNLIKELY(at == end)) return cjson_fail_here(scan, at);
        if (*at != ',') return *at == '}' ? at + 1 : cjson_fail_here(scan, at);
        at = cjson_skip_space(at + 1, end);
    }
}

static void value_set(cjson_value *out, const cjson_scan *scan, const uint8_t *start, const uint8_t *end) {
    out->start = (uint32_t)(start - scan->base);
    out->end = (uint32_t)(end - scan->base);
    out->kind = *start == '{' ? CJSON_KIND_OBJECT : CJSON_KIND_ARRAY;
    out->flags = cjson_skip_space(start + 1, end) == end - 1 ? CJSON_FLAG_EMPTY : 0;
}

// MARK: - Routes

// The actors of a route, an array: its elements are counted, and the first ones noted.
CJSON_INLINE const uint8_t *scan_actors(cjson_scan *scan, const uint8_t *at, uint32_t depth, cjson_route_fields *out) {
    const uint8_t *end = scan->end;
    if (CJSON_UNLIKELY(depth >= CJSON_MAX_DEPTH)) return cjson_fail(scan, CJSON_FAULT_TOO_DEEP, at);
    at = cjson_skip_space(at + 1, end);
    if (at < end && *at == ']') return at + 1;
    for (;;) {
        cjson_value element;
        at = cjson_skip_value(scan, at, depth + 1, &element);
        if (CJSON_UNLIKELY(at == NULL)) return NULL;
        if (element.kind != CJSON_KIND_STRING && out->other_actor == 0) out->other_actor = element.start;
        if (out->actor_count < CJSON_NOTED_ACTORS) out->noted_actors[out->actor_count] = element.start;
        out->actor_count++;
        at = cjson_skip_space(at, end);
        if (CJSON_UNLIKELY(at == end)) return cjson_fail_here(scan, at);
        if (*at != ',') return *at == ']' ? at + 1 : cjson_fail_here(scan, at);
        at = cjson_skip_space(at + 1, end);
    }
}

CJSON_INLINE const uint8_t *scan_route_value(cjson_scan *scan, const uint8_t *at, uint32_t depth, void *fields,
                                             const cjson_value *place, cjson_value *value) {
    cjson_route_fields *route = fields;
    if (place != &route->actors) return cjson_skip_value(scan, at, depth, value);
    route->actor_count = 0;
    route->other_actor = 0;
    if (at == scan->end || *at != '[') return cjson_skip_value(scan, at, depth, value);
    const uint8_t *start = at;
    at = scan_actors(scan, at, depth, route);
    if (CJSON_LIKELY(at != NULL)) value_set(value, scan, start, at);
    return at;
}

// The value of a member `route`. Not inlined: envelopes and elements share it.
static __attribute__((noinline)) const uint8_t *scan_route(cjson_scan *scan, const uint8_t *at, uint32_t depth,
                                                           cjson_route_fields *out, cjson_value *value) {
    *out = (cjson_route_fields){0};
    if (at == scan->end || *at != '{') return cjson_skip_value(scan, at, depth, value);
    const uint8_t *start = at;
    at = scan_members(scan, at + 1, depth + 1, out, route_slot, scan_route_value, &out->unknown_count);
    if (CJSON_LIKELY(at != NULL)) value_set(value, scan, start, at);
    return at;
}

cjson_value cjson_route_actor(const void *bytes, const cjson_route_fields *route, int64_t index) {
    if (index < 0 || index >= (int64_t)route->actor_count) return absent;
    cjson_cursor cursor = cjson_container_begin(route->actors);
    int64_t skipped = 0;
    if (index < (int64_t)CJSON_NOTED_ACTORS) {
        cursor.position = route->noted_actors[index];
        skipped = index;
    }
    cjson_value actor = absent;
    while (skipped <= index && cjson_element_next(bytes, &cursor, &actor)) skipped++;
    return actor;
}

// MARK: - Envelopes and reply elements

CJSON_INLINE const uint8_t *scan_envelope_value(cjson_scan *scan, const uint8_t *at, uint32_t depth, void *fields,
                                                const cjson_value *place, cjson_value *value) {
    cjson_envelope_fields *out = fields;
    if (place == &out->route) return scan_route(scan, at, depth, &out->route_fields, value);
    return cjson_skip_value(scan, at, depth, value);
}

CJSON_INLINE const uint8_t *scan_element_value(cjson_scan *scan, const uint8_t *at, uint32_t depth, void *fields,
                                               const cjson_value *place, cjson_value *value) {
    cjson_element_fields *out = fields;
    if (place == &out->route) return scan_route(scan, at, depth, &out->route_fields, value);
    return cjson_skip_value(scan, at, depth, value);
}

// A value whose members are wanted when it is an object; `top` gets its range.
CJSON_INLINE const uint8_t *scan_object(cjson_scan *scan, const uint8_t *at, uint32_t depth, cjson_value *top,
                                        void *fields, slot_of *slot, scan_of *scan_value, uint32_t *unknown_count) {
    if (at == scan->end || *at != '{') return cjson_skip_value(scan, at, depth, top);
    const uint8_t *start = at;
    at = scan_members(scan, at + 1, depth + 1, fields, slot, scan_value, unknown_count);
    if (CJSON_LIKELY(at != NULL)) value_set(top, scan, start, at);
    return at;
}

static cjson_status status_of(const cjson_scan *scan) {
    cjson_status status = {scan->fault, 0};
    if (scan->fault != CJSON_FAULT_NONE) status.offset = (uint32_t)(scan->fault_at - scan->base);
    return status;
}

static bool scan_make(cjson_scan *scan, const void *bytes, size_t count, uint32_t options) {
    // Swift hands over NULL for an empty buffer; offsets need a place to count from.
    static const uint8_t nothing = 0;
    const uint8_t *base = bytes != NULL ? bytes : &nothing;
    bool is_too_long = count > CJSON_MAX_BYTES;
    *scan = (cjson_scan){base, base + (is_too_long ? 0 : count), base, CJSON_FAULT_NONE, options, false};
    if (is_too_long) scan->fault = CJSON_FAULT_TOO_LONG;
    return !is_too_long;
}

// Only white space may follow the value of a text.
static const uint8_t *scan_rest(cjson_scan *scan, const uint8_t *at) {
    at = cjson_skip_space(at, scan->end);
    return at == scan->end ? at : cjson_fail(scan, CJSON_FAULT_TRAILING_BYTE, at);
}

cjson_status cjson_scan_envelope(const void *bytes, size_t count, uint32_t options, cjson_envelope_fields *out) {
    *out = (cjson_envelope_fields){0};
    cjson_scan scan;
    if (!scan_make(&scan, bytes, count, options)) return status_of(&scan);
    const uint8_t *at = cjson_skip_space(scan.base, scan.end);
    at = scan_object(&scan, at, 0, &out->top, out, envelope_slot, scan_envelope_value,
                     &out->unknown_count);
    if (at != NULL) scan_rest(&scan, at);
    out->has_invalid_utf8 = scan.has_invalid_utf8;
    return status_of(&scan);
}

cjson_status cjson_scan_text(const void *bytes, size_t count, cjson_value *out) {
    *out = absent;
    cjson_scan scan;
    if (!scan_make(&scan, bytes, count, 0)) return status_of(&scan);
    const uint8_t *at = cjson_skip_value(&scan, cjson_skip_space(scan.base, scan.end), 0, out);
    if (at != NULL) scan_rest(&scan, at);
    return status_of(&scan);
}

// MARK: - Replies

cjson_status cjson_reply_begin(const void *bytes, size_t count, cjson_cursor *cursor, cjson_kind *top) {
    *top = CJSON_KIND_ABSENT;
    *cursor = (cjson_cursor){0, 0, 0, 0, true};
    cjson_scan scan;
    if (!scan_make(&scan, bytes, count, 0)) return status_of(&scan);
    cursor->count = (uint32_t)count;
    const uint8_t *at = cjson_skip_space(scan.base, scan.end);
    if (at < scan.end && *at == '[') {
        cursor->position = (uint32_t)(at + 1 - scan.base);
        *top = CJSON_KIND_ARRAY;
        return status_of(&scan);
    }
    cjson_value value;
    at = cjson_skip_value(&scan, at, 0, &value);
    if (at != NULL && scan_rest(&scan, at) != NULL) *top = value.kind;
    return status_of(&scan);
}

// The place of the next element, or of the closing bracket, behind the comma that must stand between.
static const uint8_t *next_in_array(cjson_scan *scan, const uint8_t *at, bool is_first) {
    at = cjson_skip_space(at, scan->end);
    if (at < scan->end && *at == ']') return at;
    if (is_first) return at;
    if (at == scan->end || *at != ',') return cjson_fail_here(scan, at);
    at = cjson_skip_space(at + 1, scan->end);
    if (at < scan->end && *at == ']') return cjson_fail_here(scan, at);
    return at;
}

cjson_status cjson_reply_next(const void *bytes, cjson_cursor *cursor, cjson_element_fields *out) {
    *out = (cjson_element_fields){0};
    cjson_scan scan;
    if (!scan_make(&scan, bytes, cursor->count, 0)) return status_of(&scan);
    const uint8_t *at = next_in_array(&scan, scan.base + cursor->position, cursor->is_at_first);
    cursor->is_at_first = false;
    if (at == NULL) return status_of(&scan);
    if (at < scan.end && *at == ']') {
        scan_rest(&scan, at + 1);
        return status_of(&scan);
    }
    at = scan_object(&scan, at, 1, &out->top, out, element_slot, scan_element_value,
                     &out->unknown_count);
    if (at != NULL) cursor->position = (uint32_t)(at - scan.base);
    return status_of(&scan);
}

// MARK: - Parts scanned before

static cjson_scan rescan_make(const void *bytes, uint32_t end) {
    const uint8_t *base = bytes;
    // What was accepted once must be accepted again, salvaged texts included.
    uint32_t options = CJSON_OPTION_TOLERATE_INVALID_UTF8;
    return (cjson_scan){base, base + end, base, CJSON_FAULT_NONE, options, false};
}

cjson_cursor cjson_container_begin(cjson_value container) {
    bool is_container = container.kind == CJSON_KIND_OBJECT || container.kind == CJSON_KIND_ARRAY;
    uint32_t start = is_container ? container.start + 1 : container.end;
    return (cjson_cursor){start, container.end, 0, 0, true};
}

// Steps over the comma before a member or element; false at the end of the container.
static bool cursor_advance(cjson_scan *scan, cjson_cursor *cursor, const uint8_t **at) {
    const uint8_t *place = cjson_skip_space(scan->base + cursor->position, scan->end);
    if (!cursor->is_at_first && place < scan->end && *place == ',') {
        place = cjson_skip_space(place + 1, scan->end);
    }
    cursor->is_at_first = false;
    *at = place;
    return place < scan->end && *place != '}' && *place != ']';
}

bool cjson_member_next(const void *bytes, cjson_cursor *cursor, cjson_member *out) {
    cjson_scan scan = rescan_make(bytes, cursor->count);
    const uint8_t *at = NULL;
    if (!cursor_advance(&scan, cursor, &at)) return false;
    at = cjson_skip_name(&scan, at, &out->name);
    if (at == NULL) return false;
    uint32_t start = (uint32_t)(at - scan.base);
    if (start == cursor->jump_start && cursor->jump_end > start && cursor->jump_end <= cursor->count) {
        out->value = (cjson_value){start, cursor->jump_end, CJSON_KIND_ABSENT, 0};
        cursor->position = cursor->jump_end;
        return true;
    }
    at = cjson_skip_value(&scan, at, 0, &out->value);
    if (at == NULL) return false;
    cursor->position = (uint32_t)(at - scan.base);
    return true;
}

bool cjson_element_next(const void *bytes, cjson_cursor *cursor, cjson_value *out) {
    cjson_scan scan = rescan_make(bytes, cursor->count);
    const uint8_t *at = NULL;
    if (!cursor_advance(&scan, cursor, &at)) return false;
    at = cjson_skip_value(&scan, at, 0, out);
    if (at == NULL) return false;
    cursor->position = (uint32_t)(at - scan.base);
    return true;
}

bool cjson_is_unknown_in_envelope(const void *bytes, cjson_value name) {
    cjson_envelope_fields fields = {0};
    cjson_value *place = find_slot(bytes, name, &fields, envelope_slot);
    return place == NULL || place == &fields.deadline;
}

bool cjson_is_unknown_in_route(const void *bytes, cjson_value name) {
    cjson_route_fields fields = {0};
    return find_slot(bytes, name, &fields, route_slot) == NULL;
}

// MARK: - Numbers

int64_t cjson_integer(const void *bytes, cjson_value number) {
    const uint8_t *at = (const uint8_t *)bytes + number.start;
    const uint8_t *end = (const uint8_t *)bytes + number.end;
    bool is_negative = at < end && *at == '-';
    if (is_negative) at++;
    // Counted downwards, because the negative range is the larger one.
    int64_t value = 0;
    for (; at < end && *at >= '0' && *at <= '9'; at++) {
        if (__builtin_mul_overflow(value, (int64_t)10, &value) ||
            __builtin_sub_overflow(value, (int64_t)(*at - '0'), &value)) {
            return is_negative ? INT64_MIN : INT64_MAX;
        }
    }
    if (is_negative) return value;
    return value == INT64_MIN ? INT64_MAX : -value;
}
