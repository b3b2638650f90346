// libFuzzer target over the whole scanner. Beyond memory errors it looks for wrong answers: every decision is
// compared with reference.c, every range is scanned again by itself, and members are found a second way.
#include "CJSONScanner.h"
#include "reference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                      \
    do {                                                                                      \
        if (!(condition)) {                                                                   \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);    \
            abort();                                                                          \
        }                                                                                     \
    } while (0)

static void check_fault(cjson_status status, size_t count) {
    CHECK(status.offset <= count);
    if (status.fault == CJSON_FAULT_UNEXPECTED_END) CHECK(status.offset == count);
    if (status.fault == CJSON_FAULT_NONE) CHECK(status.offset == 0);
}

static bool same(cjson_value a, cjson_value b) {
    return a.start == b.start && a.end == b.end && a.kind == b.kind && a.flags == b.flags;
}

// A string token: decoding twice gives the same, and comparing agrees with decoding.
static void check_string(const uint8_t *bytes, cjson_value token) {
    size_t count = cjson_string_decode(bytes, token, NULL, 0);
    CHECK(count <= 3 * (size_t)(token.end - token.start));
    uint8_t *decoded = malloc(count + 1);
    CHECK(decoded != NULL);
    CHECK(cjson_string_decode(bytes, token, decoded, count) == count);
    CHECK(cjson_utf8_prefix(decoded, count) == count);
    // A token that is not UTF-8 itself equals no valid text; that happens only in salvaged envelopes.
    bool is_utf8 = cjson_utf8_prefix(bytes + token.start, token.end - token.start) == token.end - token.start;
    if (is_utf8) {
        CHECK(cjson_string_equals(bytes, token, decoded, count));
        CHECK(cjson_strings_equal(bytes, token, bytes, token));
        if (count > 0) CHECK(!cjson_string_equals(bytes, token, decoded, count - 1));
        decoded[count] = 'x';
        CHECK(!cjson_string_equals(bytes, token, decoded, count + 1));
    }
    free(decoded);
}

static void check_value(const uint8_t *bytes, size_t count, cjson_value value, bool is_strict) {
    if (value.kind == CJSON_KIND_ABSENT) return;
    CHECK(value.start < value.end && value.end <= count);
    cjson_value again;
    if (is_strict) {
        cjson_status status = cjson_scan_text(bytes + value.start, value.end - value.start, &again);
        CHECK(status.fault == CJSON_FAULT_NONE);
        CHECK(again.start == 0 && again.end == value.end - value.start);
        CHECK(again.kind == value.kind && again.flags == value.flags);
    }
    if (value.kind == CJSON_KIND_STRING) check_string(bytes, value);
    if (value.kind == CJSON_KIND_NUMBER) cjson_integer(bytes, value);
}

static void check_route(const uint8_t *bytes, size_t count, cjson_value route, const cjson_route_fields *fields,
                        bool is_strict) {
    if (route.kind != CJSON_KIND_OBJECT) return;
    check_value(bytes, count, fields->actors, is_strict);
    check_value(bytes, count, fields->current, is_strict);
    check_value(bytes, count, fields->metadata, is_strict);
    cjson_cursor cursor = cjson_container_begin(route);
    cjson_member member;
    uint32_t unknown = 0;
    while (cjson_member_next(bytes, &cursor, &member)) unknown += cjson_is_unknown_in_route(bytes, member.name);
    CHECK(unknown == fields->unknown_count);
    if (fields->actors.kind != CJSON_KIND_ARRAY) return;
    cursor = cjson_container_begin(fields->actors);
    cjson_value element;
    uint32_t index = 0;
    uint32_t other = 0;
    for (; cjson_element_next(bytes, &cursor, &element); index++) {
        if (element.kind != CJSON_KIND_STRING && other == 0) other = element.start;
        if (index < 20 || index % 97 == 0) CHECK(same(cjson_route_actor(bytes, fields, index), element));
    }
    CHECK(index == fields->actor_count && other == fields->other_actor);
    CHECK(cjson_route_actor(bytes, fields, index).kind == CJSON_KIND_ABSENT);
    CHECK(cjson_route_actor(bytes, fields, -1).kind == CJSON_KIND_ABSENT);
    CHECK(cjson_route_actor(bytes, fields, INT64_MIN).kind == CJSON_KIND_ABSENT);
    CHECK(cjson_route_actor(bytes, fields, INT64_MAX).kind == CJSON_KIND_ABSENT);
}

// The last member with a name, found by decoding every name.
static cjson_value last_named(const uint8_t *bytes, cjson_value object, const char *name) {
    cjson_cursor cursor = cjson_container_begin(object);
    cjson_member member;
    cjson_value found = {0, 0, CJSON_KIND_ABSENT, 0};
    uint8_t decoded[16];
    while (cjson_member_next(bytes, &cursor, &member)) {
        check_string(bytes, member.name);
        size_t count = cjson_string_decode(bytes, member.name, decoded, sizeof decoded);
        if (count == strlen(name) && memcmp(decoded, name, count) == 0) found = member.value;
    }
    return found;
}

