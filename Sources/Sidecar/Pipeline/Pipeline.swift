import Envelope
import Logging
import Support

/// The clocks the pipeline reads; a simulation brings its own.
protocol PipelineClock: AnyObject {
    var now: MonotonicTime { get }
    /// Nanoseconds since 1970, for deadlines.
    var wallClock: Int64 { get }
}

/// Hears of the connection's life, and when the pipeline has come to an end.
protocol PipelineOwner: AnyObject {
    func transportStarted()
    func transportFailedToStart(reason: String)
    func transportClosed()
    /// Nothing is held any more after `drain()`.
    func pipelineDrained()
    /// The process has to end with status 1: a handler hangs, or the runtime is gone.
    func pipelineFailed()
}

/// Carries messages from the queue through the runtime to the next queue, and settles them.
///
/// Owns every held delivery. All decisions about one message are those of `RoutingDecision` and `MessageState`; this
/// class performs them. It lives on the loop thread, never blocks, and has no timer of its own: the owner calls
/// `tick()` at `nextDeadline` and `endTurn()` once per loop turn.
///
/// The path of a message: `received` → `takeUp` → runtime → `runtimeReplied` → `publish` → `publicationSettled` →
/// acknowledged.
final class Pipeline: TransportEvents {
    /// The fixed numbers it works with.
    struct Limits {
        /// `ASYA_RUNTIME_TIMEOUT`.
        var runtimeTimeout: Duration
        /// `ASYA_MAX_INFLIGHT_BYTES`.
        var heldByteLimit: Int
        /// `ASYA_QUEUE_MAX_DELIVERIES`; 0 = unlimited.
        var maxDeliveries: Int
        /// Bytes held beyond which a few messages are enough: large bodies gain nothing from a wide window.
        var comfortableByteCount = 6 * 1024 * 1024
        /// How many messages may be held however large they are (as long as `heldByteLimit` allows).
        var comfortableMessageCount = 3
        /// Time for publishing the error envelope of a timeout before the process ends without it.
        var crashPatience = Duration.seconds(5)
    }

    enum Mode: Equatable {
        case running
        /// Shutting down: what the runtime has is finished, nothing new is taken.
        case draining
        /// A handler timed out: only its error envelope is still published, until `giveUpAt`.
        case crashing(giveUpAt: MonotonicTime)
        case ended
    }

    let rules: ActorRules
    let limits: Limits
    let transport: any Transport
    let runtime: any RuntimePort
    let gateway: (any GatewayReporting)?
    let metrics: SidecarMetrics
    let clock: any PipelineClock
    let log: PipelineLog
    var tracer: HopTracer?
    unowned var owner: (any PipelineOwner)?

    var mode = Mode.running
    var window: AdmissionWindow
    var table: InFlightTable
    var history = DeliveryHistory()
    var random: any RandomNumberGenerator
    /// Received, the handler has not seen them; oldest first.
    var queued = MessageQueue()
    /// Handed to the runtime, in order; the first is being served.
    var inRuntime = MessageQueue()
    /// Waiting for the gateway before they are published, in the order in which the runtime got them.
    var outgoing = MessageQueue()
    /// Messages with a retry or a release to come. Usually empty.
    var timed: [InFlightMessage] = []
    var targets: PublishTargetTable
    let happyEndTarget: PublishTarget
    let emptyResultTarget: PublishTarget
    let errorEndTarget: PublishTarget
    let deadLetterTarget: PublishTarget?
    /// Built anew for each publication.
    let outbound: PieceList
    var heldByteCount = 0
    var largestBodyByteCount = 0
    var isPaused = false
    var lastReceived: MonotonicTime
    /// When the request being served was handed over, or the reply before it arrived.
    var servedSince = MonotonicTime(nanoseconds: 0)

    private let runtimeTimeoutNanoseconds: UInt64

    /// - Parameter deadLetterQueue: `ASYA_QUEUE_DLQ`, a full queue name.
    init(
        rules: ActorRules,
        limits: Limits,
        window: AdmissionWindow,
        deadLetterQueue: String?,
        pool: SlabPool,
        parts: Parts
    ) {
        self.rules = rules
        self.limits = limits
        self.runtimeTimeoutNanoseconds = limits.runtimeTimeout.wholeNanoseconds
        self.window = window
        self.transport = parts.transport
        self.runtime = parts.runtime
        self.gateway = parts.gateway
        self.metrics = parts.metrics
        self.clock = parts.clock
        self.log = parts.log
        self.tracer = parts.tracer
        self.random = parts.random
        self.table = InFlightTable(pool: pool)
        self.outbound = PieceList(pool: pool)
        self.targets = PublishTargetTable(metrics: parts.metrics)
        let happyEnd = Destination(actorName: rules.happyEnd)
        self.happyEndTarget = PublishTarget(
            happyEnd,
            kind: .happyEnd,
            label: happyEnd.queueName,
            metrics: parts.metrics
        )
        self.emptyResultTarget = PublishTarget(
            happyEnd,
            kind: .happyEnd,
            label: rules.happyEnd,
            metrics: parts.metrics
        )
        self.errorEndTarget = PublishTarget(
            Destination(actorName: rules.errorEnd),
            kind: .errorEnd,
            label: rules.errorEnd,
            metrics: parts.metrics
        )
        self.deadLetterTarget = deadLetterQueue.map {
            PublishTarget(Destination(directQueueName: $0), kind: .deadLetter, label: $0, metrics: parts.metrics)
        }
        self.lastReceived = parts.clock.now
        self.transport.events = self
        self.runtime.events = self
    }

