import Support

/// The runtime's socket as the pipeline sees it: waits until the runtime is there, keeps one connection when the
/// runtime announced it, otherwise opens one per request with the next one made ahead (`sidecar.md` 8.2), and goes
/// back to waiting when it disappears (8.4). Lives on the loop thread.
final class RuntimeClient: RuntimePort, RuntimeConnection.Owner {
    /// How often the ready file is looked for.
    private static let probeInterval = Duration.milliseconds(100)

    private let loop: EventLoop
    private let pool: SlabPool
    private let readiness: RuntimeReadiness
    private let readyTimeout: Duration
    private var capabilities: RuntimeCapabilities?
    private var current: RuntimeConnection?
    /// Made ahead for a runtime that closes after each reply.
    private var next: RuntimeConnection?
    private var probeTimer: LoopTimer?
    private var waitingSince: MonotonicTime?
    private var isClosed = false

    unowned var events: (any RuntimeEvents)?

    init(loop: EventLoop, pool: SlabPool, directory: String, readyTimeout: Duration) throws(LoopError) {
        self.loop = loop
        self.pool = pool
        self.readiness = RuntimeReadiness(directory: directory)
        self.readyTimeout = readyTimeout
        self.probeTimer = try LoopTimer(loop: loop) { [unowned self] in self.probe() }
    }

    var depth: Int {
        guard let current = self.current, current.isOpen, let capabilities = self.capabilities else { return 0 }
        return 1 + capabilities.aheadCount
    }

    var isAvailable: Bool { self.waitingSince == nil && self.capabilities != nil }

    func start() {
        self.waitingSince = self.loop.now
        self.loop.atTurnEnd { [weak self] in self?.probe() }
    }

    func send(_ body: ByteSlice) {
        guard let current = self.current else { preconditionFailure("a request needs an open connection") }
        current.send(body)
        if self.capabilities?.keepsConnection == false, self.next == nil { self.next = self.connect() }
    }

    func flush() {
        self.current?.flush()
    }

    func close() {
        self.isClosed = true
        self.probeTimer = nil
        self.current?.close()
        self.next?.close()
        self.current = nil
        self.next = nil
    }

    // MARK: Waiting

    private func wait() {
        guard !self.isClosed else { return }
        self.next?.close()
        self.next = nil
        self.current = nil
        self.capabilities = nil
        self.waitingSince = self.waitingSince ?? self.loop.now
        // Never at once: a process that was killed closes its connections a moment before its listener, and a request
        // given to that listener would count as started.
        self.probeTimer?.start(after: Self.probeInterval)
    }

    private func probe() {
        guard !self.isClosed, self.current == nil, let since = self.waitingSince else { return }
        if let capabilities = self.readiness.look() {
            self.capabilities = capabilities
            self.current = self.connect()
            return
        }
        self.probeAgain(since: since)
    }

    private func probeAgain(since: MonotonicTime) {
        guard self.loop.now - since < self.readyTimeout else {
            self.events?.runtimeGone()
            return
        }
        self.probeTimer?.start(after: Self.probeInterval)
    }

    private func connect() -> RuntimeConnection {
        RuntimeConnection(loop: self.loop, pool: self.pool, path: self.readiness.socketPath, owner: self)
    }

    // MARK: RuntimeConnection.Owner

    func connectionOpened(_ connection: RuntimeConnection) {
        guard connection === self.current else { return }
        self.waitingSince = nil
        self.events?.runtimeAvailable()
    }

    func connection(_ connection: RuntimeConnection, replied reply: ByteSlice) {
        precondition(connection === self.current, "requests go to the current connection only")
        if self.capabilities?.keepsConnection == false {
            connection.close()
            self.current = self.next ?? self.connect()
            self.next = nil
        }
        self.events?.runtimeReplied(reply)
    }

    func connectionEnded(_ connection: RuntimeConnection, failure: RuntimeFailure) {
        if connection === self.next {
            // Not used yet; made again when it is needed.
            self.next = nil
            return
        }
        guard connection === self.current else { return }
        let hadRequests = connection.outstandingCount > 0
        let mayHaveStarted = connection.oldestMayHaveStarted
        self.current = nil
        if let since = self.waitingSince, !hadRequests {
            // The runtime is not there yet (stale files, or still loading).
            self.capabilities = nil
            self.probeAgain(since: since)
            return
        }
        self.wait()
        if hadRequests { self.events?.runtimeLost(oldestFailure: mayHaveStarted ? failure : nil) }
    }
}
