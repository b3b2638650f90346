import Logging
import Support

/// Reports to the gateway beside the message path (`sidecar.md` section 9).
///
/// Progress waits in a bounded `ReportQueue` and leaves in the background; fan-out children and final statuses go
/// first, because messages wait for them. Lives on the loop thread. It decides nothing about messages: whatever the
/// gateway does, the pipeline only hears that a wait is over, or how a final status ended.
final class ProgressReporter: GatewayReporting {
    /// Attempts of one progress report, and the time between them (9.1).
    static let attemptLimit = 5
    static let attemptDelay = Duration.milliseconds(200)
    /// Longest wait before a terminal envelope is published (9.2).
    static let attemptedLimit = Duration.seconds(1)
    /// Envelopes whose report is under way or waits for its next attempt. It bounds what an unreachable gateway costs:
    /// 16 reports × 5 attempts a second.
    static let underWayLimit = 16

    /// A progress report that has left the queue.
    private struct UnderWay {
        let report: ProgressReport
        var attemptCount = 0
        /// When the next attempt is due; nil while one is in progress.
        var due: MonotonicTime?
    }

    private struct Waiter {
        let id: String
        let deadline: MonotonicTime
        let done: () -> Void
    }

    private struct IdleWaiter {
        let deadline: MonotonicTime
        let done: () -> Void
    }

    let client: GatewayClient
    let loop: EventLoop
    let logger: Logger
    private let metrics: SidecarMetrics
    var limiter: LogLimiter
    private var queue = ReportQueue()
    private var underWay: [UnderWay] = []
    private var waiters: [Waiter] = []
    private var idleWaiter: IdleWaiter?
    private var health = GatewayHealth()
    var childBatches: [ChildBatch] = []
    var finals: [FinalDelivery] = []
    private var timer: LoopTimer?
    private var armedFor = MonotonicTime.distantFuture
    private var isHurrying = false
    var isAbandoned = false

    init(loop: EventLoop, url: GatewayURL, metrics: SidecarMetrics, logger: Logger) throws(LoopError) {
        self.loop = loop
        self.client = GatewayClient(loop: loop, url: url)
        self.metrics = metrics
        self.logger = logger
        self.limiter = LogLimiter(logger: logger, clock: { loop.now.nanoseconds })
        self.timer = try LoopTimer(loop: loop) { [unowned self] in
            self.armedFor = .distantFuture
            self.pump()
        }
        self.client.capacityFreed = { [unowned self] in self.pump() }
    }

    /// Progress reports that wait or are under way.
    var pendingReportCount: Int { self.queue.count + self.underWay.count }

    // MARK: GatewayReporting

    func reportProgress(
        _ stage: ProgressStage,
        id: String,
        actorsJSON: UnsafeRawBufferPointer,
        currentIndex: Int
    ) {
        guard !self.isAbandoned else { return }
        let admission = self.queue.append(stage, id: id, actorsJSON: actorsJSON, currentIndex: currentIndex)
        if case .dropped(let ids) = admission {
            for _ in ids { self.metrics.gatewayReportsDropped.increment() }
            if self.waiters.contains(where: { ids.contains($0.id) }) { self.releaseWaiters() }
        }
        // Without room for another one there is nothing to do until an answer or a deadline arrives.
        if self.underWay.count < Self.underWayLimit, self.client.hasCapacity(for: .background) { self.pump() }
    }

    func whenReportsAttempted(id: String, done: @escaping () -> Void) {
        guard !self.isAbandoned, self.health.isWorthWaiting, self.queue.hasUnattempted(id: id) else {
            done()
            return
        }
        self.waiters.append(Waiter(id: id, deadline: self.loop.now + Self.attemptedLimit, done: done))
        self.arm()
    }

    func registerChildren(_ children: [ChildRegistration], done: @escaping () -> Void) {
        guard !self.isAbandoned, !children.isEmpty else {
            done()
            return
        }
        self.childBatches.append(ChildBatch(children, deadline: self.loop.now + ChildBatch.limit, done: done))
        self.pump()
    }

    func reportFinal(_ report: FinalReport, done: @escaping (FinalReportOutcome) -> Void) {
        guard !self.isAbandoned else {
            done(.unreachable)
            return
        }
        let final = FinalDelivery(report, now: self.loop.now, done: done)
        if self.isHurrying { final.retry.hurry(now: self.loop.now) }
        self.finals.append(final)
        self.pump()
    }

    /// Calls `done` when all progress reports have had their end, at the latest after `limit`; at once when there are
    /// none or the gateway does not take them. For an orderly shutdown.
    func whenIdle(limit: Duration, done: @escaping () -> Void) {
        precondition(self.idleWaiter == nil, "the process shuts down once")
        self.idleWaiter = IdleWaiter(deadline: self.loop.now + limit, done: done)
        self.pump()
        if self.isAbandoned { self.releaseIdleWaiter() }
    }