    /// What the pipeline works with.
    struct Parts {
        var transport: any Transport
        var runtime: any RuntimePort
        var gateway: (any GatewayReporting)?
        var metrics: SidecarMetrics
        var clock: any PipelineClock
        var log: PipelineLog
        /// Nil when nobody collects traces.
        var tracer: HopTracer?
        var random: any RandomNumberGenerator
    }

    /// Subscribes to the queue.
    func startReceiving() {
        self.metrics.inFlightWindow.set(Double(self.window.messageCount))
        self.transport.startReceiving(window: self.window.messageCount)
    }

    /// Once per loop turn: hands over what can be handed over, then everything collected leaves in one batch.
    func endTurn() {
        self.takeUp()
        self.runtime.flush()
        self.updatePause()
        self.transport.flush()
        self.finishWhenEmpty()
    }

    /// The earliest moment at which `tick()` has something to do.
    var nextDeadline: MonotonicTime? {
        guard self.mode != .ended else { return nil }
        var earliest = MonotonicTime.distantFuture
        if case .crashing(let giveUpAt) = self.mode { earliest = giveUpAt }
        if self.mode == .running || self.mode == .draining, !self.inRuntime.isEmpty {
            earliest = min(earliest, self.servedSince + self.runtimeTimeoutNanoseconds)
        }
        for message in self.timed {
            earliest = min(earliest, message.due)
            for retry in message.retries { earliest = min(earliest, retry.due) }
        }
        return earliest == .distantFuture ? nil : earliest
    }

    /// Performs what is due.
    func tick() {
        // The owner's timer may still fire while the transport is being closed.
        guard self.mode != .ended else { return }
        let now = self.clock.now
        if case .crashing(let giveUpAt) = self.mode, giveUpAt <= now {
            self.endAfterCrash()
            return
        }
        if !self.timed.isEmpty { self.performTimed(now: now) }
        if self.mode == .running || self.mode == .draining, let served = self.inRuntime.first,
            self.servedSince + self.runtimeTimeoutNanoseconds <= now
        {
            self.runtimeTimedOut(served)
        }
    }

    /// Stops taking deliveries while the bytes held would exceed their bound; `heldByteLimit` itself may be exceeded
    /// only by one message that is larger than everything allowed, alone.
    func updatePause() {
        let next = self.heldByteCount + self.largestBodyByteCount
        let isFull =
            self.table.count > 0
            && (next > self.limits.heldByteLimit
                || (next > self.limits.comfortableByteCount
                    && self.table.count >= self.limits.comfortableMessageCount))
        guard isFull != self.isPaused else { return }
        self.isPaused = isFull
        self.transport.setPaused(isFull)
    }

    func transportStarted() { self.owner?.transportStarted() }
    func transportFailedToStart(reason: String) { self.owner?.transportFailedToStart(reason: reason) }
    func transportClosed() { self.owner?.transportClosed() }

    private func finishWhenEmpty() {
        guard self.mode == .draining, self.table.count == 0 else { return }
        self.mode = .ended
        self.owner?.pipelineDrained()
    }
}

/// Held messages in order. Removing from the front moves nothing until the queue is empty or half of it is stale.
struct MessageQueue {
    private var items: [InFlightMessage] = []
    private var head = 0

    var isEmpty: Bool { self.head == self.items.count }
    var count: Int { self.items.count - self.head }
    var first: InFlightMessage? { self.isEmpty ? nil : self.items[self.head] }

    mutating func append(_ message: InFlightMessage) {
        self.items.append(message)
    }

    mutating func popFirst() -> InFlightMessage? {
        guard let first = self.first else { return nil }
        self.head += 1
        if self.head == self.items.count {
            self.items.removeAll(keepingCapacity: true)
            self.head = 0
        } else if self.head >= 64, self.head * 2 >= self.items.count {
            self.items.removeFirst(self.head)
            self.head = 0
        }
        return first
    }

    /// Puts messages back in front, in their order.
    mutating func prepend(_ messages: [InFlightMessage]) {
        self.items.replaceSubrange(0..<self.head, with: messages)
        self.head = 0
    }

    /// Removes and returns everything.
    mutating func removeAll() -> [InFlightMessage] {
        let all = Array(self.items[self.head...])
        self.items.removeAll(keepingCapacity: true)
        self.head = 0
        return all
    }

    mutating func removeAll(where shouldRemove: (InFlightMessage) -> Bool) -> [InFlightMessage] {
        let all = self.removeAll()
        self.items = all.filter { !shouldRemove($0) }
        return all.filter(shouldRemove)
    }
}
