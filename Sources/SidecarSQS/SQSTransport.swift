import AWS
import Logging
import Sidecar
import Support

/// SQS behind the `Transport` seam (`sidecar.md` section 7): long polls, and sends, deletes and changes of visibility
/// in batches that are filled across messages.
///
/// Lives on the loop thread. When something is to be done is decided by `ReceivePoller`, `EntryQueue`, `LeaseTable`
/// and `QueueURL`; this class performs it, and one timer wakes it for the earliest of their times. Calls are collected
/// during a loop turn and leave in `flush()`.
final class SQSTransport: Transport {
    /// An outstanding long poll may still come back for this long during a shutdown (`sidecar.md` section 12).
    private static let pollGrace = Duration.seconds(5)
    /// Message bytes that wait to be sent, beyond which nothing more is taken into the runtime.
    static let waitingByteLimit = 4 * 1024 * 1024
    /// After a message of a group went back, longer than its back-off lasts: what is received together with it would go back
    /// with it, and every time count as a delivery that was none.
    static let oneByOneTime = Duration.seconds(60)
    /// Receipts have no connection that they could outlive.
    static let generation: UInt32 = 1

    enum Phase {
        case idle, running
        case closing(deadline: MonotonicTime)
        case closed
    }

    let loop: EventLoop
    let pool: SlabPool
    /// Whether the own queue has groups.
    let isFIFO: Bool
    let settings: SQSSettings
    let caller: ServiceCaller
    let logger: Logger
    var log: LogLimiter
    var random = SystemRandomNumberGenerator()
    private let connectionChanged: (Bool) -> Void
    private var timer: LoopTimer?
    private var armedFor = MonotonicTime.distantFuture
    var phase = Phase.idle

    // Receiving
    var own: OwnQueue
    var poller = ReceivePoller()
    /// Nil while nothing is to be received.
    var window: Int?
    var isPaused = false
    var isDelivering = false
    /// Received while paused, or not reported yet; oldest first.
    var undelivered: [Delivery] = []
    var messages: [AWS.ReceivedMessage] = []
    private var pollGraceEnd: MonotonicTime?

    // Held deliveries
    var held: [UInt64: HeldMessage] = [:]
    var groups = MessageGroups()
    /// Receive calls ask for one message until then.
    var oneByOneUntil = MonotonicTime(nanoseconds: 0)
    var nextTag: UInt64 = 1
    var leases: LeaseTable
    /// When leases are looked at next: looking costs time in proportion to their number.
    var leaseCheckAt = MonotonicTime.distantFuture
    let leaseCheckSlack: Duration
    var deletes = EntryQueue<Deletion>(limits: .init(linger: .milliseconds(20), callCount: 8))
    var visibilityChanges = EntryQueue<VisibilityChange>(limits: .init(linger: .milliseconds(5), callCount: 8))

    // Sending
    /// Destinations with messages that wait or are under way.
    var busyDestinations: [SQSDestination] = []
    var waitingByteCount = 0
    var limits: SQSLimits
    private var couldPublish = true

    /// Request bodies that are not in use.
    private var freeBuffers: [RequestBuffer] = []

    unowned var events: (any TransportEvents)?

    init(
        loop: EventLoop,
        pool: SlabPool,
        settings: SQSSettings,
        caller: ServiceCaller,
        logger: Logger,
        connectionChanged: @escaping (Bool) -> Void
    ) throws(LoopError) {
        self.loop = loop
        self.pool = pool
        self.settings = settings
        self.limits = settings.limits
        self.isFIFO = QueueAddress.isFIFO(queueName: settings.queueName)
        self.caller = caller
        self.logger = logger
        self.log = LogLimiter(logger: logger, clock: { loop.now.nanoseconds })
        self.connectionChanged = connectionChanged
        self.own = OwnQueue(
            retry: OwnQueueRetry(attempts: settings.queueAttempts, firstDelay: settings.queueBackoff)
        )
        let leaseLimits = LeaseTable.Limits(
            visibility: .seconds(settings.visibilitySeconds),
            maximumHold: SQSSettings.maximumHold,
            batchCount: SQSLimits.batchEntryLimit
        )
        self.leases = LeaseTable(limits: leaseLimits)
        // Leases that end at about the same time are renewed together, in full batches.
        self.leaseCheckSlack = leaseLimits.renewAfter / 8
        self.timer = try LoopTimer(loop: loop) { [unowned self] in self.armedFor = .distantFuture }
    }

    // MARK: Transport

    func start() {
        self.phase = .running
        // No network call yet (`sidecar.md` section 3): the own queue is looked up when receiving begins.
        self.loop.atTurnEnd { [weak self] in self?.events?.transportStarted() }
    }

    func startReceiving(window: Int) {
        self.window = window
    }

    func setWindow(_ messageCount: Int) {
        guard self.window != nil else { return }
        self.window = messageCount
    }

