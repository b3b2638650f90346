#include "sample_envelope.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_ITEM = 96 };

bool sample_content_from_name(const char *name, enum sample_content *content) {
    static const char *const names[] = {"text", "numbers", "objects"};
    for (int index = 0; index < 3; index++) {
        if (strcmp(name, names[index]) == 0) {
            *content = (enum sample_content)index;
            return true;
        }
    }
    return false;
}

/// A fixed sequence, so that every run and every subject gets the same bytes.
static uint32_t next_random(uint32_t *state) {
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static void fill_text(char *to, size_t count, uint32_t *random) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ.0123456789";
    for (size_t index = 0; index < count; index++) to[index] = letters[next_random(random) & 63];
}

static size_t format_item(char *to, enum sample_content content, uint32_t *random) {
    uint32_t number = next_random(random);
    if (content == SAMPLE_NUMBERS) return (size_t)snprintf(to, LONGEST_ITEM, "0.%08u,", number % 100000000u);
    return (size_t)snprintf(
        to, LONGEST_ITEM, "{\"key\":%u,\"name\":\"item %u\",\"ok\":true},", number % 1000u, number % 99991u);
}

char *sample_payload(enum sample_content content, size_t byte_count) {
    char *payload = malloc(byte_count + LONGEST_ITEM);
    if (payload == NULL || byte_count < 2) {
        free(payload);
        return NULL;
    }
    uint32_t random = 20240229;
    size_t at = 0;
    bool is_array = content != SAMPLE_TEXT && byte_count >= 4;
    if (is_array) {
        payload[at++] = '[';
        while (byte_count - at > LONGEST_ITEM + 3) at += format_item(payload + at, content, &random);
    }
    // One string fills the rest exactly.
    size_t tail = is_array ? 1 : 0;
    payload[at++] = '"';
    fill_text(payload + at, byte_count - at - 1 - tail, &random);
    payload[byte_count - 1 - tail] = '"';
    if (is_array) payload[byte_count - 1] = ']';
    return payload;
}

size_t sample_envelope(char *to, const char *id, const char *actors, const char *payload, size_t payload_bytes) {
    char *at = to + sprintf(to, "{\"id\":\"%.128s\",\"route\":{\"actors\":[\"", id);
    for (const char *from = actors; *from != '\0' && from < actors + 256; from++) {
        if (*from == ',') {
            memcpy(at, "\",\"", 3);
            at += 3;
        } else {
            *at++ = *from;
        }
    }
    at += sprintf(at, "\"],\"current\":0},\"payload\":");
    memcpy(at, payload, payload_bytes);
    at += payload_bytes;
    *at++ = '}';
    return (size_t)(at - to);
}
