import Synchronization

/// Collects the jobs of many tasks for one thread, which does everything that waits at once: group commit of a database.
public final class BatchWriter<Job: Sendable>: Sendable {
    private struct State {
        var jobs: [Job] = []
        var isClosed = false
    }

    /// Jobs in one transaction: enough to share a commit among all clients of a busy gateway, few enough that the
    /// first of them does not wait long for the last.
    public static var batchLimit: Int { 256 }

    private let state = Mutex(State())
    private let signal: EventSignal
    private let thread = Mutex<DedicatedThread?>(nil)

    /// - Parameter work: runs on the new thread; takes batches until there is none. Nil when the system has no threads
    ///   or descriptors left.
    public init?(name: String, work: @escaping @Sendable (BatchWriter<Job>) -> Void) {
        guard let signal = EventSignal() else { return nil }
        self.signal = signal
        let thread = DedicatedThread(name: name) { [self] in work(self) }
        guard let thread else { return nil }
        self.thread.withLock { $0 = thread }
    }

    /// Adds a job; false when the writer is closed.
    public func submit(_ job: Job) -> Bool {
        let (isAccepted, isFirst) = self.state.withLock { state in
            guard !state.isClosed else { return (false, false) }
            state.jobs.append(job)
            return (true, state.jobs.count == 1)
        }
        if isFirst { self.signal.signal() }
        return isAccepted
    }

    /// Waits for jobs; empty when the writer is closed and everything was taken.
    public func nextBatch() -> [Job] {
        while true {
            let (batch, isClosed) = self.state.withLock { state in
                let batch = Array(state.jobs.prefix(Self.batchLimit))
                state.jobs.removeFirst(batch.count)
                return (batch, state.isClosed)
            }
            if !batch.isEmpty || isClosed { return batch }
            self.signal.wait()
        }
    }

    /// Refuses further jobs and returns when the thread has finished.
    public func close() async {
        self.state.withLock { $0.isClosed = true }
        self.signal.signal()
        let thread = self.thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        await thread?.joined()
    }
}
