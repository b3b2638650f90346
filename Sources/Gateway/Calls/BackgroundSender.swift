internal import Logging
internal import QueueClient
internal import Synchronization

/// Sends envelopes behind the answers of their calls, and knows how many are on their way.
final class BackgroundSender: Sendable {
    /// Messages on their way at once. Beyond that the store's mark brings them back a little later: a broker that is
    /// slow must not fill our memory.
    static let activeLimit = 10_000

    private struct State {
        var active: Set<String> = []
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let store: any EnvelopeStore
    private let queue: any QueueClient
    private let metrics: GatewayMetrics
    private let tracer: CallTracer?
    private let logger: Logger
    private let state = Mutex(State())

    init(
        store: any EnvelopeStore,
        queue: any QueueClient,
        metrics: GatewayMetrics,
        tracer: CallTracer?,
        logger: Logger
    ) {
        self.store = store
        self.queue = queue
        self.metrics = metrics
        self.tracer = tracer
        self.logger = logger
    }

    /// Starts sending, unless the envelope is on its way already; the queue client bounds how long it takes.
    func send(_ record: EnvelopeRecord) {
        let id = record.state.id
        let isNew = self.state.withLock { $0.active.count < Self.activeLimit && $0.active.insert(id).inserted }
        guard isNew else { return }
        let actor: String
        do {
            actor = try EnvelopeMessage.destination(record)
        } catch {
            return self.fail(id, cause: "\(error)")
        }
        let timer = self.metrics.sendStarted()
        let body = EnvelopeMessage.body(record)
        let span = self.tracer?.publication(of: record, byteCount: body.count, to: actor)
        self.queue.post(body, messageID: id, to: QueueName.ofActor(actor)) { result in
            switch result {
            case .success:
                self.metrics.sendEnded(timer, failed: false)
                span?.end()
                self.markSent(id)
                self.finished(id)
            case .failure(let error):
                self.metrics.sendEnded(timer, failed: true)
                span?.end(failure: "\(error)")
                self.fail(id, cause: "actor \(quoted(actor)): \(error)")
            }
        }
    }

    /// Waits until nothing is on its way.
    func drain() async {
        await withCheckedContinuation { continuation in
            let isIdle = self.state.withLock { state in
                if !state.active.isEmpty { state.waiters.append(continuation) }
                return state.active.isEmpty
            }
            if isIdle { continuation.resume() }
        }
    }

    private func finished(_ id: String) {
        let waiters = self.state.withLock { state in
            state.active.remove(id)
            guard state.active.isEmpty else { return [CheckedContinuation<Void, Never>]() }
            defer { state.waiters.removeAll() }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    private func markSent(_ id: String) {
        self.store.markSent(id) { [logger] error in
            logger.error("Cannot mark envelope as sent", metadata: ["id": "\(id)", "error": "\(error)"])
        }
    }

    private func fail(_ id: String, cause: String) {
        self.logger.error("Failed to send envelope", metadata: ["id": "\(id)", "error": "\(cause)"])
        Task {
            do {
                if case .applied(let state) = try await self.store.apply(.sendFailed(cause: cause), to: id) {
                    self.metrics.ended(state, now: .now())
                }
                self.markSent(id)
            } catch {
                self.logger.error("Cannot record a failed send", metadata: ["id": "\(id)", "error": "\(error)"])
            }
            self.finished(id)
        }
    }
}
