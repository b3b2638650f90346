import Synchronization

/// Runs jobs one after the other on a thread of its own, with a resource that never leaves that thread: a connection of
/// a C library, say.
public final class JobQueue<Resource>: Sendable {
    /// A piece of work with the thread's resource.
    public typealias Job = @Sendable (Resource) -> Void

    private struct State {
        var jobs: [Job] = []
        var isClosed = false
    }

    private let state = Mutex(State())
    private let available: EventSignal
    private let thread = Mutex<DedicatedThread?>(nil)

    /// Starts the thread, which makes its resource first; nil when the system has no more threads.
    public init?(name: String, makeResource: @escaping @Sendable () -> Resource) {
        guard let available = EventSignal() else { return nil }
        self.available = available
        let thread = DedicatedThread(name: name) { [self] in self.work(makeResource()) }
        guard let thread else { return nil }
        self.thread.withLock { $0 = thread }
    }

    /// Runs `job` after all earlier ones and returns its value; nil when the queue is closed.
    public func run<Value: Sendable>(_ job: @escaping @Sendable (Resource) -> Value) async -> Value? {
        await withCheckedContinuation { continuation in
            let isAccepted = self.state.withLock { state in
                guard !state.isClosed else { return false }
                state.jobs.append { continuation.resume(returning: job($0)) }
                return true
            }
            if isAccepted { self.available.signal() } else { continuation.resume(returning: nil) }
        }
    }

    /// Finishes what was accepted, gives up the resource and ends the thread.
    public func close() async {
        self.state.withLock { $0.isClosed = true }
        self.available.signal()
        let thread = self.thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        await thread?.joined()
    }

    private func work(_ resource: Resource) {
        while true {
            self.available.wait()
            let (jobs, isClosed) = self.state.withLock { state in
                defer { state.jobs = [] }
                return (state.jobs, state.isClosed)
            }
            for job in jobs { job(resource) }
            if isClosed { return }
        }
    }
}
