internal import AsyncHTTPClient
internal import Logging
internal import NIOCore
internal import NIOHTTP1
internal import Support
internal import Synchronization
internal import Traces

/// Sends finished spans to a collector (OTLP/HTTP), beside the requests: batched, one request at a time, bounded, and
/// given up rather than waited for.
final class SpanExporter: Sendable {
    /// Of one request to the collector.
    private static let requestTimeout = TimeAmount.seconds(10)
    /// Of an error's text in the log.
    private static let errorCharacterLimit = 200
    /// Of its answer, which nobody reads.
    private static let answerByteLimit = 64 << 10

    private struct State {
        var export = SpanExport()
        /// The one task that waits or sends.
        var task: Task<Void, Never>?
        var isWaiting = false
        var isClosed = false
        var idleWaiter: OnceOnly<Void>?
    }

    private let settings: TracingConfiguration
    private let headers: HTTPHeaders
    private let metrics: GatewayMetrics
    private let logger: Logger
    private let state = Mutex(State())

    /// - Throws: when the endpoint is not an address; the text names the variable it comes from.
    init(_ settings: TracingConfiguration, metrics: GatewayMetrics, logger: Logger) throws {
        do {
            _ = try HTTPClient.Request(url: settings.endpoint)
        } catch {
            throw StoreError.misconfigured("\(settings.endpointVariableName) is not an http or https URL")
        }
        self.settings = settings
        var headers = HTTPHeaders([("Content-Type", "application/json")])
        for header in settings.headers { headers.replaceOrAdd(name: header.name, value: header.value) }
        self.headers = headers
        self.metrics = metrics
        self.logger = logger
    }

    /// Takes a span over; it leaves within a second or two.
    func export(_ span: Span) {
        self.state.withLock { state in
            guard !state.isClosed else { return }
            self.perform(state.export.append([span]), &state)
        }
    }

    /// Sends what is left, for at most `limit`.
    func close(limit: Duration) async {
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            let once = OnceOnly(continuation)
            self.state.withLock { state in
                state.idleWaiter = once
                if state.isWaiting {
                    state.task?.cancel()
                    state.isWaiting = false
                }
                self.perform(state.export.flush(), &state)
            }
            Task {
                try await Task.sleep(for: limit)
                once.resume(())
            }
        }
        self.state.withLock { state in
            state.isClosed = true
            state.task?.cancel()
        }
    }

    /// Under the lock.
    private func perform(_ step: SpanExport.Step, _ state: inout State) {
        switch step {
        case .send:
            if state.isWaiting { state.task?.cancel() }
            state.isWaiting = false
            state.task = Task { await self.send() }
        case .wait(let delay):
            guard !state.isWaiting else { return }
            state.isWaiting = true
            state.task = Task {
                guard (try? await Task.sleep(for: delay)) != nil else { return }  // Somebody sends earlier.
                self.state.withLock { $0.isWaiting = false }
                await self.send()
            }
        case .rest:
            guard state.export.isIdle else { return }
            state.idleWaiter?.resume(())
            state.idleWaiter = nil
        }
    }

    private func send() async {
        let batch = self.state.withLock { $0.export.nextBatch() }
        guard !batch.isEmpty else { return }
        let answer = await self.post(OTLPTraceRequest.encode(batch, serviceName: self.settings.serviceName))
        self.state.withLock { state in
            let (step, losses) = state.export.answered(answer)
            // First, since whoever waits for the last answer may end the program.
            self.report(losses)
            self.perform(step, &state)
        }
    }

    private func report(_ losses: [SpanExport.Loss]) {
        for loss in losses {
            self.metrics.spansDropped(loss.spanCount)
            self.logger.warning(
                "Trace spans dropped",
                metadata: ["spans": "\(loss.spanCount)", "reason": "\(loss.reason)"]
            )
        }
    }

    private func post(_ body: [UInt8]) async -> SpanExport.Answer {
        var request = HTTPClientRequest(url: self.settings.endpoint)
        request.method = .POST
        request.headers = self.headers
        request.body = .bytes(ByteBuffer(bytes: body))
        do {
            let answer = try await HTTPClient.shared.execute(request, timeout: Self.requestTimeout)
            _ = try await answer.body.collect(upTo: Self.answerByteLimit)
            return .status(Int(answer.status.code))
        } catch {
            return .failed("no answer: \("\(error)".prefix(Self.errorCharacterLimit))")
        }
    }
}
