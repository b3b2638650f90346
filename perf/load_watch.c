#include <stdio.h>
#include <string.h>
#include <time.h>

#include "load.h"

enum {
    // Each look is a round trip to the broker; 200 a second do not disturb it.
    LOOK_INTERVAL_NS = 5000000,
    LOOKS_BETWEEN_LIFE_SIGNS = 20,
};

struct sample {
    uint64_t count;
    long long at_ns, cpu_ns;
};

/// CPU time of another process, all its threads, to the nanosecond (/proc/PID/stat counts in ticks of 10 ms).
static long long cpu_ns(int pid) {
    clockid_t clock;
    struct timespec time;
    if (pid == 0) return 0;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0) load_fail("the process has ended");
    return (long long)time.tv_sec * 1000000000LL + time.tv_nsec;
}

/// A process that has died and was not waited for is a zombie, whose clock still answers.
static bool is_alive(int pid) {
    char path[64], text[512];
    if (pid == 0) return true;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    if (file == NULL) return false;
    size_t count = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[count] = '\0';
    const char *end = strrchr(text, ')');
    return end != NULL && end[1] != '\0' && end[2] != 'Z';
}

static struct sample look(amqp_connection_state_t connection, const struct load_options *options) {
    struct sample sample = {.count = load_depth(connection, options->queue), .at_ns = load_monotonic_ns()};
    sample.cpu_ns = cpu_ns(options->pid);
    return sample;
}

/// Looks until the queue holds `target` messages.
static struct sample wait_for(
    amqp_connection_state_t connection, const struct load_options *options, uint64_t target, long long deadline_ns) {
    for (unsigned looks = 1;; looks++) {
        struct sample sample = look(connection, options);
        if (sample.count >= target) return sample;
        if (sample.at_ns > deadline_ns) {
            fprintf(stderr, "load: time is up: %llu of %llu messages in %s\n", (unsigned long long)sample.count,
                (unsigned long long)target, options->queue);
            load_fail("watch gave up");
        }
        if (looks % LOOKS_BETWEEN_LIFE_SIGNS == 0 && !is_alive(options->pid)) load_fail("the process has died");
        nanosleep(&(struct timespec){.tv_nsec = LOOK_INTERVAL_NS}, NULL);
    }
}

int load_watch(const struct load_options *options) {
    amqp_connection_state_t connection = load_connect(options);
    long long deadline_ns = load_monotonic_ns() + (long long)(options->timeout_seconds * 1e9);
    struct sample from = wait_for(connection, options, options->warmup, deadline_ns);
    struct sample to = wait_for(connection, options, options->count, deadline_ns);
    double seconds = (double)(to.at_ns - from.at_ns) / 1e9;
    double messages = (double)(to.count - from.count), divisor = messages > 0 ? messages : 1;
    printf("{\"messages\":%.0f,\"seconds\":%.4f,\"messages_per_second\":%.1f,\"cpu_us_per_message\":%.3f}\n", messages,
        seconds, seconds > 0 ? messages / seconds : 0, (double)(to.cpu_ns - from.cpu_ns) / 1e3 / divisor);
    load_disconnect(connection);
    return 0;
}
