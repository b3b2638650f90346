/// launch FILE COMMAND…: writes the monotonic clock in nanoseconds to FILE and becomes COMMAND, with the same pid.
/// What the clock then shows at the first message is the time from exec on, without Python's fork.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int main(int count, char **arguments) {
    if (count < 3) {
        fprintf(stderr, "usage: launch FILE COMMAND [ARGUMENT...]\n");
        return 2;
    }
    FILE *file = fopen(arguments[1], "w");
    struct timespec now;
    if (file == NULL || clock_gettime(CLOCK_MONOTONIC, &now) != 0) {
        fprintf(stderr, "launch: %s: %s\n", arguments[1], strerror(errno));
        return 2;
    }
    fprintf(file, "%lld\n", (long long)now.tv_sec * 1000000000LL + now.tv_nsec);
    fclose(file);
    execvp(arguments[2], arguments + 2);
    fprintf(stderr, "launch: %s: %s\n", arguments[2], strerror(errno));
    return 127;
}
