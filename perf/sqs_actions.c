/// What the calls of the SQS API do, for the stand-in. Only what the sidecar uses, in the JSON 1.0 protocol.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sample_envelope.h"
#include "sqs_stand_in.h"

struct statistics statistics;
struct settings settings = {.creates_queues = false};
static bool has_news;

enum action { SEND, RECEIVE, DELETE, VISIBILITY, URL, CREATE, DROP, ATTRIBUTES, PURGE };
static const char *const action_names[] = {
    "SendMessage", "ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility", "GetQueueUrl",
    "CreateQueue", "DeleteQueue",    "GetQueueAttributes", "PurgeQueue"};

void text_append(struct text *to, const void *bytes, size_t count) {
    if (to->count + count > to->capacity) {
        while (to->capacity < to->count + count) to->capacity = to->capacity ? to->capacity * 2 : 4096;
        to->bytes = realloc(to->bytes, to->capacity);
        if (to->bytes == NULL) abort();
    }
    memcpy(to->bytes + to->count, bytes, count);
    to->count += count;
}

void text_format(struct text *to, const char *format, ...) {
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    int count = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    text_append(to, line, count < (int)sizeof line ? (size_t)count : sizeof line - 1);
}

int64_t sqs_now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool sqs_take_news(void) {
    bool had = has_news;
    has_news = false;
    return had;
}

// -- Marks of the watched queue

