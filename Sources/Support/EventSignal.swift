import Glibc

/// Wakes one thread that sleeps in `wait()` or in `poll` on the descriptor. Signals do not add up: one return of `wait`
/// or `drain` takes all that came before.
public final class EventSignal: Sendable {
    /// Readable when there was a signal.
    public let descriptor: Int32
    private let writeDescriptor: Int32

    /// Nil when the process has no file descriptors left.
    public init?() {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return nil }
        for end in ends {
            // A signal must never block: a full pipe says what it has to say already.
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
        self.descriptor = ends[0]
        self.writeDescriptor = ends[1]
    }

    deinit {
        close(self.descriptor)
        close(self.writeDescriptor)
    }

    /// Wakes the thread, now or as soon as it sleeps.
    public func signal() {
        var one: UInt8 = 1
        _ = write(self.writeDescriptor, &one, 1)
    }

    /// Forgets signals that came until now.
    public func drain() {
        withUnsafeTemporaryAllocation(byteCount: 64, alignment: 1) { buffer in
            while read(self.descriptor, buffer.baseAddress, buffer.count) == buffer.count {}
        }
    }

    /// Sleeps until there was a signal since the last `wait` or `drain`, at most `milliseconds` when they are given.
    public func wait(milliseconds: Int32 = -1) {
        var entry = pollfd(fd: self.descriptor, events: Int16(POLLIN), revents: 0)
        _ = poll(&entry, 1, milliseconds)
        self.drain()
    }
}
