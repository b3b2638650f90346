import Glibc

/// A thread for a C library that blocks, such as a database's or a broker's: it runs one function and can be joined.
///
/// Nothing of Swift's concurrency ever waits for it: whoever wants to know its results gives it a continuation.
public final class DedicatedThread: Sendable {
    private final class Start {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    private let handle: pthread_t

    /// Starts a thread that runs `body`; nil when the system has no more threads. The name is cut at 15 bytes.
    public init?(name: String, _ body: @escaping @Sendable () -> Void) {
        var handle = pthread_t()
        let start = Unmanaged.passRetained(
            Start {
                Self.setName(name)
                body()
            }
        )
        let status = pthread_create(
            &handle,
            nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().body()
                return nil
            },
            start.toOpaque()
        )
        guard status == 0 else {
            start.release()
            return nil
        }
        self.handle = handle
    }

    /// For debuggers and `top`; nothing depends on it. Glibc's own call is not visible to Swift.
    private static func setName(_ name: String) {
        let descriptor = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        let bytes = Array(name.utf8.prefix(15))
        _ = write(descriptor, bytes, bytes.count)
        close(descriptor)
    }

    /// Blocks until the function has returned. Call `join` or `joined` once, or never.
    public func join() {
        pthread_join(self.handle, nil)
    }

    /// Waits until the function has returned, on yet another thread; at once when the system has no more of them.
    public func joined() async {
        await withCheckedContinuation { continuation in
            let waiter = DedicatedThread(name: "joining") {
                self.join()
                continuation.resume()
            }
            if waiter == nil { continuation.resume() }
        }
    }
}