    func hurry() {
        self.isHurrying = true
        for final in self.finals { final.retry.hurry(now: self.loop.now) }
        self.pump()
    }

    func abandon() {
        guard !self.isAbandoned else { return }
        self.isAbandoned = true
        self.timer?.stop()
        self.client.close()
        self.underWay = []
        self.queue = ReportQueue()
        let waiters = self.waiters
        self.waiters = []
        for waiter in waiters { waiter.done() }
        let batches = self.childBatches
        self.childBatches = []
        for batch in batches { batch.end() }
        let finals = self.finals
        self.finals = []
        for final in finals { final.end(.unreachable) }
        self.releaseIdleWaiter()
        self.limiter.flush()
    }

    // MARK: Pump

    /// Starts what can be started, ends what is over, and sets the timer for the rest.
    func pump() {
        guard !self.isAbandoned else { return }
        let now = self.loop.now
        self.pumpFinals(now: now)
        self.pumpChildren(now: now)
        self.pumpProgress(now: now)
        self.releaseWaiters()
        self.releaseIdleWaiter()
        self.arm()
    }

    private func pumpProgress(now: MonotonicTime) {
        while self.client.hasCapacity(for: .background) {
            if let index = self.underWay.firstIndex(where: { $0.due.map { $0 <= now } ?? false }) {
                self.attempt(index)
            } else if self.underWay.count < Self.underWayLimit, let report = self.queue.next() {
                self.underWay.append(UnderWay(report: report))
                self.attempt(self.underWay.count - 1)
            } else {
                return
            }
        }
    }

    private func attempt(_ index: Int) {
        self.underWay[index].due = nil
        self.underWay[index].attemptCount += 1
        let report = self.underWay[index].report
        let path = self.client.url.progressPath(id: report.id)
        let request = self.client.url.post(path, json: GatewayDocuments.progress(report))
        self.client.send(request, priority: .background) { [weak self] outcome in
            self?.attempted(report, outcome)
        }
    }

    private func attempted(_ report: ProgressReport, _ outcome: GatewayOutcome) {
        // One report of an envelope is under way at a time, so the id finds it.
        guard let index = self.underWay.firstIndex(where: { $0.report.id == report.id }) else { return }
        let attemptCount = self.underWay[index].attemptCount
        if attemptCount == 1 { self.queue.attempted(id: report.id) }
        // Only status 200 counts here (9.1), unlike everywhere else.
        if outcome == .answered(status: 200) {
            self.health.reportAccepted()
            self.metrics.gatewayReports(kind: "progress", result: "accepted").increment()
        } else {
            self.health.reportFailed()
            guard attemptCount >= Self.attemptLimit else {
                self.underWay[index].due = self.loop.now + Self.attemptDelay
                return
            }
            self.metrics.gatewayReports(kind: "progress", result: "failed").increment()
            self.limiter.log(
                .warning,
                "Progress report not accepted by the gateway, given up",
                metadata: ["id": "\(report.id.prefix(200))", "error": "\(outcome.text)"]
            )
        }
        self.underWay.remove(at: index)
        self.queue.finished(id: report.id)
    }

    /// Ends the waits that are over: everything attempted, or no more patience.
    private func releaseWaiters() {
        guard !self.waiters.isEmpty else { return }
        let now = self.loop.now
        if self.waiters.contains(where: { $0.deadline <= now && self.queue.hasUnattempted(id: $0.id) }) {
            self.health.waitExpired()
        }
        let isWorthWaiting = self.health.isWorthWaiting
        var over: [Waiter] = []
        self.waiters.removeAll { waiter in
            let isOver = !isWorthWaiting || !self.queue.hasUnattempted(id: waiter.id)
            if isOver { over.append(waiter) }
            return isOver
        }
        for waiter in over { waiter.done() }
    }

    private func releaseIdleWaiter() {
        guard let waiter = self.idleWaiter else { return }
        let isIdle = self.queue.isEmpty && self.underWay.isEmpty
        guard isIdle || !self.health.isWorthWaiting || waiter.deadline <= self.loop.now else { return }
        self.idleWaiter = nil
        waiter.done()
    }

    private func arm() {
        var earliest = MonotonicTime.distantFuture
        if self.client.hasCapacity(for: .background) {
            for report in self.underWay { if let due = report.due { earliest = min(earliest, due) } }
        }
        for waiter in self.waiters { earliest = min(earliest, waiter.deadline) }
        for batch in self.childBatches { earliest = min(earliest, batch.deadline) }
        let canSend = self.client.hasCapacity(for: .urgent)
        for final in self.finals { earliest = min(earliest, final.nextDeadline(canSend: canSend)) }
        if let waiter = self.idleWaiter { earliest = min(earliest, waiter.deadline) }
        guard earliest < self.armedFor else { return }
        self.armedFor = earliest
        self.timer?.start(after: earliest - self.loop.now)
    }

    // MARK: What the extensions count and log

    func count(kind: String, result: String) {
        self.metrics.gatewayReports(kind: kind, result: result).increment()
    }
}
