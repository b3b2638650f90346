/// The load generator: topology, filling, watching, draining with a check of every message. See --help.
#include "load.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <amqp_tcp_socket.h>

enum { FRAME_MAX = 131072, NAME_LIMIT = 200, MAX_NAMES = 16 };

static const char usage[] =
    "usage: load COMMAND --url URL [OPTION...]      (each command prints one JSON line)\n"
    "  declare --actors A,B    exchange, and per actor the queue asya-A bound with the key A\n"
    "  purge   --actors A,B    empties the queues\n"
    "  depth   --actors A,B    ready messages per queue\n"
    "  fill    --actor A --count N --payload-bytes B --prefix P [--content text|numbers|objects] [--batch N]\n"
    "          publishes N persistent envelopes with the route of --actors, and waits for every confirm\n"
    "  watch   --queue Q --count N --warmup W --pid P   waits until Q holds N messages; rate and CPU time of process\n"
    "          P between the first W and the last\n"
    "  first   --queue Q       takes one message; the monotonic time at which it came\n"
    "  drain   --queue Q --count N --prefix P --payload-bytes B [--expect-current I]\n"
    "          takes everything; counts missing, duplicate and damaged messages\n"
    "options: --exchange NAME (asya), --timeout SECONDS (60)\n";

_Noreturn void load_fail(const char *what) {
    fprintf(stderr, "load: %s\n", what);
    exit(2);
}

void load_check_status(int status, const char *what) {
    if (status == AMQP_STATUS_OK) return;
    fprintf(stderr, "load: %s: %s\n", what, amqp_error_string2(status));
    exit(2);
}

void load_check(amqp_rpc_reply_t reply, const char *what) {
    if (reply.reply_type == AMQP_RESPONSE_NORMAL) return;
    if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION) {
        load_check_status(reply.library_error, what);
    } else if (reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION && reply.reply.id == AMQP_CHANNEL_CLOSE_METHOD) {
        amqp_channel_close_t *close = reply.reply.decoded;
        fprintf(stderr, "load: %s: %.*s\n", what, (int)close->reply_text.len, (char *)close->reply_text.bytes);
    }
    load_fail(what);
}

long long load_monotonic_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long long)now.tv_sec * 1000000000LL + now.tv_nsec;
}

amqp_connection_state_t load_connect(const struct load_options *options) {
    char *url = strdup(options->url);
    struct amqp_connection_info info;
    if (url == NULL) load_fail("out of memory");
    load_check_status(amqp_parse_url(url, &info), "parse the URL");
    amqp_connection_state_t connection = amqp_new_connection();
    amqp_socket_t *socket = amqp_tcp_socket_new(connection);
    if (socket == NULL) load_fail("out of memory");
    load_check_status(amqp_socket_open(socket, info.host, info.port), "connect");
    // librabbitmq reads the path "/" as a nameless virtual host; the default one is meant.
    const char *vhost = *info.vhost == '\0' ? "/" : info.vhost;
    load_check(
        amqp_login(connection, vhost, 0, FRAME_MAX, 0, AMQP_SASL_METHOD_PLAIN, info.user, info.password), "log in");
    amqp_channel_open(connection, LOAD_CHANNEL);
    load_check(amqp_get_rpc_reply(connection), "open a channel");
    free(url);
    return connection;
}

void load_disconnect(amqp_connection_state_t connection) {
    amqp_connection_close(connection, AMQP_REPLY_SUCCESS);
    amqp_destroy_connection(connection);
}

uint64_t load_depth(amqp_connection_state_t connection, const char *queue) {
    amqp_queue_declare_ok_t *declared =
        amqp_queue_declare(connection, LOAD_CHANNEL, amqp_cstring_bytes(queue), 1, 1, 0, 0, amqp_empty_table);
    load_check(amqp_get_rpc_reply(connection), queue);
    uint64_t depth = declared->message_count;
    amqp_maybe_release_buffers(connection);
    return depth;
}

// -- Topology

enum topology_action { DECLARE, PURGE, DEPTH };

static void declare_actor(amqp_connection_state_t connection, const char *exchange, const char *actor,
    const char *queue) {
    amqp_queue_declare(connection, LOAD_CHANNEL, amqp_cstring_bytes(queue), 0, 1, 0, 0, amqp_empty_table);
    load_check(amqp_get_rpc_reply(connection), "declare a queue");
    amqp_queue_bind(connection, LOAD_CHANNEL, amqp_cstring_bytes(queue), amqp_cstring_bytes(exchange),
        amqp_cstring_bytes(actor), amqp_empty_table);
    load_check(amqp_get_rpc_reply(connection), "bind a queue");
}

