#include "sqs_queues.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct sqs_queue queues[SQS_MAX_QUEUES];

struct sqs_queue *sqs_at(size_t index) {
    return index < SQS_MAX_QUEUES && queues[index].exists ? &queues[index] : NULL;
}

struct sqs_queue *sqs_find(const char *name, size_t bytes) {
    for (size_t i = 0; i < SQS_MAX_QUEUES; i++)
        if (queues[i].exists && strlen(queues[i].name) == bytes && memcmp(queues[i].name, name, bytes) == 0)
            return &queues[i];
    return NULL;
}

struct sqs_queue *sqs_create(const char *name, size_t bytes) {
    struct sqs_queue *found = sqs_find(name, bytes);
    if (found != NULL || bytes > SQS_MAX_NAME) return found;
    for (size_t i = 0; i < SQS_MAX_QUEUES; i++) {
        if (queues[i].exists) continue;
        memset(&queues[i], 0, sizeof queues[i]);
        memcpy(queues[i].name, name, bytes);
        queues[i].exists = true;
        queues[i].first_visible = queues[i].last_visible = queues[i].first_free = -1;
        queues[i].default_visibility_ms = 30000;
        return &queues[i];
    }
    return NULL;
}

void sqs_delete_queue(struct sqs_queue *queue) {
    for (size_t i = 0; i < queue->slot_count; i++) free(queue->slots[i].body);
    free(queue->slots);
    memset(queue, 0, sizeof *queue);
    // Long polls may still look into it once.
    queue->first_visible = queue->last_visible = queue->first_free = -1;
}

static int hexadecimal(char digit) {
    if (digit >= '0' && digit <= '9') return digit - '0';
    return (digit | 32) - 'a' + 10;
}

static size_t put_utf8(unsigned char *to, unsigned code) {
    if (code < 0x80) return to[0] = (unsigned char)code, 1;
    if (code < 0x800) return to[0] = (unsigned char)(0xC0 | code >> 6), to[1] = (unsigned char)(0x80 | (code & 63)), 2;
    if (code < 0x10000) {
        to[0] = (unsigned char)(0xE0 | code >> 12), to[1] = (unsigned char)(0x80 | (code >> 6 & 63));
        return to[2] = (unsigned char)(0x80 | (code & 63)), 3;
    }
    to[0] = (unsigned char)(0xF0 | code >> 18), to[1] = (unsigned char)(0x80 | (code >> 12 & 63));
    return to[2] = (unsigned char)(0x80 | (code >> 6 & 63)), to[3] = (unsigned char)(0x80 | (code & 63)), 4;
}

static unsigned four_digits(const char *at) {
    unsigned value = 0;
    for (int i = 0; i < 4; i++) value = value << 4 | (unsigned)hexadecimal(at[i]);
    return value;
}

/// Unescapes the inside of a JSON string; the result is never longer.
static size_t unescape(const char *from, size_t bytes, unsigned char *to) {
    size_t count = 0;
    for (size_t i = 0; i < bytes; i++) {
        if (from[i] != '\\' || i + 1 >= bytes) {
            to[count++] = (unsigned char)from[i];
            continue;
        }
        char kind = from[++i];
        if (kind == 'u' && i + 4 < bytes) {
            unsigned code = four_digits(from + i + 1);
            i += 4;
            if (code >= 0xD800 && code < 0xDC00 && i + 6 < bytes && from[i + 1] == '\\' && from[i + 2] == 'u') {
                code = 0x10000 + ((code - 0xD800) << 10) + (four_digits(from + i + 3) - 0xDC00);
                i += 6;
            }
            count += put_utf8(to + count, code);
            continue;
        }
        static const char kinds[] = "bfnrt", values[] = "\b\f\n\r\t";
        const char *found = strchr(kinds, kind);
        to[count++] = (unsigned char)(found != NULL && kind != 0 ? values[found - kinds] : kind);
    }
    return count;
}

static void set_md5(struct sqs_message *message) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned char *plain = malloc(message->body_bytes + 1);
    if (plain == NULL) abort();
    size_t count = unescape(message->body, message->body_bytes, plain);
    EVP_Digest(plain, count, digest, NULL, EVP_md5(), NULL);
    free(plain);
    for (size_t i = 0; i < 16; i++) snprintf(message->md5 + 2 * i, 3, "%02x", digest[i]);
}

