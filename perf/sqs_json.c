#include "sqs_json.h"

#include <stdlib.h>
#include <string.h>

static const char *skip_space(const char *at, const char *end) {
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r' || *at == ',' || *at == ':')) at++;
    return at;
}

static const char *skip_string(const char *at, const char *end) {
    for (at++; at < end && *at != '"'; at++)
        if (*at == '\\') at++;
    return at < end ? at + 1 : end;
}

static const char *skip_value(const char *at, const char *end) {
    if (at >= end) return end;
    if (*at == '"') return skip_string(at, end);
    if (*at != '{' && *at != '[') {
        while (at < end && !strchr(",}] \t\r\n", *at)) at++;
        return at;
    }
    int depth = 0;
    while (at < end) {
        if (*at == '"') {
            at = skip_string(at, end);
            continue;
        }
        if (*at == '{' || *at == '[') depth++;
        if (*at == '}' || *at == ']') depth--;
        at++;
        if (depth == 0) return at;
    }
    return end;
}

static bool enter(struct json_range *rest, char opening) {
    const char *at = skip_space(rest->from, rest->to);
    if (at < rest->to && *at == opening) at = skip_space(at + 1, rest->to);
    rest->from = at;
    return at < rest->to && *at != '}' && *at != ']';
}

bool json_next_member(struct json_range *rest, struct json_range *name, struct json_range *value) {
    if (!enter(rest, '{') || *rest->from != '"') return false;
    name->from = rest->from;
    name->to = skip_string(rest->from, rest->to);
    value->from = skip_space(name->to, rest->to);
    value->to = skip_value(value->from, rest->to);
    rest->from = value->to;
    return value->from < value->to;
}

bool json_next_element(struct json_range *rest, struct json_range *value) {
    if (!enter(rest, '[')) return false;
    value->from = rest->from;
    value->to = skip_value(value->from, rest->to);
    rest->from = value->to;
    return value->from < value->to;
}

bool json_member(struct json_range object, const char *name, struct json_range *value) {
    struct json_range found;
    size_t bytes = strlen(name);
    while (json_next_member(&object, &found, value)) {
        struct json_range text = json_text(found);
        if ((size_t)(text.to - text.from) == bytes && memcmp(text.from, name, bytes) == 0) return true;
    }
    return false;
}

struct json_range json_text(struct json_range string) {
    if (string.to - string.from < 2) return (struct json_range){string.from, string.from};
    return (struct json_range){string.from + 1, string.to - 1};
}

long json_integer(struct json_range object, const char *name, long fallback) {
    struct json_range value;
    if (!json_member(object, name, &value)) return fallback;
    if (*value.from == '"') value = json_text(value);
    return strtol(value.from, NULL, 10);
}
