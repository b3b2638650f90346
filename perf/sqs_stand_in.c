/// A small fast stand-in of SQS for load and loss tests: HTTP/1.1 with kept connections on libuv, one thread,
/// everything in memory, answers held back for a settable round-trip time. No authentication: the sidecar signs all
/// the same.
///
/// sqs_stand_in --port N [--round-trip-ms N] [--create-queues]; prints "ready PORT".
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <uv.h>

#include "sqs_stand_in.h"

enum { SWEEP_MS = 20, MAX_REQUEST_BYTES = 16 << 20, READ_BYTES = 64 << 10, RETAINED_BYTES = 1 << 20 };

struct connection {
    uv_tcp_t tcp;
    char *bytes;
    size_t count, capacity;
    struct poll poll;
    struct connection *next_poll;
    // The answer under way: one at a time, clients do not pipeline.
    struct text answer;
    int status;
    uint64_t due_ms;
    struct connection *next_delayed;
    uv_write_t write;
    char head[256];
    bool is_busy, is_closing, is_polling, is_service;
};

static uv_loop_t *loop;
static uv_tcp_t listener;
static uv_timer_t delay_timer, sweep_timer;
static struct connection *first_delayed, *last_delayed, *polls;

static void release(uv_handle_t *handle) {
    struct connection *connection = (struct connection *)handle;
    free(connection->bytes);
    free(connection->answer.bytes);
    free(connection);
}

static void forget_poll(struct connection *connection) {
    for (struct connection **at = &polls; *at != NULL; at = &(*at)->next_poll)
        if (*at == connection) {
            *at = connection->next_poll;
            break;
        }
    connection->is_polling = false;
}

static void forget_delayed(struct connection *connection) {
    struct connection *previous = NULL;
    for (struct connection *at = first_delayed; at != NULL; previous = at, at = at->next_delayed) {
        if (at != connection) continue;
        if (previous == NULL) first_delayed = at->next_delayed;
        else previous->next_delayed = at->next_delayed;
        if (last_delayed == at) last_delayed = previous;
        return;
    }
}

static void drop(struct connection *connection) {
    if (connection->is_closing) return;
    connection->is_closing = true;
    if (connection->is_polling) forget_poll(connection);
    forget_delayed(connection);
    uv_close((uv_handle_t *)&connection->tcp, release);
}

// -- Answers

static void next_request(struct connection *connection);

static void written(uv_write_t *write, int status) {
    struct connection *connection = write->data;
    connection->is_busy = false;
    if (connection->answer.capacity > RETAINED_BYTES) {
        free(connection->answer.bytes);
        memset(&connection->answer, 0, sizeof connection->answer);
    }
    connection->answer.count = 0;
    if (status < 0) drop(connection);
    else if (!connection->is_closing) next_request(connection);
}

static void respond(struct connection *connection) {
    char date[64];
    time_t now = time(NULL);
    struct tm parts;
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &parts));
    int count = snprintf(connection->head, sizeof connection->head,
                         "HTTP/1.1 %d %s\r\nx-amzn-RequestId: 00000000-0000-0000-0000-000000000000\r\nDate: %s\r\n"
                         "Content-Type: application/x-amz-json-1.0\r\nContent-Length: %zu\r\n\r\n",
                         connection->status, connection->status == 200 ? "OK" : "Bad Request", date,
                         connection->answer.count);
    uv_buf_t pieces[2] = {uv_buf_init(connection->head, (unsigned)count),
                          uv_buf_init(connection->answer.bytes, (unsigned)connection->answer.count)};
    connection->write.data = connection;
    if (uv_write(&connection->write, (uv_stream_t *)&connection->tcp, pieces, 2, written) != 0) drop(connection);
}

static void delay_over(uv_timer_t *timer) {
    uint64_t now = uv_now(loop);
    while (first_delayed != NULL && first_delayed->due_ms <= now) {
        struct connection *connection = first_delayed;
        first_delayed = connection->next_delayed;
        if (first_delayed == NULL) last_delayed = NULL;
        respond(connection);
    }
    if (first_delayed != NULL) uv_timer_start(timer, delay_over, first_delayed->due_ms - now, 0);
}

/// Sends the answer after the round-trip time. The delay is the same for all, so the list is in order of time.
static void answer(struct connection *connection, int status) {
    connection->status = status;
    if (settings.round_trip_ms == 0) {
        respond(connection);
        return;
    }
    uv_update_time(loop);
    connection->due_ms = uv_now(loop) + (uint64_t)settings.round_trip_ms;
    connection->next_delayed = NULL;
    if (last_delayed != NULL) {
        last_delayed->next_delayed = connection;
    } else {
        first_delayed = connection;
        uv_timer_start(&delay_timer, delay_over, (uint64_t)settings.round_trip_ms, 0);
    }
    last_delayed = connection;
}

static void serve_polls(void) {
    int64_t now = sqs_now_ms();
    for (struct connection *at = polls, *next; at != NULL; at = next) {
        next = at->next_poll;
        bool is_last = at->poll.deadline_ms <= now || !at->poll.queue->exists;
        if (!sqs_answer_poll(&at->poll, now, is_last, &at->answer)) continue;
        forget_poll(at);
        answer(at, 200);
    }
}

static void sweep(uv_timer_t *timer) {
    (void)timer;
    int64_t now = sqs_now_ms();
    for (size_t i = 0; i < SQS_MAX_QUEUES; i++)
        if (sqs_at(i) != NULL) sqs_expire(sqs_at(i), now);
    serve_polls();
}

// -- Faults

