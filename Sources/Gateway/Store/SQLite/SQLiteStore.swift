internal import Support

/// The embedded store: one file, two threads. One writes, everything that waits in one transaction; one reads.
///
/// One process per file. Durable: an answered write survives a crash of the process and of the machine.
public final class SQLiteStore: EnvelopeStore {
    /// One write.
    struct WriteJob: Sendable {
        /// Runs in the transaction; what it returns runs after the commit, with the error of a failed one.
        let run: @Sendable (SQLiteSession) -> @Sendable ((any Error)?) -> Void
        /// Told when there was no transaction.
        let fail: @Sendable (any Error) -> Void
    }

    private let writer: BatchWriter<WriteJob>
    private let reader: JobQueue<SQLiteSession>
    private let changed: StoreChangeHandler
    private let metrics: GatewayMetrics

    /// Opens or creates the file.
    public init(path: String, metrics: GatewayMetrics = GatewayMetrics()) throws {
        // Opened here, so that a bad path is known before a thread needs it; from here on the writer's alone.
        nonisolated(unsafe) let connection = try SQLiteSchema.open(path: path)
        let changed = StoreChangeHandler()
        let writer = BatchWriter<WriteJob>(name: "sqlite-writer") { batches in
            Self.write(batches, SQLiteSession(path: path, opened: connection), changed)
        }
        let reader = JobQueue(name: "sqlite-reader") { SQLiteSession(path: path) }
        guard let writer, let reader else { throw StoreError.unavailable("cannot start a thread") }
        self.changed = changed
        self.writer = writer
        self.reader = reader
        self.metrics = metrics
    }

    private static func write(
        _ batches: BatchWriter<WriteJob>,
        _ session: SQLiteSession,
        _ changed: StoreChangeHandler
    ) {
        while true {
            let batch = batches.nextBatch()
            guard !batch.isEmpty else { return }
            let (completions, failure) = session.transaction(batch)
            for completion in completions { completion(failure) }
            let ids = session.takeChanged()
            if failure == nil, !ids.isEmpty { changed(.envelopes(ids)) }
        }
    }

    private func write<Value: Sendable>(
        _ operation: String,
        _ body: @escaping @Sendable (SQLiteSession) throws -> Value
    ) async throws -> Value {
        let started = self.metrics.storeStarted()
        do {
            let value = try await withCheckedThrowingContinuation { continuation in
                if !self.writer.submit(Self.job(body, continuation)) {
                    continuation.resume(throwing: StoreError.closed)
                }
            }
            self.metrics.storeEnded(operation, started, failed: false)
            return value
        } catch {
            self.metrics.storeEnded(operation, started, failed: true)
            throw SQLiteSession.translated(error)
        }
    }

    private static func job<Value: Sendable>(
        _ body: @escaping @Sendable (SQLiteSession) throws -> Value,
        _ continuation: CheckedContinuation<Value, any Error>
    ) -> WriteJob {
        WriteJob(
            run: { session in
                let result = Result { try session.atomically { try body(session) } }
                return { failure in
                    if let failure {
                        continuation.resume(throwing: failure)
                    } else {
                        continuation.resume(with: result)
                    }
                }
            },
            fail: { continuation.resume(throwing: $0) }
        )
    }

    private func read<Value: Sendable>(
        _ operation: String,
        _ body: @escaping @Sendable (SQLiteSession) throws -> Value
    ) async throws -> Value {
        let started = self.metrics.storeStarted()
        let result = await self.reader.run { session in Result { try body(session) } } ?? .failure(StoreError.closed)
        var hasFailed = false
        if case .failure = result { hasFailed = true }
        self.metrics.storeEnded(operation, started, failed: hasFailed)
        return try result.mapError(SQLiteSession.translated).get()
    }

    // MARK: EnvelopeStore

    /// See `EnvelopeStore`.
    public func create(_ new: NewEnvelope) async throws -> CreationOutcome {
        try await self.write("create") { try $0.create(new) }
    }

    /// See `EnvelopeStore`.
    public func load(_ id: String) async throws -> EnvelopeRecord? {
        try await self.read("load") { try $0.load(id) }
    }

    /// See `EnvelopeStore`.
    public func state(of id: String) async throws -> EnvelopeState? {
        try await self.read("state") { try $0.state(of: id)?.state }
    }

    /// See `EnvelopeStore`.
    public func apply(_ event: EnvelopeEvent, to id: String) async throws -> EventOutcome {
        try await self.write("apply") { try $0.apply(event, to: id, now: .now()) }
    }

    /// See `EnvelopeStore`.
    public func markSent(_ id: String, failed: @escaping @Sendable (any Error) -> Void) {
        let job = WriteJob(
            run: { session in
                let result = Result { try session.atomically { try session.markSent(id) } }
                return { failure in
                    if let failure { return failed(failure) }
                    if case .failure(let error) = result { failed(SQLiteSession.translated(error)) }
                }
            },
            fail: failed
        )
        if !self.writer.submitPatiently(job) { failed(StoreError.closed) }
    }

    /// See `EnvelopeStore`.
    public func unsent(olderThan age: Duration, limit: Int) async throws -> [EnvelopeRecord] {
        let before = EpochTime.now().advanced(by: .zero - age)
        return try await self.read("unsent") { try $0.unsent(before: before, limit: limit) }
    }

    /// See `EnvelopeStore`.
    public func updates(of id: String, after historyID: Int64, limit: Int) async throws -> [EnvelopeUpdate] {
        try await self.read("updates") { try $0.updates(of: id, after: historyID, limit: limit) }
    }

    /// See `EnvelopeStore`.
    public func list(_ query: EnvelopeQuery) async throws -> [EnvelopeRecord] {
        try await self.read("list") { try $0.list(query) }
    }

    /// See `EnvelopeStore`.
    public func activeChildren(of id: String, limit: Int) async throws -> [String] {
        try await self.read("children") { try $0.activeChildren(of: id, limit: limit) }
    }

    /// See `EnvelopeStore`.
    public func failOverdue(limit: Int) async throws -> [EnvelopeState] {
        try await self.write("fail_overdue") { try $0.failOverdue(now: .now(), limit: limit) }
    }

    /// See `EnvelopeStore`.
    public func prune(_ rules: RetentionRules, limit: Int) async throws -> Int {
        try await self.write("prune") { try $0.prune(rules, now: .now(), limit: limit) }
    }

    /// See `EnvelopeStore`.
    public func terminateSession(_ sessionID: String) async throws {
        try await self.write("terminate_session") { try $0.terminateSession(sessionID, now: .now()) }
    }

    /// See `EnvelopeStore`.
    public func isSessionTerminated(_ sessionID: String) async throws -> Bool {
        try await self.read("session") { try $0.isSessionTerminated(sessionID) }
    }

    /// See `EnvelopeStore`.
    public func countsByStatus() async throws -> [EnvelopeStatus: Int] {
        try await self.read("counts") { try $0.countsByStatus() }
    }

    /// See `EnvelopeStore`.
    public func setChangeHandler(_ handler: @escaping @Sendable (StoreChange) -> Void) {
        self.changed.set(handler)
    }

    /// See `EnvelopeStore`.
    public func checkReadiness() async throws {
        try await self.read("ready") { try $0.checkReadiness() }
    }

    /// See `EnvelopeStore`.
    public func close() async {
        await self.writer.close()
        await self.reader.close()
    }
}
