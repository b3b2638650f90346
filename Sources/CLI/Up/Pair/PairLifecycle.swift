import Support

/// The life of one pair, a sidecar and a runtime, as pods live in a cluster: started, ready, restarted with growing
/// delays, and ended without ever interrupting a message.
///
/// ```
/// waitingForSlot ─► starting ─► ready ──stop──► draining ──sidecar gone──► endingRuntime ─► stopped
///                      ▲   │      │                                            │
///                      │   └──────┴─runtime gone─► runtimeDown ─► (starting)   │ after a failure
///                      │          └─sidecar gone───────────────► endingRuntime ┤
///                      └────────────── backingOff ◄────────────────────────────┘
/// ```
///
/// The rule of a safe end: the sidecar is asked first. It finishes the message it holds, however long that takes within
/// the handler's timeout, and exits; the runtime is not touched before. A runtime that dies is started again beside its
/// sidecar, which keeps the message in hand meanwhile (`sidecar.md` 8.4); a sidecar that dies takes the runtime with it,
/// because after a handler's timeout (exit status 1, 4.4) the handler may still be running.
struct PairLifecycle: Equatable {
    /// The times of a pair's life.
    struct Limits: Equatable, Sendable {
        /// How long a sidecar may take to finish its message; longer than the handler's own timeout.
        var drain: Duration
        /// How long a runtime without a sidecar may take to end.
        var runtimeEnd: Duration = .seconds(5)
        /// Ready for so long, a pair has no history of failures any more.
        var stable: Duration = .seconds(30)
        /// After so many failures in a row a pair is said to be crash looping.
        var crashLoopCount = 3
        /// The delays between restarts.
        var backoff = Backoff(base: .milliseconds(500), cap: .seconds(30))
    }

    enum Phase: Equatable {
        /// Nothing runs; the resources it needs are not granted yet.
        case waitingForSlot
        /// Both run; the runtime has not loaded its handler yet.
        case starting
        /// Both run and messages flow.
        case ready(since: Duration)
        /// The sidecar runs; the runtime is started again at `retryAt`.
        case runtimeDown(retryAt: Duration)
        /// The sidecar was asked to end.
        case draining(killAt: Duration)
        /// The sidecar is gone; the runtime was asked to end, or killed when `killAt` is nil.
        case endingRuntime(killAt: Duration?, next: Next)
        /// Nothing runs; both are started again at `retryAt`.
        case backingOff(retryAt: Duration)
        /// Over.
        case stopped
    }

    /// What comes after the end of the runtime.
    enum Next: Equatable {
        case restart(at: Duration)
        case stop
    }

    enum Action: Equatable {
        case start(PairRole)
        case terminate(PairRole)
        case kill(PairRole)
        /// A process ended although nobody asked it to; the pair tries again after the delay.
        case reportFailure(PairRole, ProcessEnd, retryAfter: Duration)
        /// A sidecar did not end in time and is killed; its message goes back to the queue.
        case reportDrainTimeout
        /// Nothing of the pair is left.
        case finish
    }

    let limits: Limits
    private(set) var phase: Phase = .waitingForSlot
    private(set) var sidecarIsAlive = false
    private(set) var runtimeIsAlive = false
    /// Failures since the pair was last stable.
    private(set) var failureCount = 0
    private var backoff: Backoff

    init(limits: Limits) {
        self.limits = limits
        self.backoff = limits.backoff
    }

    /// Whether the pair takes messages now.
    var isReady: Bool {
        if case .ready = self.phase { return true }
        return false
    }

    /// Whether the pair is on its way out or gone.
    var isLeaving: Bool {
        switch self.phase {
        case .draining, .endingRuntime(_, next: .stop), .stopped: true
        case .waitingForSlot, .starting, .ready, .runtimeDown, .backingOff, .endingRuntime(_, next: .restart): false
        }
    }

    /// Whether it fails again and again and is not running well now.
    var isCrashLooping: Bool {
        self.failureCount >= self.limits.crashLoopCount && !self.isReady && !self.isLeaving
    }

    /// When `timePassed` has something to do.
    var deadline: Duration? {
        switch self.phase {
        case .runtimeDown(let retryAt), .backingOff(let retryAt): retryAt
        case .draining(let killAt): killAt
        case .endingRuntime(let killAt, _): killAt
        case .waitingForSlot, .starting, .ready, .stopped: nil
        }
    }

    /// What it needs, GPUs for instance, is there.
    mutating func slotGranted() -> [Action] {
        guard case .waitingForSlot = self.phase else { return [] }
        return self.startBoth()
    }

    /// The runtime has loaded its handler and listens.
    mutating func runtimeBecameReady(now: Duration) {
        if case .starting = self.phase { self.phase = .ready(since: now) }
    }