static void drop_if_connection(uv_handle_t *handle, void *data) {
    size_t *count = data;
    if (handle->type != UV_TCP || handle == (uv_handle_t *)&listener || uv_is_closing(handle)) return;
    struct connection *connection = (struct connection *)handle;
    // The test's own questions go on.
    if (!connection->is_service) return;
    drop(connection);
    ++*count;
}

// -- Requests

static const char *header(const char *head, const char *end, const char *name) {
    size_t count = strlen(name);
    for (const char *line = head; line < end; line++) {
        if (strncasecmp(line, name, count) == 0 && line[count] == ':') {
            line += count + 1;
            while (*line == ' ') line++;
            return line;
        }
        line = memchr(line, '\n', (size_t)(end - line));
        if (line == NULL) return NULL;
    }
    return NULL;
}

static void perform(struct connection *connection, char *head, char *body, size_t body_bytes) {
    char *target = memchr(head, ' ', (size_t)(body - head)), *line_end = strstr(head, "\r\n");
    const char *action = header(head, body, "X-Amz-Target");
    connection->is_busy = true;
    if (action != NULL && strncmp(action, "AmazonSQS.", 10) == 0) {
        action += 10;
        connection->is_service = true;
        struct json_range range = {body, body + body_bytes};
        enum outcome outcome = sqs_act(action, strcspn(action, "\r\n"), range, sqs_now_ms(), &connection->answer,
                                       &connection->poll);
        if (outcome != WAITS) {
            answer(connection, outcome == ANSWERED ? 200 : 400);
        } else {
            connection->is_polling = true;
            connection->next_poll = polls;
            polls = connection;
        }
        return;
    }
    char *version = NULL;
    if (target != NULL && line_end != NULL) version = memchr(target + 1, ' ', (size_t)(line_end - target - 1));
    if (version != NULL) *version = 0;
    if (version != NULL && strcmp(target + 1, "/drop") == 0) {
        size_t dropped = 0;
        uv_walk(loop, drop_if_connection, &dropped);
        text_format(&connection->answer, "{\"dropped\":%zu}", dropped);
        connection->status = 200;
        respond(connection);
        return;
    }
    bool is_known = version != NULL && sqs_administer(target + 1, &connection->answer);
    connection->status = is_known ? 200 : 400;
    respond(connection);
}

/// Performs the request at the buffer's start when it is complete.
static void next_request(struct connection *connection) {
    if (connection->is_busy || connection->count == 0) return;
    char *end = memmem(connection->bytes, connection->count, "\r\n\r\n", 4);
    if (end == NULL) return;
    char *body = end + 4;
    const char *length = header(connection->bytes, end + 2, "Content-Length");
    size_t body_bytes = length == NULL ? 0 : strtoul(length, NULL, 10);
    size_t total = (size_t)(body - connection->bytes) + body_bytes;
    if (total > MAX_REQUEST_BYTES) {
        drop(connection);
        return;
    }
    if (connection->count < total) return;
    // A long poll that waits looks at nothing of the request any more.
    perform(connection, connection->bytes, body, body_bytes);
    if (connection->is_closing) return;
    connection->count -= total;
    memmove(connection->bytes, connection->bytes + total, connection->count);
    if (sqs_take_news()) serve_polls();
}

static void make_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
    (void)suggested;
    struct connection *connection = (struct connection *)handle;
    if (connection->capacity - connection->count < READ_BYTES) {
        connection->capacity = (connection->capacity + READ_BYTES) * 2;
        connection->bytes = realloc(connection->bytes, connection->capacity + 1);
        if (connection->bytes == NULL) abort();
    }
    *buffer = uv_buf_init(connection->bytes + connection->count, READ_BYTES);
}

static void was_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer) {
    (void)buffer;
    struct connection *connection = (struct connection *)stream;
    if (count < 0) {
        drop(connection);
        return;
    }
    connection->count += (size_t)count;
    connection->bytes[connection->count] = 0;
    next_request(connection);
}

static void accept_one(uv_stream_t *server, int status) {
    if (status < 0) return;
    struct connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL) abort();
    uv_tcp_init(loop, &connection->tcp);
    statistics.connections++;
    if (uv_accept(server, (uv_stream_t *)&connection->tcp) != 0) {
        drop(connection);
        return;
    }
    uv_tcp_nodelay(&connection->tcp, 1);
    uv_read_start((uv_stream_t *)&connection->tcp, make_room, was_read);
}

int main(int count, char **arguments) {
    static const struct option options[] = {{"port", required_argument, NULL, 'p'},
                                            {"round-trip-ms", required_argument, NULL, 'r'},
                                            {"create-queues", no_argument, NULL, 'c'},
                                            {0}};
    for (int option; (option = getopt_long(count, arguments, "", options, NULL)) != -1;) {
        if (option == 'p') settings.port = atoi(optarg);
        else if (option == 'r') settings.round_trip_ms = atol(optarg);
        else if (option == 'c') settings.creates_queues = true;
        else return 2;
    }
    loop = uv_default_loop();
    struct sockaddr_in address;
    uv_ip4_addr("127.0.0.1", settings.port, &address);
    uv_tcp_init(loop, &listener);
    if (uv_tcp_bind(&listener, (struct sockaddr *)&address, 0) != 0 ||
        uv_listen((uv_stream_t *)&listener, 128, accept_one) != 0) {
        fprintf(stderr, "sqs_stand_in: cannot listen on port %d\n", settings.port);
        return 1;
    }
    uv_timer_init(loop, &delay_timer);
    uv_timer_init(loop, &sweep_timer);
    uv_timer_start(&sweep_timer, sweep, SWEEP_MS, SWEEP_MS);
    printf("ready %d\n", settings.port);
    fflush(stdout);
    return uv_run(loop, UV_RUN_DEFAULT);
}
