import Glibc

/// Nanoseconds that only grow, for deadlines inside a process.
public enum MonotonicClock {
    /// The time now.
    public static func nanoseconds() -> UInt64 {
        var time = timespec()
        guard clock_gettime(CLOCK_MONOTONIC, &time) == 0 else { return 0 }
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
