import Logging
import Support
import Traces

/// Sends finished spans to a collector (OTLP/HTTP), beside the message path: batched, one request at a time, bounded, and
/// given up rather than waited for. Lives on the loop thread.
final class TraceExporter {
    private let loop: EventLoop
    private let settings: TracingSettings
    private let client: GatewayClient
    private var limiter: LogLimiter
    private var export = SpanExport()
    private var timer: LoopTimer?
    private var idleWaiter: (() -> Void)?

    init(loop: EventLoop, settings: TracingSettings, logger: Logger) throws(LoopError) {
        self.loop = loop
        self.settings = settings
        self.client = GatewayClient(loop: loop, url: settings.url)
        self.limiter = LogLimiter(logger: logger, clock: { loop.now.nanoseconds })
        self.timer = try LoopTimer(loop: loop) { [unowned self] in self.send() }
    }

    /// Takes spans over; they leave within a second or two.
    func export(_ spans: [Span]) { self.perform(self.export.append(spans)) }

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
        self.perform(self.export.flush())
    }

    private func perform(_ step: SpanExport.Step) {
        switch step {
        case .send: self.send()
        case .wait(let delay):
            if let timer = self.timer, !timer.isActive { timer.start(after: delay) }
        case .rest:
            if self.export.isIdle { self.releaseIdleWaiter() }
        }
    }

    private func send() {
        let batch = self.export.nextBatch()
        guard !batch.isEmpty else { return }
        let request = self.settings.post(OTLPTraceRequest.encode(batch, serviceName: self.settings.serviceName))
        self.client.send(request, priority: .urgent) { [weak self] outcome in self?.answered(outcome) }
    }

    private func answered(_ outcome: GatewayOutcome) {
        let answer: SpanExport.Answer =
            switch outcome {
            case .answered(let status): .status(status)
            case .failed: .failed(outcome.text)
            }
        let (step, losses) = self.export.answered(answer)
        for loss in losses {
            self.limiter.log(
                .warning,
                "Trace spans dropped",
                metadata: ["spans": "\(loss.spanCount)", "reason": "\(loss.reason)"]
            )
        }
        self.perform(step)
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
