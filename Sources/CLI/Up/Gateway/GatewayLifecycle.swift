import Support

/// The life of the gateway's process: started, ready, restarted with growing delays, and asked to end.
///
/// ```
/// idle ─► starting ─► ready ──stop──► stopping ─► stopped
///            │ ▲        │
///            │ │        ├──restart──► restarting ─► (starting)
///            ▼ │        ▼
///          backingOff ◄─┘ gone by itself
/// ```
struct GatewayLifecycle: Equatable {
    /// The times of a gateway's life.
    struct Limits: Equatable, Sendable {
        /// How long it may take to answer; more and it hangs.
        var start: Duration = .seconds(30)
        /// How long it may take to end: it finishes open requests for ten seconds.
        var end: Duration = .seconds(12)
        /// Ready, and silent for so long, it hangs, as a liveness probe would find.
        var silence: Duration = .seconds(30)
        /// How long one that does not answer any more may take to end, since its last answer: it may hang for ever.
        var silentEnd: Duration = .seconds(10)
        /// What it has in any case, once it was asked to end.
        var leastEnd: Duration = .seconds(3)
        /// So often in a row it is started again at once when somebody else was faster with the port.
        var portLossCount = 5
        /// Ready for so long, it has no history of failures any more.
        var stable: Duration = .seconds(30)
        /// After so many failures in a row it is said to be crash looping.
        var crashLoopCount = 3
        /// The delays between restarts.
        var backoff = Backoff(base: .milliseconds(200), cap: .seconds(10))
    }

    enum Phase: Equatable {
        /// Not begun.
        case idle
        /// The process runs and does not answer yet; killed at `killAt`.
        case starting(killAt: Duration)
        /// It has answered.
        case ready(since: Duration)
        /// It was asked to end, to be started again with other settings; killed at `killAt`.
        case restarting(killAt: Duration)
        /// Nothing runs; started again at `retryAt`.
        case backingOff(retryAt: Duration)
        /// It was asked to end; killed at `killAt`.
        case stopping(killAt: Duration)
        /// Over.
        case stopped
    }

    enum Action: Equatable {
        case start
        case terminate
        case kill
        /// It ended although nobody asked it to.
        case reportFailure(ProcessEnd, retryAfter: Duration)
    }

    let limits: Limits
    private(set) var phase: Phase = .idle
    /// Failures since it was last stable.
    private(set) var failureCount = 0
    private var portLossCount = 0
    private var backoff: Backoff

    init(limits: Limits = Limits()) {
        self.limits = limits
        self.backoff = limits.backoff
    }

    var isReady: Bool {
        if case .ready = self.phase { return true }
        return false
    }

    var isStarting: Bool {
        if case .starting = self.phase { return true }
        return false
    }

    /// Whether it fails again and again and does not answer now.
    var isCrashLooping: Bool {
        switch self.phase {
        case .starting, .backingOff: self.failureCount >= self.limits.crashLoopCount
        case .idle, .ready, .restarting, .stopping, .stopped: false
        }
    }

    /// When `timePassed` has something to do.
    var deadline: Duration? {
        switch self.phase {
        case .starting(let time), .backingOff(let time), .restarting(let time), .stopping(let time): time
        case .idle, .ready, .stopped: nil
        }
    }

    mutating func begin(now: Duration) -> [Action] {
        guard case .idle = self.phase else { return [] }
        return self.start(now: now)
    }

    /// It has answered for the first time since its start; true when that is news.
    mutating func becameReady(now: Duration) -> Bool {
        guard case .starting = self.phase else { return false }
        self.phase = .ready(since: now)
        self.portLossCount = 0
        return true
    }

    /// It leaves questions without an answer since then: one that hangs is killed, which counts as a failure.
    func silent(since: Duration, now: Duration) -> [Action] {
        self.isReady && now - since >= self.limits.silence ? [.kill] : []
    }

    /// The process is gone, or could not be started.
    mutating func ended(_ end: ProcessEnd, now: Duration) -> [Action] {
        switch self.phase {
        case .idle, .backingOff, .stopped:
            return []
        case .stopping:
            self.phase = .stopped
            return []
        case .restarting:
            return self.start(now: now)
        case .starting, .ready:
            return self.failed(end, now: now)
        }
    }

    /// The same when somebody else has taken its port before it could, and another port will do: no failure of its own.
    mutating func lostPort(_ end: ProcessEnd, now: Duration) -> [Action] {
        guard case .starting = self.phase, self.portLossCount < self.limits.portLossCount else {
            return self.ended(end, now: now)
        }
        self.portLossCount += 1
        return self.start(now: now)
    }

    /// Its settings have changed: the next process gets them.
    mutating func restart(now: Duration) -> [Action] {
        switch self.phase {
        case .idle, .restarting, .stopping, .stopped:
            return []
        case .backingOff:
            self.forgetFailures()
            return self.start(now: now)
        case .starting, .ready:
            self.forgetFailures()
            self.phase = .restarting(killAt: now + self.limits.end)
            return [.terminate]
        }
    }

    /// - Parameter silentSince: since when it leaves questions without an answer; nil when it answers.
    mutating func stop(silentSince: Duration?, now: Duration) -> [Action] {
        switch self.phase {
        case .stopping, .stopped:
            return []
        case .idle, .backingOff:
            self.phase = .stopped
            return []
        case .restarting(let killAt):
            self.phase = .stopping(killAt: killAt)
            return []
        case .starting, .ready:
            let end = now + self.limits.end
            let silentEnd = silentSince.map { max($0 + self.limits.silentEnd, now + self.limits.leastEnd) } ?? end
            self.phase = .stopping(killAt: min(silentEnd, end))
            return [.terminate]
        }
    }

    /// The person asked twice.
    mutating func forceStop(now: Duration) -> [Action] {
        switch self.phase {
        case .idle, .backingOff, .stopped:
            self.phase = .stopped
            return []
        case .starting, .ready, .restarting, .stopping:
            self.phase = .stopping(killAt: now + self.limits.end)
            return [.kill]
        }
    }

    /// A deadline may have come.
    mutating func timePassed(now: Duration) -> [Action] {
        guard let deadline = self.deadline, now >= deadline else { return [] }
        switch self.phase {
        case .backingOff:
            return self.start(now: now)
        case .starting:
            // Its end counts as a failure like any other.
            self.phase = .starting(killAt: now + self.limits.start)
            return [.kill]
        case .restarting:
            self.phase = .restarting(killAt: now + self.limits.end)
            return [.kill]
        case .stopping:
            self.phase = .stopping(killAt: now + self.limits.end)
            return [.kill]
        case .idle, .ready, .stopped:
            return []
        }
    }

    private mutating func start(now: Duration) -> [Action] {
        self.phase = .starting(killAt: now + self.limits.start)
        return [.start]
    }

    private mutating func failed(_ end: ProcessEnd, now: Duration) -> [Action] {
        if case .ready(let since) = self.phase, now - since >= self.limits.stable { self.forgetFailures() }
        self.failureCount += 1
        let delay = self.backoff.nextWithoutJitter()
        self.phase = .backingOff(retryAt: now + delay)
        return [.reportFailure(end, retryAfter: delay)]
    }

    private mutating func forgetFailures() {
        self.failureCount = 0
        self.backoff.reset()
    }
}