static int64_t clock_ns(clockid_t clock) {
    struct timespec now;
    if (clock_gettime(clock, &now) != 0) return 0;
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void note_arrival(struct sqs_queue *queue) {
    has_news = true;
    if (queue != statistics.watched) return;
    bool is_first = queue->sent_total == statistics.first_mark, is_last = queue->sent_total == statistics.last_mark;
    if (!is_first && !is_last) return;
    clockid_t clock;
    int64_t cpu = statistics.watched_pid > 0 && clock_getcpuclockid(statistics.watched_pid, &clock) == 0
                      ? clock_ns(clock) : 0;
    if (is_first) {
        statistics.first_ns = clock_ns(CLOCK_MONOTONIC), statistics.first_cpu_ns = cpu;
        statistics.first_requests = statistics.requests;
    }
    if (is_last) {
        statistics.last_ns = clock_ns(CLOCK_MONOTONIC), statistics.last_cpu_ns = cpu;
        statistics.last_requests = statistics.requests;
    }
}

// -- Calls

static enum outcome refuse(struct text *answer, const char *code, const char *message) {
    text_format(answer, "{\"__type\":\"com.amazonaws.sqs#%s\",\"message\":\"%s\"}", code, message);
    return REFUSED;
}

static struct sqs_queue *named(struct json_range body, const char *member) {
    struct json_range value;
    if (!json_member(body, member, &value)) return NULL;
    struct json_range text = json_text(value);
    const char *name = text.to;
    while (name > text.from && name[-1] != '/') name--;
    return sqs_find(name, (size_t)(text.to - name));
}

static void write_url(struct text *answer, const struct sqs_queue *queue) {
    text_format(answer, "{\"QueueUrl\":\"http://127.0.0.1:%d/000000000000/%s\"}", settings.port, queue->name);
}

static void send_one(struct sqs_queue *queue, struct json_range entry, int64_t now_ms, struct text *answer) {
    struct json_range body;
    if (!json_member(entry, "MessageBody", &body)) body = (struct json_range){entry.from, entry.from};
    body = json_text(body);
    struct sqs_message *message = sqs_send(queue, body.from, (size_t)(body.to - body.from), now_ms);
    note_arrival(queue);
    text_format(answer, "\"MessageId\":\"m-%lld-%u\",\"MD5OfMessageBody\":\"%s\"", (long long)(message - queue->slots),
                message->generation, message->md5);
}

/// One entry of a deletion or a change of visibility; the code of the failure, or NULL.
static const char *settle_one(enum action action, struct sqs_queue *queue, struct json_range entry, int64_t now_ms) {
    struct json_range handle;
    if (!json_member(entry, "ReceiptHandle", &handle)) return "ReceiptHandleIsInvalid";
    handle = json_text(handle);
    struct sqs_message *message = sqs_by_handle(queue, handle.from, (size_t)(handle.to - handle.from));
    if (action == DELETE) {
        // As on SQS, deleting what is gone already is a success.
        if (message != NULL) sqs_delete(queue, message);
        return NULL;
    }
    if (message == NULL) return "ReceiptHandleIsInvalid";
    if (message->is_visible) return "MessageNotInflight";
    long seconds = json_integer(entry, "VisibilityTimeout", 0);
    sqs_change_visibility(queue, message, seconds * 1000, now_ms);
    if (seconds == 0) has_news = true;
    return NULL;
}

static enum outcome batch(enum action action, struct sqs_queue *queue, struct json_range body, int64_t now_ms,
                          struct text *answer) {
    struct json_range entries, entry, id;
    struct text failed = {0};
    size_t successes = 0, failures = 0;
    if (!json_member(body, "Entries", &entries)) return refuse(answer, "EmptyBatchRequest", "no entries");
    text_format(answer, "{\"Successful\":[");
    while (json_next_element(&entries, &entry)) {
        if (!json_member(entry, "Id", &id)) continue;
        int bytes = (int)(id.to - id.from);
        statistics.entries[action]++;
        const char *code = action == SEND ? NULL : settle_one(action, queue, entry, now_ms);
        if (code != NULL) {
            text_format(&failed, "%s{\"Id\":%.*s,\"Code\":\"%s\",\"SenderFault\":true,\"Message\":\"gone\"}",
                        failures++ ? "," : "", bytes, id.from, code);
            continue;
        }
        text_format(answer, "%s{\"Id\":%.*s", successes++ ? "," : "", bytes, id.from);
        if (action == SEND) {
            text_append(answer, ",", 1);
            send_one(queue, entry, now_ms, answer);
        }
        text_append(answer, "}", 1);
    }
    text_format(answer, "],\"Failed\":[");
    text_append(answer, failed.bytes == NULL ? "" : failed.bytes, failed.count);
    text_format(answer, "]}");
    free(failed.bytes);
    return ANSWERED;
}

static enum outcome single(enum action action, struct sqs_queue *queue, struct json_range body, int64_t now_ms,
                           struct text *answer) {
    statistics.entries[action]++;
    if (action != SEND) {
        const char *code = settle_one(action, queue, body, now_ms);
        if (code != NULL) return refuse(answer, code, "gone");
        text_format(answer, "{}");
        return ANSWERED;
    }
    text_format(answer, "{");
    send_one(queue, body, now_ms, answer);
    text_format(answer, "}");
    return ANSWERED;
}

bool sqs_answer_poll(const struct poll *poll, int64_t now_ms, bool is_last, struct text *answer) {
    int count = 0;
    struct sqs_message *message;
    char handle[66];
    while (count < poll->limit && (message = sqs_receive(poll->queue, poll->visibility_ms, now_ms)) != NULL) {
        sqs_handle(poll->queue, message, handle);
        text_format(answer, "%s{\"MessageId\":\"m-%lld-%u\",\"ReceiptHandle\":\"%s\",\"MD5OfBody\":\"%s\",\"Body\":\"",
                    count++ ? "," : "{\"Messages\":[", (long long)(message - poll->queue->slots), message->generation,
                    handle, message->md5);
        text_append(answer, message->body, message->body_bytes);
        text_format(answer,
                    "\",\"Attributes\":{\"ApproximateReceiveCount\":\"%u\",\"SentTimestamp\":\"%lld\"}}",
                    message->receives, (long long)message->sent_ms);
    }
    if (count == 0 && !is_last) return false;
    text_format(answer, count ? "]}" : "{}");
    statistics.entries[RECEIVE] += (uint64_t)count;
    if (count == 0) statistics.empty_receives++;
    return true;
}

static enum outcome receive(struct sqs_queue *queue, struct json_range body, int64_t now_ms, struct text *answer,
                            struct poll *poll) {
    poll->queue = queue;
    poll->limit = (int)json_integer(body, "MaxNumberOfMessages", 1);
    poll->visibility_ms = json_integer(body, "VisibilityTimeout", queue->default_visibility_ms / 1000) * 1000;
    poll->deadline_ms = now_ms + json_integer(body, "WaitTimeSeconds", 0) * 1000;
    return sqs_answer_poll(poll, now_ms, poll->deadline_ms <= now_ms, answer) ? ANSWERED : WAITS;
}

static void set_attributes(struct sqs_queue *queue, struct json_range body) {
    struct json_range attributes, policy;
    if (!json_member(body, "Attributes", &attributes)) return;
    queue->default_visibility_ms = json_integer(attributes, "VisibilityTimeout", 30) * 1000;
    if (!json_member(attributes, "RedrivePolicy", &policy)) return;
    // Escaped JSON inside a string; the two values have no escapes of their own.
    char text[512];
    size_t count = 0;
    for (const char *at = policy.from; at < policy.to && count + 1 < sizeof text; at++)
        if (*at != '\\' && *at != ' ') text[count++] = *at;
    text[count] = 0;
    const char *arn = strstr(text, "deadLetterTargetArn\":\""), *limit = strstr(text, "maxReceiveCount\":");
    if (arn == NULL || limit == NULL) return;
    arn += strlen("deadLetterTargetArn\":\"");
    limit += strlen("maxReceiveCount\":");
    if (*limit == '"') limit++;
    const char *end = strchr(arn, '"');
    for (const char *at = arn; end != NULL && at < end; at++)
        if (*at == ':') arn = at + 1;
    snprintf(queue->dead_letter_name, sizeof queue->dead_letter_name, "%.*s", (int)(end - arn), arn);
    queue->max_receives = (uint32_t)strtoul(limit, NULL, 10);
}

static enum outcome manage(enum action action, struct json_range body, struct text *answer) {
    struct json_range name;
    struct sqs_queue *queue = action >= DROP ? named(body, "QueueUrl") : named(body, "QueueName");
    if ((action == CREATE || (action == URL && settings.creates_queues)) && json_member(body, "QueueName", &name)) {
        name = json_text(name);
        queue = sqs_create(name.from, (size_t)(name.to - name.from));
        if (queue != NULL && action == CREATE) set_attributes(queue, body);
    }
    if (queue == NULL) return refuse(answer, "QueueDoesNotExist", "The specified queue does not exist.");
    if (action == DROP) {
        sqs_delete_queue(queue);
        has_news = true;
        text_format(answer, "{}");
    } else if (action == PURGE) {
        for (size_t i = 0; i < queue->slot_count; i++)
            if (queue->slots[i].is_used) sqs_delete(queue, &queue->slots[i]);
        text_format(answer, "{}");
    } else if (action == ATTRIBUTES) {
        text_format(answer,
                    "{\"Attributes\":{\"QueueArn\":\"arn:aws:sqs:us-east-1:000000000000:%s\","
                    "\"ApproximateNumberOfMessages\":\"%zu\",\"ApproximateNumberOfMessagesNotVisible\":\"%zu\"}}",
                    queue->name, queue->visible, queue->used - queue->visible);
    } else {
        write_url(answer, queue);
    }
    return ANSWERED;
}

enum outcome sqs_act(const char *action, size_t action_bytes, struct json_range body, int64_t now_ms,
                     struct text *answer, struct poll *poll) {
    statistics.requests++;
    if (settings.throttle_percent > 0 && random() % 100 < settings.throttle_percent) {
        statistics.throttled++;
        return refuse(answer, "RequestThrottled", "Rate exceeded");
    }
    bool is_batch = action_bytes > 5 && memcmp(action + action_bytes - 5, "Batch", 5) == 0;
    if (is_batch) action_bytes -= 5;
    size_t kind = 0, kinds = sizeof action_names / sizeof *action_names;
    while (kind < kinds && (strlen(action_names[kind]) != action_bytes ||
                            memcmp(action_names[kind], action, action_bytes) != 0)) kind++;
    if (kind == kinds) return refuse(answer, "InvalidAction", "unknown");
    statistics.calls[kind]++;
    if (kind >= URL) return manage((enum action)kind, body, answer);
    struct sqs_queue *queue = named(body, "QueueUrl");
    if (queue == NULL) return refuse(answer, "QueueDoesNotExist", "The specified queue does not exist.");
    if (kind == RECEIVE) return receive(queue, body, now_ms, answer, poll);
    if (is_batch) return batch((enum action)kind, queue, body, now_ms, answer);
    return single((enum action)kind, queue, body, now_ms, answer);
}

// -- The load test's own requests

static long parameter(const char *target, const char *name, long fallback) {
    const char *at = strstr(target, name);
    return at == NULL ? fallback : strtol(at + strlen(name), NULL, 10);
}

static struct sqs_queue *queue_parameter(const char *target) {
    const char *at = strstr(target, "queue=");
    if (at == NULL) return NULL;
    at += strlen("queue=");
    return sqs_create(at, strcspn(at, "& "));
}

static void fill(const char *target, struct sqs_queue *queue) {
    long count = parameter(target, "count=", 1), bytes = parameter(target, "bytes=", 256);
    char *payload = sample_payload(SAMPLE_TEXT, (size_t)bytes);
    char *plain = malloc((size_t)bytes + SAMPLE_ENVELOPE_OVERHEAD), *escaped;
    escaped = malloc(2 * ((size_t)bytes + SAMPLE_ENVELOPE_OVERHEAD));
    if (payload == NULL || plain == NULL || escaped == NULL) abort();
    for (long number = 0; number < count; number++) {
        char id[64];
        snprintf(id, sizeof id, "m-%ld", number);
        size_t length = sample_envelope(plain, id, "perf-a,perf-b", payload, (size_t)bytes), written = 0;
        for (size_t i = 0; i < length; i++) {
            if (plain[i] == '"' || plain[i] == '\\') escaped[written++] = '\\';
            escaped[written++] = plain[i];
        }
        sqs_send(queue, escaped, written, sqs_now_ms());
    }
    has_news = true;
    free(payload), free(plain), free(escaped);
}

static void write_statistics(struct text *answer) {
    text_format(answer, "{\"requests\":%llu,\"throttled\":%llu,\"empty_receives\":%llu,\"connections\":%llu",
                (unsigned long long)statistics.requests, (unsigned long long)statistics.throttled,
                (unsigned long long)statistics.empty_receives, (unsigned long long)statistics.connections);
    for (size_t kind = 0; kind <= URL; kind++)
        text_format(answer, ",\"%s\":{\"calls\":%llu,\"entries\":%llu}", action_names[kind],
                    (unsigned long long)statistics.calls[kind], (unsigned long long)statistics.entries[kind]);
    text_format(answer, ",\"first\":{\"ns\":%lld,\"cpu_ns\":%lld,\"requests\":%llu}", (long long)statistics.first_ns,
                (long long)statistics.first_cpu_ns, (unsigned long long)statistics.first_requests);
    text_format(answer, ",\"last\":{\"ns\":%lld,\"cpu_ns\":%lld,\"requests\":%llu},\"queues\":{",
                (long long)statistics.last_ns, (long long)statistics.last_cpu_ns,
                (unsigned long long)statistics.last_requests);
    size_t shown = 0;
    for (size_t i = 0; i < SQS_MAX_QUEUES; i++) {
        struct sqs_queue *queue = sqs_at(i);
        if (queue == NULL) continue;
        text_format(answer, "%s\"%s\":{\"visible\":%zu,\"in_flight\":%zu,\"sent\":%llu,\"deleted\":%llu}",
                    shown++ ? "," : "", queue->name, queue->visible, queue->used - queue->visible,
                    (unsigned long long)queue->sent_total, (unsigned long long)queue->deleted_total);
    }
    text_format(answer, "}}");
}

static void write_bodies(const struct sqs_queue *queue, struct text *answer) {
    size_t shown = 0;
    text_append(answer, "[", 1);
    for (size_t i = 0; i < queue->slot_count; i++) {
        if (!queue->slots[i].is_used) continue;
        if (shown++) text_append(answer, ",", 1);
        text_append(answer, "\"", 1);
        text_append(answer, queue->slots[i].body, queue->slots[i].body_bytes);
        text_append(answer, "\"", 1);
    }
    text_append(answer, "]", 1);
}

bool sqs_administer(const char *target, struct text *answer) {
    struct sqs_queue *queue = queue_parameter(target);
    if (strncmp(target, "/statistics", 11) == 0) {
        write_statistics(answer);
    } else if (strncmp(target, "/settings", 9) == 0) {
        settings.round_trip_ms = parameter(target, "round_trip_ms=", settings.round_trip_ms);
        settings.throttle_percent = parameter(target, "throttle_percent=", settings.throttle_percent);
        text_format(answer, "{}");
    } else if (strncmp(target, "/create", 7) == 0 && queue != NULL) {
        text_format(answer, "{}");
    } else if (strncmp(target, "/fill", 5) == 0 && queue != NULL) {
        fill(target, queue);
        text_format(answer, "{}");
    } else if (strncmp(target, "/watch", 6) == 0 && queue != NULL) {
        memset(&statistics, 0, sizeof statistics);
        statistics.watched = queue;
        statistics.first_mark = queue->sent_total + (uint64_t)parameter(target, "warmup=", 0);
        statistics.last_mark = queue->sent_total + (uint64_t)parameter(target, "count=", 0);
        statistics.watched_pid = (int)parameter(target, "pid=", 0);
        text_format(answer, "{}");
    } else if (strncmp(target, "/messages", 9) == 0 && queue != NULL) {
        write_bodies(queue, answer);
    } else {
        return false;
    }
    return true;
}