static void handle_actor(amqp_connection_state_t connection, const struct load_options *options, const char *actor,
    enum topology_action action) {
    char queue[NAME_LIMIT];
    snprintf(queue, sizeof queue, "asya-%s", actor);
    if (action == DECLARE) {
        declare_actor(connection, options->exchange, actor, queue);
    } else if (action == PURGE) {
        amqp_queue_purge(connection, LOAD_CHANNEL, amqp_cstring_bytes(queue));
        load_check(amqp_get_rpc_reply(connection), "purge a queue");
    } else {
        printf("\"%s\":%llu", actor, (unsigned long long)load_depth(connection, queue));
    }
}

static int run_topology(const struct load_options *options, enum topology_action action) {
    amqp_connection_state_t connection = load_connect(options);
    if (action == DECLARE) {
        amqp_exchange_declare(connection, LOAD_CHANNEL, amqp_cstring_bytes(options->exchange),
            amqp_cstring_bytes("topic"), 0, 1, 0, 0, amqp_empty_table);
        load_check(amqp_get_rpc_reply(connection), "declare the exchange");
    }
    char *names = strdup(options->actors), *rest = NULL;
    if (names == NULL) load_fail("out of memory");
    printf("{");
    int count = 0;
    for (char *name = strtok_r(names, ",", &rest); name != NULL && count < MAX_NAMES;
         name = strtok_r(NULL, ",", &rest), count++) {
        if (count > 0 && action == DEPTH) printf(",");
        handle_actor(connection, options, name, action);
    }
    printf("}\n");
    free(names);
    load_disconnect(connection);
    return 0;
}

// -- Options

enum { URL = 1, EXCHANGE, ACTORS, QUEUE, PREFIX, ACTOR, CONTENT, COUNT, WARMUP, PAYLOAD, BATCH, CURRENT, PID, TIMEOUT };

static void set_option(struct load_options *options, int option) {
    switch (option) {
    case URL: options->url = optarg; break;
    case EXCHANGE: options->exchange = optarg; break;
    case ACTORS: options->actors = optarg; break;
    case QUEUE: options->queue = optarg; break;
    case PREFIX: options->prefix = optarg; break;
    case ACTOR: options->actor = optarg; break;
    case CONTENT:
        if (!sample_content_from_name(optarg, &options->content)) load_fail("unknown --content");
        break;
    case COUNT: options->count = strtoull(optarg, NULL, 10); break;
    case WARMUP: options->warmup = strtoull(optarg, NULL, 10); break;
    case PAYLOAD: options->payload_bytes = strtoull(optarg, NULL, 10); break;
    case BATCH: options->batch = strtoull(optarg, NULL, 10); break;
    case CURRENT: options->expected_current = atol(optarg); break;
    case PID: options->pid = atoi(optarg); break;
    case TIMEOUT: options->timeout_seconds = atof(optarg); break;
    default:
        fputs(usage, stderr);
        exit(2);
    }
}

static struct load_options read_options(int count, char **arguments) {
    static const struct option names[] = {
        {"url", 1, NULL, URL}, {"exchange", 1, NULL, EXCHANGE}, {"actors", 1, NULL, ACTORS},
        {"queue", 1, NULL, QUEUE}, {"prefix", 1, NULL, PREFIX}, {"actor", 1, NULL, ACTOR},
        {"content", 1, NULL, CONTENT}, {"count", 1, NULL, COUNT}, {"warmup", 1, NULL, WARMUP},
        {"payload-bytes", 1, NULL, PAYLOAD}, {"batch", 1, NULL, BATCH}, {"expect-current", 1, NULL, CURRENT},
        {"pid", 1, NULL, PID}, {"timeout", 1, NULL, TIMEOUT}, {NULL, 0, NULL, 0},
    };
    struct load_options options = {
        .exchange = "asya", .actors = "perf-a,perf-b", .actor = "perf-a", .queue = "asya-perf-b", .prefix = "load",
        .count = 1, .payload_bytes = 256, .batch = 500, .expected_current = -1, .timeout_seconds = 60,
    };
    int option;
    while ((option = getopt_long(count, arguments, "", names, NULL)) != -1) set_option(&options, option);
    if (options.url == NULL) load_fail("--url is missing");
    return options;
}

int main(int count, char **arguments) {
    if (count < 2 || strcmp(arguments[1], "--help") == 0) {
        fputs(usage, count < 2 ? stderr : stdout);
        return count < 2 ? 2 : 0;
    }
    const char *command = arguments[1];
    struct load_options options = read_options(count - 1, arguments + 1);
    if (strcmp(command, "declare") == 0) return run_topology(&options, DECLARE);
    if (strcmp(command, "purge") == 0) return run_topology(&options, PURGE);
    if (strcmp(command, "depth") == 0) return run_topology(&options, DEPTH);
    if (strcmp(command, "fill") == 0) return load_fill(&options);
    if (strcmp(command, "drain") == 0) return load_drain(&options);
    if (strcmp(command, "first") == 0) return load_first(&options);
    if (strcmp(command, "watch") == 0) return load_watch(&options);
    fputs(usage, stderr);
    return 2;
}