    /// A process is gone, or could not be started.
    mutating func ended(_ role: PairRole, _ status: ProcessEnd, now: Duration) -> [Action] {
        switch role {
        case .sidecar: self.sidecarIsAlive = false
        case .runtime: self.runtimeIsAlive = false
        }
        switch self.phase {
        case .waitingForSlot, .backingOff, .stopped:
            return []
        case .starting, .ready:
            return self.failed(role, status, now: now)
        case .runtimeDown:
            return role == .sidecar ? self.failed(role, status, now: now) : []
        case .draining:
            // A runtime that dies here is the sidecar's affair: it settles the message and ends.
            return role == .sidecar ? self.endRuntime(next: .stop, now: now) : []
        case .endingRuntime(_, let next):
            return self.runtimeIsAlive ? [] : self.proceed(to: next)
        }
    }

    /// The pair is not wanted any more: the message in hand is finished first.
    mutating func stop(now: Duration) -> [Action] {
        switch self.phase {
        case .draining, .stopped, .endingRuntime(_, next: .stop):
            return []
        case .endingRuntime(let killAt, next: .restart):
            // The sidecar is gone already.
            self.phase = .endingRuntime(killAt: killAt, next: .stop)
            return []
        case .waitingForSlot, .backingOff:
            return self.finish()
        case .starting, .ready, .runtimeDown:
            guard self.sidecarIsAlive else { return self.endRuntime(next: .stop, now: now) }
            self.phase = .draining(killAt: now + self.limits.drain)
            return [.terminate(.sidecar)]
        }
    }

    /// The person asked twice: both are killed. What they held goes back to its queue.
    mutating func forceStop() -> [Action] {
        if case .stopped = self.phase { return [] }
        let victims = self.living
        guard !victims.isEmpty else { return self.finish() }
        self.phase = .endingRuntime(killAt: nil, next: .stop)
        return victims.map { .kill($0) }
    }

    /// A deadline may have come.
    mutating func timePassed(now: Duration) -> [Action] {
        guard let deadline = self.deadline, now >= deadline else { return [] }
        switch self.phase {
        case .runtimeDown:
            return self.startRuntime()
        case .backingOff:
            return self.startBoth()
        case .draining:
            let victims = self.living
            self.phase = .endingRuntime(killAt: nil, next: .stop)
            return [.reportDrainTimeout] + victims.map { .kill($0) }
        case .endingRuntime(_, let next):
            self.phase = .endingRuntime(killAt: nil, next: next)
            return self.living.map { .kill($0) }
        case .waitingForSlot, .starting, .ready, .stopped:
            return []
        }
    }

    private var living: [PairRole] {
        (self.sidecarIsAlive ? [.sidecar] : []) + (self.runtimeIsAlive ? [.runtime] : [])
    }

    private mutating func startBoth() -> [Action] {
        self.phase = .starting
        self.sidecarIsAlive = true
        self.runtimeIsAlive = true
        // The runtime first: it removes what an earlier one left in the directory before the sidecar looks.
        return [.start(.runtime), .start(.sidecar)]
    }

    private mutating func startRuntime() -> [Action] {
        self.phase = .starting
        self.runtimeIsAlive = true
        return [.start(.runtime)]
    }

    private mutating func failed(_ role: PairRole, _ status: ProcessEnd, now: Duration) -> [Action] {
        if case .ready(let since) = self.phase, now - since >= self.limits.stable { self.forgetFailures() }
        self.failureCount += 1
        let delay = self.backoff.nextWithoutJitter()
        let report = Action.reportFailure(role, status, retryAfter: delay)
        if self.sidecarIsAlive {
            self.phase = .runtimeDown(retryAt: now + delay)
            return [report]
        }
        if self.runtimeIsAlive {
            return [report] + self.endRuntime(next: .restart(at: now + delay), now: now)
        }
        self.phase = .backingOff(retryAt: now + delay)
        return [report]
    }

    /// Asks the runtime to end when it is there; otherwise goes on at once.
    private mutating func endRuntime(next: Next, now: Duration) -> [Action] {
        guard self.runtimeIsAlive else { return self.proceed(to: next) }
        self.phase = .endingRuntime(killAt: now + self.limits.runtimeEnd, next: next)
        return [.terminate(.runtime)]
    }

    private mutating func proceed(to next: Next) -> [Action] {
        guard !self.sidecarIsAlive else { return [] }
        switch next {
        case .stop:
            return self.finish()
        case .restart(let retryAt):
            self.phase = .backingOff(retryAt: retryAt)
            return []
        }
    }

    private mutating func finish() -> [Action] {
        self.phase = .stopped
        return [.finish]
    }

    private mutating func forgetFailures() {
        self.failureCount = 0
        self.backoff.reset()
    }
}
