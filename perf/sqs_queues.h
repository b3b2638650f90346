/// The queues of the SQS stand-in: messages with visibility timeouts and receive counts, in memory, standard queues
/// only. Bodies stay as they came, as the inside of a JSON string: they are never unescaped but for their MD5.
#ifndef ASYA_PERF_SQS_QUEUES_H
#define ASYA_PERF_SQS_QUEUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SQS_MAX_QUEUES = 64, SQS_MAX_NAME = 80 };

struct sqs_message {
    char *body;  // JSON text between the quotes
    size_t body_bytes;
    char md5[33];
    uint32_t generation;  // of the slot: an old receipt handle does not fit a new message
    uint32_t receives;
    int64_t sent_ms, visible_ms;
    int64_t next;  // in the list of visible messages, or -1
    bool is_used, is_visible;
};

struct sqs_queue {
    char name[SQS_MAX_NAME + 1];
    bool exists;
    struct sqs_message *slots;
    size_t slot_count, slot_capacity, used, visible;
    int64_t first_visible, last_visible, first_free;
    uint64_t sent_total, deleted_total;
    // Redrive policy; 0 receives: none.
    char dead_letter_name[SQS_MAX_NAME + 1];
    uint32_t max_receives;
    int64_t default_visibility_ms;
};

struct sqs_queue *sqs_find(const char *name, size_t bytes);
/// Makes the queue when it does not exist; NULL when there are too many or the name is too long.
struct sqs_queue *sqs_create(const char *name, size_t bytes);
/// Forgets its messages; the name may be created again.
void sqs_delete_queue(struct sqs_queue *queue);
struct sqs_queue *sqs_at(size_t index);

/// `body` is copied.
struct sqs_message *sqs_send(struct sqs_queue *queue, const char *body, size_t bytes, int64_t now_ms);
/// The next visible message, hidden for `visibility_ms`; NULL when there is none.
struct sqs_message *sqs_receive(struct sqs_queue *queue, int64_t visibility_ms, int64_t now_ms);
/// The message of a receipt handle, or NULL when it was deleted or received again.
struct sqs_message *sqs_by_handle(struct sqs_queue *queue, const char *handle, size_t bytes);
/// Writes at most 64 bytes and a zero.
void sqs_handle(const struct sqs_queue *queue, const struct sqs_message *message, char *to);
void sqs_delete(struct sqs_queue *queue, struct sqs_message *message);
void sqs_change_visibility(struct sqs_queue *queue, struct sqs_message *message, int64_t visibility_ms, int64_t now_ms);
/// Makes messages visible whose time is over; returns how many.
size_t sqs_expire(struct sqs_queue *queue, int64_t now_ms);

#endif