    func setPaused(_ isPaused: Bool) {
        self.isPaused = isPaused
        guard !isPaused, !self.undelivered.isEmpty else { return }
        self.loop.atTurnEnd { [weak self] in self?.deliver() }
    }

    func stopReceiving() {
        self.window = nil
        self.isPaused = false
        self.pollGraceEnd = self.loop.now + Self.pollGrace
        let waiting = self.undelivered
        self.undelivered = []
        for delivery in waiting { self.release(delivery.receipt, after: .zero) }
    }

    var canPublish: Bool { self.waitingByteCount < Self.waitingByteLimit }
    var isConnected: Bool { self.own.isReachable }

    // Every message has its own calls; a batch is no transaction.
    var groupsHops: Bool { false }
    var canDelayRelease: Bool { true }
    // For producers and consumers with OpenTelemetry's instrumentation, which know nothing of envelopes.
    var carriesTraces: Bool { true }
    // The queue's redrive policy counts receives.
    var deadLettersByItself: Bool { true }

    func setRuntimeAlive(_ isAlive: Bool) {
        self.leases.isRuntimeAlive = isAlive
    }

    func flush() {
        if case .closed = self.phase { return }
        let now = self.loop.now
        self.checkLeases(now: now)
        self.makeSendCalls(now: now)
        self.makeDeleteCalls(now: now)
        self.makeVisibilityCalls(now: now)
        self.makeReceiveCalls(now: now)
        self.caller.flush()
        self.announceAvailability()
        self.closeWhenNothingIsLeft(now: now)
        self.arm(now: now)
    }

    func close(limit: Duration) {
        switch self.phase {
        case .closing, .closed:
            return
        case .idle, .running:
            var deadline = self.loop.now + limit
            // What a long poll still brings is given back at once instead of being hidden until its visibility ends.
            if let grace = self.pollGraceEnd, self.leases.isRuntimeAlive, self.poller.pollCount > 0 {
                deadline = max(deadline, grace)
            }
            self.window = nil
            self.phase = .closing(deadline: deadline)
            self.loop.atTurnEnd { [weak self] in self?.flush() }
        }
    }

    var isClosing: Bool {
        switch self.phase {
        case .idle, .running: false
        case .closing, .closed: true
        }
    }

    private func closeWhenNothingIsLeft(now: MonotonicTime) {
        guard case .closing(let deadline) = self.phase else { return }
        let isDone =
            self.poller.pollCount == 0 && self.deletes.isIdle && self.visibilityChanges.isIdle
            && self.busyDestinations.isEmpty
        guard isDone || now >= deadline else { return }
        self.phase = .closed
        self.timer?.stop()
        self.log.flush()
        self.loop.atTurnEnd { [weak self] in
            guard let self else { return }
            self.caller.close()
            self.events?.transportClosed()
        }
    }

    private func announceAvailability() {
        guard self.canPublish != self.couldPublish else { return }
        self.couldPublish = self.canPublish
        self.events?.publishingAvailabilityChanged()
    }

    /// What varies is `queue` and `problem`; the text is the kind that is limited to ten lines per second.
    func warn(_ text: StaticString, queue: String, _ problem: some CustomStringConvertible) {
        self.log.log(.warning, "\(text)", metadata: ["queue": "\(queue)", "error": "\(problem)"])
    }

    func setReachable(_ isReachable: Bool) {
        guard self.own.isReachable != isReachable else { return }
        self.own.isReachable = isReachable
        self.connectionChanged(isReachable)
    }

    // MARK: Time

    /// The loop calls `flush` after the timer, as after everything else.
    private func arm(now: MonotonicTime) {
        let due = self.nextDue(now: now)
        guard due < self.armedFor else { return }
        self.armedFor = due
        self.timer?.start(after: due - now)
    }

    private func nextDue(now: MonotonicTime) -> MonotonicTime {
        var due = self.leaseCheckAt
        if let time = self.deletes.nextDue { due = min(due, time) }
        if let time = self.visibilityChanges.nextDue { due = min(due, time) }
        for destination in self.busyDestinations where destination.url.value != nil {
            if let time = destination.entries.nextDue { due = min(due, time) }
        }
        if self.window != nil {
            if let time = self.poller.nextDue { due = min(due, time) }
            if let time = self.own.lookupDue { due = min(due, time) }
        }
        if case .closing(let deadline) = self.phase { due = min(due, deadline) }
        return due
    }

    // MARK: Request bodies

    func buffer() -> RequestBuffer {
        self.freeBuffers.popLast() ?? RequestBuffer()
    }

    /// Keeps a buffer for another request; large ones are not worth their memory.
    func recycle(_ buffer: RequestBuffer) {
        guard buffer.bytes.count <= 64 * 1024, self.freeBuffers.count < 32 else { return }
        self.freeBuffers.append(buffer)
    }
}
