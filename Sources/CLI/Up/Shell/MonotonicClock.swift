import Glibc

/// The time that the pure parts are told: since the machine was started, never set back.
enum MonotonicClock {
    static var now: Duration {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }
}
