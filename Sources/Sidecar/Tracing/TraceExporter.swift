import Logging
import Support
import Traces

/// Sends finished spans to a collector (OTLP/HTTP), beside the message path: batched, one request at a time, bounded, and
/// given up rather than waited for. Lives on the loop thread.
final class TraceExporter {
    /// How long a span waits for others.
    private static let batchDelay = Duration.seconds(1)
    /// Of one request; then its spans are dropped.
    private static let attemptLimit = 3

    private let loop: EventLoop
    private let settings: TracingSettings
    private let client: GatewayClient
    private var limiter: LogLimiter
    private var queue = SpanQueue()
    private var timer: LoopTimer?
    private var request: [UInt8] = []
    private var requestSpanCount = 0
    private var attemptCount = 0
    private var isSending = false
    private var idleWaiter: (() -> Void)?

    init(loop: EventLoop, settings: TracingSettings, logger: Logger) throws(LoopError) {
        self.loop = loop
        self.settings = settings
        self.client = GatewayClient(loop: loop, url: settings.url)
        self.limiter = LogLimiter(logger: logger, clock: { loop.now.nanoseconds })
        self.timer = try LoopTimer(loop: loop) { [unowned self] in self.pump() }
    }

    /// Takes spans over; they leave within a second or two.
    func export(_ spans: [Span]) {
        for span in spans { self.queue.append(span) }
        guard !self.isSending, let timer = self.timer else { return }
        if self.queue.hasFullBatch, self.request.isEmpty {
            self.pump()
        } else if !timer.isActive {
            timer.start(after: Self.batchDelay)
        }
    }

    /// Sends what is left and calls `done`, at the latest after `limit`. For an orderly shutdown.
    func whenIdle(limit: Duration, done: @escaping () -> Void) {
        precondition(self.idleWaiter == nil, "the process shuts down once")
        do throws(LoopError) {
            let deadline = try LoopTimer(loop: self.loop) { [unowned self] in self.releaseIdleWaiter() }
            deadline.start(after: limit)
            self.idleWaiter = {
                deadline.stop()
                done()
            }
        } catch {
            done()
            return
        }
        self.pump()
    }

    private func pump() {
        guard !self.isSending else { return }
        if self.request.isEmpty {
            let batch = self.queue.takeBatch()
            guard !batch.isEmpty else {
                self.releaseIdleWaiter()
                return
            }
            self.requestSpanCount = batch.count
            self.attemptCount = 0
            self.request = self.settings.post(OTLPTraceRequest.encode(batch, serviceName: self.settings.serviceName))
        }
        self.send()
    }

    private func send() {
        self.isSending = true
        self.attemptCount += 1
        self.client.send(self.request, priority: .urgent) { [weak self] outcome in self?.answered(outcome) }
    }

    private func answered(_ outcome: GatewayOutcome) {
        self.isSending = false
        if !outcome.isSuccess, Self.isWorthRepeating(outcome), self.attemptCount < Self.attemptLimit,
            self.idleWaiter == nil
        {
            self.timer?.start(after: Self.batchDelay * (1 << self.attemptCount))
            return
        }
        if !outcome.isSuccess { self.reportLoss(self.requestSpanCount, reason: outcome.text) }
        let dropped = self.queue.takeDroppedCount()
        if dropped > 0 { self.reportLoss(dropped, reason: "the queue was full") }
        self.request = []
        if self.queue.hasFullBatch || self.idleWaiter != nil {
            self.pump()
        } else if self.queue.count > 0 {
            self.timer?.start(after: Self.batchDelay)
        }
    }

    /// By the protocol's list of answers that may pass; no answer may too.
    private static func isWorthRepeating(_ outcome: GatewayOutcome) -> Bool {
        switch outcome {
        case .answered(let status): [429, 502, 503, 504].contains(status)
        case .failed: true
        }
    }

    private func reportLoss(_ count: Int, reason: String) {
        self.limiter.log(.warning, "Trace spans dropped", metadata: ["spans": "\(count)", "reason": "\(reason)"])
    }

    private func releaseIdleWaiter() {
        let waiter = self.idleWaiter
        self.idleWaiter = nil
        waiter?()
    }
}

/// The collector as the exporter needs it.
struct TracingSettings: Equatable, Sendable {
    let url: GatewayURL
    let serviceName: String
    /// May hold secrets; never logged.
    let headers: [TracingConfiguration.Header]

    func post(_ body: [UInt8]) -> [UInt8] {
        self.url.post(
            self.url.basePath.isEmpty ? "/" : self.url.basePath,
            json: body,
            extraHeaders: self.headers.map { ($0.name, $0.value) }
        )
    }
}