static void check_fields(const uint8_t *bytes, size_t count, const cjson_envelope_fields *fields, bool is_strict) {
    const struct {
        const char *name;
        cjson_value value;
    } known[] = {
        {"id", fields->id},           {"parent_id", fields->parent_id}, {"route", fields->route},
        {"headers", fields->headers}, {"payload", fields->payload},     {"deadline", fields->deadline},
    };
    if (fields->top.kind != CJSON_KIND_OBJECT) return;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        CHECK(same(known[i].value, last_named(bytes, fields->top, known[i].name)));
        check_value(bytes, count, known[i].value, is_strict);
    }
    check_route(bytes, count, fields->route, &fields->route_fields, is_strict);
    cjson_cursor cursor = cjson_container_begin(fields->top);
    cursor.jump_start = fields->payload.start;
    cursor.jump_end = fields->payload.end;
    cjson_member member;
    uint32_t unknown = 0;
    while (cjson_member_next(bytes, &cursor, &member)) unknown += cjson_is_unknown_in_envelope(bytes, member.name);
    CHECK(unknown == fields->unknown_count);
}

static void check_envelope(const uint8_t *bytes, size_t count, bool is_valid) {
    cjson_envelope_fields fields;
    cjson_status status = cjson_scan_envelope(bytes, count, 0, &fields);
    check_fault(status, count);
    CHECK((status.fault == CJSON_FAULT_NONE) == is_valid);
    if (is_valid) {
        check_value(bytes, count, fields.top, true);
        check_fields(bytes, count, &fields, true);
    }
    cjson_envelope_fields tolerant;
    cjson_status salvaged = cjson_scan_envelope(bytes, count, CJSON_OPTION_TOLERATE_INVALID_UTF8, &tolerant);
    check_fault(salvaged, count);
    if (is_valid) {
        CHECK(salvaged.fault == CJSON_FAULT_NONE && !tolerant.has_invalid_utf8);
        CHECK(same(tolerant.id, fields.id) && same(tolerant.payload, fields.payload));
    } else if (salvaged.fault == CJSON_FAULT_NONE) {
        CHECK(tolerant.has_invalid_utf8 && status.fault == CJSON_FAULT_INVALID_UTF8);
        check_fields(bytes, count, &tolerant, false);
    }
}

static void check_reply(const uint8_t *bytes, size_t count, bool is_valid) {
    cjson_cursor cursor;
    cjson_kind top;
    cjson_status status = cjson_reply_begin(bytes, count, &cursor, &top);
    check_fault(status, count);
    if (status.fault != CJSON_FAULT_NONE || top != CJSON_KIND_ARRAY) {
        CHECK((status.fault == CJSON_FAULT_NONE) == is_valid);
        return;
    }
    cjson_element_fields fields;
    for (;;) {
        status = cjson_reply_next(bytes, &cursor, &fields);
        check_fault(status, count);
        if (status.fault != CJSON_FAULT_NONE) {
            CHECK(!is_valid);
            return;
        }
        if (fields.top.kind == CJSON_KIND_ABSENT) break;
        check_value(bytes, count, fields.top, true);
        if (fields.top.kind != CJSON_KIND_OBJECT) continue;
        CHECK(same(fields.payload, last_named(bytes, fields.top, "payload")));
        CHECK(same(fields.headers, last_named(bytes, fields.top, "headers")));
        CHECK(same(fields.error, last_named(bytes, fields.top, "error")));
        CHECK(same(fields.details, last_named(bytes, fields.top, "details")));
        CHECK(same(fields.metrics, last_named(bytes, fields.top, "metrics")));
        CHECK(same(fields.route, last_named(bytes, fields.top, "route")));
        check_route(bytes, count, fields.route, &fields.route_fields, true);
    }
    CHECK(is_valid);
}

static void check_runs(const uint8_t *bytes, size_t count) {
    size_t valid = cjson_utf8_prefix(bytes, count);
    size_t plain = cjson_unescaped_prefix(bytes, count);
    CHECK(valid <= count && plain <= count);
    if (plain < count) CHECK(bytes[plain] < ' ' || bytes[plain] == '"' || bytes[plain] == '\\');
    if (valid < count) CHECK(bytes[valid] >= 0x80);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count) {
    bool is_valid = reference_accepts(data, count, CJSON_MAX_DEPTH);
    cjson_value value;
    cjson_status status = cjson_scan_text(data, count, &value);
    check_fault(status, count);
    CHECK((status.fault == CJSON_FAULT_NONE) == is_valid);
    check_envelope(data, count, is_valid);
    check_reply(data, count, is_valid);
    check_runs(data, count);
    return 0;
}