static void make_visible(struct sqs_queue *queue, struct sqs_message *message) {
    int64_t index = message - queue->slots;
    message->is_visible = true;
    message->next = -1;
    if (queue->last_visible >= 0) queue->slots[queue->last_visible].next = index;
    else queue->first_visible = index;
    queue->last_visible = index;
    queue->visible++;
}

struct sqs_message *sqs_send(struct sqs_queue *queue, const char *body, size_t bytes, int64_t now_ms) {
    int64_t index = queue->first_free;
    if (index >= 0) {
        queue->first_free = queue->slots[index].next;
    } else {
        if (queue->slot_count == queue->slot_capacity) {
            queue->slot_capacity = queue->slot_capacity ? queue->slot_capacity * 2 : 1024;
            queue->slots = realloc(queue->slots, queue->slot_capacity * sizeof *queue->slots);
            if (queue->slots == NULL) abort();
        }
        index = (int64_t)queue->slot_count++;
        memset(&queue->slots[index], 0, sizeof queue->slots[index]);
    }
    struct sqs_message *message = &queue->slots[index];
    uint32_t generation = message->generation + 1;
    memset(message, 0, sizeof *message);
    message->generation = generation;
    message->body = malloc(bytes + 1);
    if (message->body == NULL) abort();
    memcpy(message->body, body, bytes);
    message->body_bytes = bytes;
    message->is_used = true;
    message->sent_ms = now_ms;
    set_md5(message);
    queue->used++;
    queue->sent_total++;
    make_visible(queue, message);
    return message;
}

static struct sqs_message *pop_visible(struct sqs_queue *queue) {
    while (queue->first_visible >= 0) {
        struct sqs_message *message = &queue->slots[queue->first_visible];
        queue->first_visible = message->next;
        if (queue->first_visible < 0) queue->last_visible = -1;
        message->is_visible = false;
        queue->visible--;
        if (message->is_used) return message;
    }
    return NULL;
}

struct sqs_message *sqs_receive(struct sqs_queue *queue, int64_t visibility_ms, int64_t now_ms) {
    struct sqs_message *message;
    while ((message = pop_visible(queue)) != NULL) {
        if (queue->max_receives > 0 && message->receives >= queue->max_receives) {
            struct sqs_queue *dead = sqs_find(queue->dead_letter_name, strlen(queue->dead_letter_name));
            if (dead != NULL && dead != queue) sqs_send(dead, message->body, message->body_bytes, now_ms);
            sqs_delete(queue, message);
            continue;
        }
        message->receives++;
        message->visible_ms = now_ms + visibility_ms;
        if (visibility_ms == 0) make_visible(queue, message);
        return message;
    }
    return NULL;
}

void sqs_handle(const struct sqs_queue *queue, const struct sqs_message *message, char *to) {
    snprintf(to, 65, "h-%lld-%u-%u-%032d", (long long)(message - queue->slots), message->generation, message->receives,
             0);
}

struct sqs_message *sqs_by_handle(struct sqs_queue *queue, const char *handle, size_t bytes) {
    char text[80];
    long long index;
    unsigned generation, receives;
    if (bytes >= sizeof text) return NULL;
    memcpy(text, handle, bytes);
    text[bytes] = 0;
    if (sscanf(text, "h-%lld-%u-%u-", &index, &generation, &receives) != 3) return NULL;
    if (index < 0 || (size_t)index >= queue->slot_count) return NULL;
    struct sqs_message *message = &queue->slots[index];
    bool fits = message->is_used && message->generation == generation && message->receives == receives;
    return fits ? message : NULL;
}

void sqs_delete(struct sqs_queue *queue, struct sqs_message *message) {
    free(message->body);
    message->body = NULL;
    message->is_used = false;
    queue->used--;
    queue->deleted_total++;
    // A visible one stays in its list until it is popped; its slot is not used again.
    if (message->is_visible) return;
    message->next = queue->first_free;
    queue->first_free = message - queue->slots;
}

void sqs_change_visibility(struct sqs_queue *queue, struct sqs_message *message, int64_t visibility_ms,
                           int64_t now_ms) {
    message->visible_ms = now_ms + visibility_ms;
    if (visibility_ms == 0 && !message->is_visible) make_visible(queue, message);
}

size_t sqs_expire(struct sqs_queue *queue, int64_t now_ms) {
    size_t count = 0;
    if (queue->used == queue->visible) return 0;
    for (size_t i = 0; i < queue->slot_count; i++) {
        struct sqs_message *message = &queue->slots[i];
        if (!message->is_used || message->is_visible || message->visible_ms > now_ms) continue;
        make_visible(queue, message);
        count++;
    }
    return count;
}
