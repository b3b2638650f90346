import Synchronization

/// Collects the jobs of many tasks for one thread, which does everything that waits at once: group commit of a database.
public final class BatchWriter<Job: Sendable>: Sendable {
    private struct State {
        var jobs: [Job] = []
        /// Jobs that go along with the next batch; alone only at this time.
        var patientJobs: [Job] = []
        var patienceEnds: UInt64 = 0
        /// No batch before this time.
        var gatheredAt: UInt64 = 0
        var isClosed = false
        /// The thread sleeps, or is about to: only then it has to be woken.
        var isWaiting = false
    }

    /// Jobs in one transaction: enough to share a commit among all clients of a busy gateway, few enough that the
    /// first of them does not wait long for the last.
    public static var batchLimit: Int { 256 }

    /// How long a patient job waits for others: many commits' time, and nothing that a person notices.
    public static var patienceNanoseconds: UInt64 { 100_000_000 }

    private let gatheringNanoseconds: UInt64
    private let state = Mutex(State())
    private let signal: EventSignal
    private let thread = Mutex<DedicatedThread?>(nil)

    /// Nil when the system has no threads or descriptors left.
    ///
    /// - Parameters:
    ///   - gatheringNanoseconds: time between two batches at least. A job that finds the thread at rest is taken at once;
    ///     those that follow closely share a batch.
    ///   - work: runs on the new thread; takes batches until there is none.
    public init?(
        name: String,
        gatheringNanoseconds: UInt64 = 0,
        work: @escaping @Sendable (BatchWriter<Job>) -> Void
    ) {
        guard let signal = EventSignal() else { return nil }
        self.gatheringNanoseconds = gatheringNanoseconds
        self.signal = signal
        let thread = DedicatedThread(name: name) { [self] in work(self) }
        guard let thread else { return nil }
        self.thread.withLock { $0 = thread }
    }

    /// Adds a job; false when the writer is closed.
    public func submit(_ job: Job) -> Bool {
        self.add { $0.jobs.append(job) }
    }

    /// Adds a job that nobody waits for: it shares the batch of the next that somebody does wait for, so that it costs no
    /// commit of its own; without any it goes after a moment. False when the writer is closed.
    public func submitPatiently(_ job: Job) -> Bool {
        self.add { state in
            if state.patientJobs.isEmpty {
                state.patienceEnds = MonotonicClock.nanoseconds() + Self.patienceNanoseconds
            }
            state.patientJobs.append(job)
        }
    }

    private func add(_ append: (inout State) -> Void) -> Bool {
        let (isAccepted, wakes) = self.state.withLock { state in
            guard !state.isClosed else { return (false, false) }
            append(&state)
            defer { state.isWaiting = false }
            return (true, state.isWaiting)
        }
        if wakes { self.signal.signal() }
        return isAccepted
    }

    /// Waits for jobs; empty when the writer is closed and everything was taken.
    public func nextBatch() -> [Job] {
        while true {
            let (batch, isClosed, pause) = self.state.withLock { state in self.take(&state) }
            if !batch.isEmpty || isClosed { return batch }
            self.signal.wait(milliseconds: pause)
        }
    }

    /// What is due, or for how many milliseconds to wait for a signal; -1 for ever.
    private func take(_ state: inout State) -> (batch: [Job], isClosed: Bool, pause: Int32) {
        let now = MonotonicClock.nanoseconds()
        func milliseconds(until time: UInt64) -> Int32 { Int32(clamping: (time - now) / 1_000_000 + 1) }
        let hasPatientJobs = !state.patientJobs.isEmpty
        guard !state.jobs.isEmpty || state.isClosed || hasPatientJobs && now >= state.patienceEnds else {
            state.isWaiting = true
            return ([], false, hasPatientJobs ? milliseconds(until: state.patienceEnds) : -1)
        }
        // Jobs do not wake the thread from this pause, closing does.
        if now < state.gatheredAt, !state.isClosed { return ([], false, milliseconds(until: state.gatheredAt)) }
        state.gatheredAt = now + self.gatheringNanoseconds
        let batch = Self.takeFirst(&state.jobs) + Self.takeFirst(&state.patientJobs)
        return (batch, state.isClosed, -1)
    }

    /// All of them as a rule, which copies nothing.
    private static func takeFirst(_ jobs: inout [Job]) -> [Job] {
        guard jobs.count > self.batchLimit else {
            defer { jobs = [] }
            return jobs
        }
        defer { jobs.removeFirst(self.batchLimit) }
        return Array(jobs.prefix(self.batchLimit))
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
