internal import Logging
internal import Support

/// The store for several replicas. One thread writes in batches, a few read in pipelines, one listens.
public final class PostgresStore: EnvelopeStore {
    private let writer: BatchWriter<PostgresWrite>
    private let readers: [BatchWriter<PostgresRead>]
    private let listener: PostgresListener
    private let changed: StoreChangeHandler
    private let metrics: GatewayMetrics

    /// Reading threads at most: each keeps a pipeline of requests going, so a few saturate a server.
    private static let readerLimit = 3

    /// Connects once, migrates if it should, and starts the threads.
    ///
    /// - Parameters:
    ///   - url: as in `ASYA_DATABASE_URL`; every setting of libpq may be in it.
    ///   - maximumConnections: `ASYA_DB_MAX_CONNS`; at least three are used.
    init(
        url: String,
        migrates: Bool = true,
        maximumConnections: Int = 10,
        ages: ConnectionAges = .unlimited,
        metrics: GatewayMetrics = GatewayMetrics(),
        logger: Logger
    ) throws {
        try Self.prepare(url: url, migrates: migrates)
        let changed = StoreChangeHandler()
        let replica = UUIDText.random()
        let writer = BatchWriter<PostgresWrite>(name: "pg-writer") { batches in
            let link = PostgresLink(url: url, settings: PostgresLink.writerSettings, ages: ages, metrics: metrics)
            PostgresWriterSession(link: link, replica: replica) { changed(.envelopes($0)) }.run(batches)
        }
        let readerCount = min(max(1, maximumConnections - 2), Self.readerLimit)
        let readers = (0..<readerCount).compactMap { _ in
            BatchWriter<PostgresRead>(name: "pg-reader") { batches in
                let link = PostgresLink(url: url, ages: ages, metrics: metrics)
                PostgresReaderSession(link: link).run(batches)
            }
        }
        // One writes and one listens.
        metrics.databaseConnections(limit: readerCount + 2)
        let listener = PostgresListener(url: url, replica: replica, metrics: metrics, logger: logger) { changed($0) }
        guard let writer, readers.count == readerCount, let listener else {
            throw StoreError.unavailable("cannot start a thread")
        }
        self.changed = changed
        self.writer = writer
        self.readers = readers
        self.listener = listener
        self.metrics = metrics
    }

    /// Connects once, to tell a wrong address from a busy server, and applies the migrations.
    static func prepare(url: String, migrates: Bool) throws {
        do throws(PostgresConnection.Failure) {
            let connection = try PostgresConnection(url: url)
            if migrates { try PostgresSchema.migrate(connection) }
        } catch {
            throw StoreError.unavailable("PostgreSQL: \(error.description)")
        }
    }

    // MARK: Threads

    private func write(_ name: String, _ operation: PostgresWrite.Operation) async throws -> PostgresWrite.Answer {
        let started = self.metrics.storeStarted()
        do {
            let answer = try await withCheckedThrowingContinuation { continuation in
                let write = PostgresWrite(operation: operation) { continuation.resume(with: $0) }
                if !self.writer.submit(write) { continuation.resume(throwing: StoreError.closed) }
            }
            self.metrics.storeEnded(name, started, failed: false)
            return answer
        } catch {
            self.metrics.storeEnded(name, started, failed: true)
            throw error
        }
    }

    private func read<Value: Sendable>(
        _ name: String,
        _ sql: String,
        _ values: [PostgresValue] = [],
        _ convert: @escaping @Sendable (PostgresResult) -> Value
    ) async throws -> Value {
        let started = self.metrics.storeStarted()
        do {
            let value = try await withCheckedThrowingContinuation { continuation in
                let read = PostgresRead(sql: sql, values: values) { continuation.resume(with: $0.map(convert)) }
                // Which thread: by the clock, which is as good as random.
                let reader = self.readers[Int(truncatingIfNeeded: started / 64 % UInt64(self.readers.count))]
                if !reader.submit(read) { continuation.resume(throwing: StoreError.closed) }
            }
            self.metrics.storeEnded(name, started, failed: false)
            return value
        } catch {
            self.metrics.storeEnded(name, started, failed: true)
            throw error
        }
    }

    private func event(_ name: String, _ operation: PostgresWrite.Operation) async throws -> EventOutcome {
        guard case .event(let outcome) = try await self.write(name, operation) else { return .unknownEnvelope }
        return outcome
    }

    private func count(_ name: String, _ operation: PostgresWrite.Operation) async throws -> Int {
        guard case .count(let count) = try await self.write(name, operation) else { return 0 }
        return count
    }

    // MARK: EnvelopeStore

