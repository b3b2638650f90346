import Envelope
import Logging
import SeededRandom
import Traces

@testable import Sidecar

/// A pipeline between neighbours that do only what a test tells them, for the cases in which a single moment matters;
/// the simulation covers everything that is a matter of chance.
final class PipelineFixture: PipelineOwner {
    final class Clock: PipelineClock {
        var now = MonotonicTime(nanoseconds: 1_000_000_000)
        var wallClock: Int64 = 0
    }

    final class Broker: Transport {
        weak var events: (any TransportEvents)?
        var canPublish = true
        var isConnected = true
        private(set) var isPaused = false
        private(set) var window = 0
        private(set) var isReceiving = false
        private(set) var published: [(queueName: String, body: String, token: UInt64)] = []
        private(set) var acknowledged: [UInt64] = []
        private(set) var released: [UInt64] = []
        private(set) var releaseDelays: [Duration] = []
        private(set) var hops: [Hop] = []
        private(set) var traces: [TraceHeaders?] = []
        private(set) var isRuntimeAlive = true
        var groupsHops = false
        var canDelayRelease = false
        var deadLettersByItself = false
        var carriesTraces = false

        func start() {}
        func startReceiving(window: Int) {
            self.window = window
            self.isReceiving = true
        }
        func setWindow(_ messageCount: Int) { self.window = messageCount }
        func setPaused(_ isPaused: Bool) { self.isPaused = isPaused }
        func stopReceiving() { self.isReceiving = false }
        func publish(
            _ body: PieceList,
            to destination: Destination,
            messageID: UnsafeRawBufferPointer,
            trace: TraceHeaders?,
            token: UInt64,
            hop: Hop
        ) {
            let bytes = body.pieces.flatMap { Array($0.bytes) }
            self.published.append((destination.queueName, String(decoding: bytes, as: UTF8.self), token))
            self.hops.append(hop)
            self.traces.append(trace)
        }
        func acknowledge(_ receipt: Receipt) { self.acknowledged.append(receipt.tag) }
        func release(_ receipt: Receipt, after delay: Duration) {
            self.released.append(receipt.tag)
            self.releaseDelays.append(delay)
        }
        func setRuntimeAlive(_ isAlive: Bool) { self.isRuntimeAlive = isAlive }
        func flush() {}
        func close(limit: Duration) {}
    }

    final class Handler: RuntimePort {
        weak var events: (any RuntimeEvents)?
        var depth = 1
        var isAvailable = true
        private(set) var requestCount = 0
        private(set) var isClosed = false

        func start() {}
        func send(_ body: ByteSlice) { self.requestCount += 1 }
        func flush() {}
        func close() {
            self.isClosed = true
            self.depth = 0
        }
    }

    let clock = Clock()
    let broker = Broker()
    let handler = Handler()
    let pool = SlabPool()
    let metrics: SidecarMetrics
    let pipeline: Pipeline
    private(set) var drainedCount = 0
    private(set) var failedCount = 0
    private var nextTag: UInt64 = 0

    init(
        actor: String = "own",
        isEndActor: Bool = false,
        window: Int = 16,
        heldByteLimit: Int = 1 << 24,
        maxDeliveries: Int = 0,
        deadLetterQueue: String? = nil
    ) {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        self.metrics = SidecarMetrics(namespace: "t", queue: actor, transport: "t", logger: logger)
        self.pipeline = Pipeline(
            rules: ActorRules(
                ownName: actor,
                happyEnd: "happy-end",
                errorEnd: "error-end",
                isEndActor: isEndActor,
                enforcesDeadline: false
            ),
            limits: Pipeline.Limits(
                runtimeTimeout: .seconds(300),
                heldByteLimit: heldByteLimit,
                maxDeliveries: maxDeliveries
            ),
            window: AdmissionWindow(pinned: window, wide: 16),
            deadLetterQueue: deadLetterQueue,
            pool: self.pool,
            parts: Pipeline.Parts(
                transport: self.broker,
                runtime: self.handler,
                gateway: nil,
                metrics: self.metrics,
                clock: self.clock,
                log: PipelineLog(logger: logger, clock: { 0 }),
                random: SeededRandom(seed: 1)
            )
        )
        self.pipeline.owner = self
        self.pipeline.startReceiving()
    }

    func transportStarted() {}
    func transportFailedToStart(reason: String) {}
    func transportClosed() {}
    func pipelineDrained() { self.drainedCount += 1 }
    func pipelineFailed() { self.failedCount += 1 }

    // MARK: Steps

    static func envelope(payload: String = "1", actor: String = "own") -> String {
        #"{"id":"x","route":{"actors":["\#(actor)","next"],"current":0},"payload":\#(payload)}"#
    }

    /// A delivery arrives; the turn does not end yet. Returns its tag.
    @discardableResult
    func deliver(_ body: String = PipelineFixture.envelope(), trace: TraceHeaders? = nil) -> UInt64 {
        self.nextTag += 1
        self.pipeline.received(
            ReceivedMessage(
                body: self.pool.slice(copying: Array(body.utf8)),
                receipt: Receipt(generation: 1, tag: self.nextTag),
                previousDeliveries: nil,
                isRedelivered: false,
                trace: trace
            )
        )
        return self.nextTag
    }

    func endTurn() {
        self.pipeline.endTurn()
    }

    func reply(_ text: String) {
        self.pipeline.runtimeReplied(self.pool.slice(copying: Array(text.utf8)))
        self.endTurn()
    }

    /// A reply with elements that go to these actors.
    func reply(to actors: [String]) {
        let elements = actors.map { #"{"route":{"actors":["own","\#($0)"],"current":1},"payload":2}"# }
        self.reply("[\(elements.joined(separator: ","))]")
    }

    /// Answers publications by their position, and ends the turn.
    func settle(_ positions: Range<Int>, _ outcome: PublicationOutcome) {
        for position in positions where self.broker.published.indices.contains(position) {
            self.pipeline.publicationSettled(token: self.broker.published[position].token, outcome: outcome)
        }
        self.endTurn()
    }

    /// Time passes; the pipeline is woken as often as it wants to be.
    func pass(_ duration: Duration) {
        let end = self.clock.now + duration
        while let deadline = self.pipeline.nextDeadline, deadline <= end {
            self.clock.now = max(self.clock.now, deadline)
            self.pipeline.tick()
            self.endTurn()
        }
        self.clock.now = end
    }
}
