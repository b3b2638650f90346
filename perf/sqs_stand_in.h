/// Shared by the two halves of the SQS stand-in: `sqs_stand_in.c` speaks HTTP, `sqs_actions.c` does what is asked.
#ifndef ASYA_PERF_SQS_STAND_IN_H
#define ASYA_PERF_SQS_STAND_IN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sqs_json.h"
#include "sqs_queues.h"

/// A growing answer.
struct text {
    char *bytes;
    size_t count, capacity;
};
void text_append(struct text *to, const void *bytes, size_t count);
__attribute__((format(printf, 2, 3))) void text_format(struct text *to, const char *format, ...);

enum outcome { ANSWERED, REFUSED, WAITS };

/// A long poll, as `sqs_act` left it: `sqs_answer_poll` tries again.
struct poll {
    struct sqs_queue *queue;
    int limit;
    int64_t visibility_ms, deadline_ms;
};

/// Counts by action, and the moments at which the watched queue reached its marks.
struct statistics {
    uint64_t requests, calls[9], entries[9], throttled, empty_receives, connections;
    struct sqs_queue *watched;
    uint64_t first_mark, last_mark;
    int watched_pid;
    int64_t first_ns, last_ns, first_cpu_ns, last_cpu_ns;
    uint64_t first_requests, last_requests;
};
extern struct statistics statistics;

/// Performs one call. `WAITS`: nothing to receive yet, `poll` says how long to wait.
enum outcome sqs_act(const char *action, size_t action_bytes, struct json_range body, int64_t now_ms,
                     struct text *answer, struct poll *poll);
/// True when messages were written to `answer`, or none can come any more (`is_last`).
bool sqs_answer_poll(const struct poll *poll, int64_t now_ms, bool is_last, struct text *answer);
/// `GET /…` and `POST /…` of the load test: statistics, filling, watching, reading, settings.
bool sqs_administer(const char *target, struct text *answer);
/// Whether a queue has become able to serve polls since the last call.
bool sqs_take_news(void);

int64_t sqs_now_ms(void);
/// Settings that `administer` changes.
extern struct settings {
    long round_trip_ms;
    long throttle_percent;
    bool creates_queues;
    int port;
} settings;

#endif