    /// See `EnvelopeStore`.
    public func create(_ new: NewEnvelope) async throws -> CreationOutcome {
        guard case .created(let outcome) = try await self.write("create", .create(new)) else { return .created }
        return outcome
    }

    /// See `EnvelopeStore`.
    public func load(_ id: String) async throws -> EnvelopeRecord? {
        try await self.read("load", PostgresStatement.loadRecord, [.text(id)]) { result in
            result.rows { PostgresStatement.record($0, withContent: true) }.first
        }
    }

    /// See `EnvelopeStore`.
    public func state(of id: String) async throws -> EnvelopeState? {
        try await self.read("state", PostgresStatement.loadState, [.text(id)]) { result in
            result.rows(PostgresStatement.state).first
        }
    }

    /// See `EnvelopeStore`.
    public func apply(_ event: EnvelopeEvent, to id: String) async throws -> EventOutcome {
        try await self.event("apply", .apply(event, id: id))
    }

    /// See `EnvelopeStore`.
    public func markSent(_ id: String, failed: @escaping @Sendable (any Error) -> Void) {
        let write = PostgresWrite(operation: .markSent(id)) { answer in
            if case .failure(let error) = answer { failed(error) }
        }
        if !self.writer.submitPatiently(write) { failed(StoreError.closed) }
    }

    /// See `EnvelopeStore`.
    public func unsent(olderThan age: Duration, limit: Int) async throws -> [EnvelopeRecord] {
        let before = EpochTime.now().advanced(by: .zero - age)
        return try await self.read("unsent", PostgresStatement.unsent, [.time(before), .integer(limit)]) { result in
            result.rows { PostgresStatement.record($0, withContent: true) }
        }
    }

    /// See `EnvelopeStore`.
    public func updates(of id: String, after historyID: Int64, limit: Int) async throws -> [EnvelopeUpdate] {
        let values: [PostgresValue] = [.text(id), .integer(historyID), .integer(limit)]
        return try await self.read("updates", PostgresStatement.updates, values) { result in
            result.rows { PostgresStatement.update($0, of: id) }
        }
    }

    /// See `EnvelopeStore`.
    public func list(_ query: EnvelopeQuery) async throws -> [EnvelopeRecord] {
        let (sql, values) = PostgresStatement.list(query)
        return try await self.read("list", sql, values) { result in
            result.rows { PostgresStatement.record($0, withContent: false) }
        }
    }

    /// See `EnvelopeStore`.
    public func activeChildren(of id: String, limit: Int) async throws -> [String] {
        let values: [PostgresValue] = [.text(id), .integer(limit)]
        return try await self.read("children", PostgresStatement.activeChildren, values) { result in
            result.rows { $0.text(0) ?? "" }
        }
    }

    /// See `EnvelopeStore`.
    public func failOverdue(limit: Int) async throws -> [EnvelopeState] {
        let answer = try await self.write("fail_overdue", .failOverdue(limit: limit))
        guard case .ended(let states) = answer else { return [] }
        return states
    }

    /// See `EnvelopeStore`.
    public func prune(_ rules: RetentionRules, limit: Int) async throws -> Int {
        try await self.count("prune", .prune(rules, limit: limit))
    }

    /// See `EnvelopeStore`.
    public func terminateSession(_ sessionID: String) async throws {
        _ = try await self.write("terminate_session", .terminateSession(sessionID))
    }

    /// See `EnvelopeStore`.
    public func isSessionTerminated(_ sessionID: String) async throws -> Bool {
        let sql = "SELECT 1 FROM asya_gateway_terminated_sessions WHERE id = $1"
        return try await self.read("session", sql, [.text(sessionID)]) { $0.rowCount > 0 }
    }

    /// See `EnvelopeStore`.
    public func countsByStatus() async throws -> [EnvelopeStatus: Int] {
        try await self.read("counts", "SELECT status, count(*) FROM envelopes GROUP BY status") { result in
            let pairs = result.rows { row in
                (row.text(0).flatMap(EnvelopeStatus.init) ?? .unknown, row.integer(1) ?? 0)
            }
            return Dictionary(pairs, uniquingKeysWith: +)
        }
    }

    /// See `EnvelopeStore`.
    public func setChangeHandler(_ handler: @escaping @Sendable (StoreChange) -> Void) {
        self.changed.set(handler)
    }

    /// See `EnvelopeStore`.
    public func checkReadiness() async throws {
        try await self.read("ready", "SELECT 1 FROM envelopes LIMIT 1") { _ in }
    }

    /// See `EnvelopeStore`.
    public func close() async {
        await self.writer.close()
        for reader in self.readers { await reader.close() }
        self.listener.close()
    }
}
