/// The embedded store's statements on one connection. Confined to one thread.
final class SQLiteSession {
    private static let begin = SQLiteQuery("BEGIN IMMEDIATE")
    private static let commit = SQLiteQuery("COMMIT")
    private static let insertEnvelope = SQLiteQuery(
        """
        INSERT INTO envelopes (id, status, actors, route_current, route_metadata, headers, timeout_sec, deadline,
            created_at, updated_at, progress_percent, current_actor_idx, message, completed_actors, parent_id,
            tool, principal)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?10, ?11, ?12, '', ?13, ?14, ?15)
        """
    )
    private static let updateEnvelope = SQLiteQuery(
        """
        UPDATE envelopes SET status = ?2, actors = ?3, progress_percent = ?4, current_actor_idx = ?5,
            current_actor_name = ?6, message = ?7, error = ?8, completed_actors = ?9, cancelled_at = ?10,
            result_uri = ?11, updated_at = ?12 WHERE seq = ?1
        """
    )
    private static let insertPayload = SQLiteQuery("INSERT INTO payloads VALUES (?1, ?2)")
    /// Numbered per envelope: an envelope's history is read and forgotten as one.
    private static let insertUpdate = SQLiteQuery(
        """
        INSERT INTO updates (seq, id, status, message, has_result, error, actor, actors, current_actor_idx,
            progress_percent, envelope_state, timestamp)
        VALUES (?1, (SELECT coalesce(max(id), 0) + 1 FROM updates WHERE seq = ?1), ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,
            ?10, ?11)
        """
    )
    private static let insertIntoOutbox = SQLiteQuery("INSERT INTO outbox VALUES (?1, ?2)")
    private static let deleteFromOutbox = SQLiteQuery(
        "DELETE FROM outbox WHERE seq = (SELECT seq FROM envelopes WHERE id = ?1)"
    )

    private let path: String
    private var opened: SQLiteConnection?
    private var changed: [String] = []
    private var usesSavepoints = false
    private var hasFailedJob = false

    /// Opens the file with the first use unless it is open already.
    init(path: String, opened: SQLiteConnection? = nil) {
        self.path = path
        self.opened = opened
    }

    func connection() throws -> SQLiteConnection {
        if let opened = self.opened { return opened }
        let connection = try SQLiteSchema.open(path: self.path)
        self.opened = connection
        return connection
    }

    static func translated(_ error: any Error) -> any Error {
        (error as? SQLiteConnection.Failure).map { StoreError.unavailable($0.description) } ?? error
    }

    // MARK: Transactions

    /// Runs jobs in one transaction. All of them take place or none; a job of its own failing is undone alone.
    func transaction(
        _ jobs: [SQLiteStore.WriteJob]
    ) -> (completions: [@Sendable ((any Error)?) -> Void], failure: (any Error)?) {
        var completions: [@Sendable ((any Error)?) -> Void] = []
        do {
            let connection = try self.connection()
            try connection.run(Self.begin)
            completions = self.run(jobs, inSavepoints: false)
            if self.hasFailedJob {
                // Rare: all of it once more, each job so that it can be undone alone.
                try connection.run("ROLLBACK")
                self.changed.removeAll()
                try connection.run(Self.begin)
                completions = self.run(jobs, inSavepoints: true)
            }
            try connection.run(Self.commit)
            return (completions, nil)
        } catch {
            try? self.opened?.execute("ROLLBACK")  // It may not have begun, or have been undone already.
            self.changed.removeAll()
            if completions.isEmpty { completions = jobs.map { job in { job.fail($0 ?? error) } } }
            return (completions, Self.translated(error))
        }
    }

    private func run(
        _ jobs: [SQLiteStore.WriteJob],
        inSavepoints: Bool
    ) -> [@Sendable ((any Error)?) -> Void] {
        self.usesSavepoints = inSavepoints
        self.hasFailedJob = false
        return jobs.map { $0.run(self) }
    }

    func atomically<Value>(_ body: () throws -> Value) throws -> Value {
        guard self.usesSavepoints else {
            do {
                return try body()
            } catch {
                self.hasFailedJob = true
                throw error
            }
        }
        let connection = try self.connection()
        try connection.run("SAVEPOINT job")
        let changedCount = self.changed.count
        do {
            let value = try body()
            try connection.run("RELEASE job")
            return value
        } catch {
            try connection.run("ROLLBACK TO job")
            try connection.run("RELEASE job")
            self.changed.removeSubrange(changedCount...)
            throw error
        }
    }

    /// Envelopes with new history since the last call.
    func takeChanged() -> [String] {
        defer { self.changed.removeAll() }
        return Array(Set(self.changed))
    }

    // MARK: Creating

    func create(_ new: NewEnvelope) throws -> CreationOutcome {
        if let key = new.idempotency, let earlier = try self.claim(key, for: new.record) { return earlier }
        let record = new.record
        let state = record.state
        let connection = try self.connection()
        do throws(SQLiteConnection.Failure) {
            try connection.run(
                Self.insertEnvelope,
                [
                    .text(state.id), .text(state.status.rawValue), .text(StoredList.text(state.actors)),
                    .integer(record.routeCurrent), .json(record.routeMetadata), .json(record.headers),
                    .integer(record.timeoutSeconds), .time(state.deadline), .time(record.createdAt),
                    .double(state.progressPercent), .integer(state.currentActorIndex), .text(state.message),
                    .text(state.parentID), .text(record.tool), .text(state.principal),
                ]
            )
        } catch {
            guard error.isConstraint else { throw error }
            return .exists(parentID: try self.state(of: state.id)?.state.parentID)
        }
        let seq = connection.lastInsertedRow
        if !record.payload.isNull {
            try connection.run(Self.insertPayload, [.integer(seq), .blob(record.payload.bytes)])
        }
        if let update = new.firstUpdate { try self.insert(update, seq: seq) }
        if new.needsSending {
            try connection.run(Self.insertIntoOutbox, [.integer(seq), .time(record.createdAt)])
        }
        if let parentID = state.parentID {
            try connection.run(
                "UPDATE envelopes SET children_total = children_total + 1 WHERE id = ?1",
                [.text(parentID)]
            )
        }
        return .created
    }

    /// Takes the key; returns what an earlier call with it became.
    private func claim(_ key: IdempotencyKey, for record: EnvelopeRecord) throws -> CreationOutcome? {
        var earlier: CreationOutcome?
        let oldest = record.createdAt.advanced(by: .zero - IdempotencyKey.lifetime)
        try self.connection().run(
            "SELECT fingerprint, envelope_id FROM idempotency WHERE key = ?1 AND created_at > ?2",
            [.text(key.key), .time(oldest)]
        ) { row in
            earlier = row.text(0) == key.fingerprint ? .repeated(id: row.text(1) ?? "") : .keyConflict
        }
        if earlier != nil { return earlier }
        try self.connection().run(
            "INSERT OR REPLACE INTO idempotency VALUES (?1, ?2, ?3, ?4)",
            [.text(key.key), .text(key.fingerprint), .text(record.state.id), .time(record.createdAt)]
        )
        return nil
    }

    // MARK: Events

    func apply(_ event: EnvelopeEvent, to id: String, now: EpochTime) throws -> EventOutcome {
        guard let (seq, before) = try self.state(of: id) else { return .unknownEnvelope }
        var state = before
        switch EnvelopeLifeCycle.apply(event, to: &state, now: now) {
        case .ignored: return .ignored(state)
        case .updated(let update):
            try self.save(state, seq: seq, now: now)
            if let result = update.result {
                let values: [SQLiteValue] = [.integer(seq), .blob(result.bytes)]
                try self.connection().run("INSERT OR REPLACE INTO results VALUES (?1, ?2)", values)
            }
            try self.insert(update, seq: seq)
            if state.status.isTerminal, let parentID = state.parentID {
                try self.connection().run(
                    "UPDATE envelopes SET children_done = children_done + 1 WHERE id = ?1",
                    [.text(parentID)]
                )
            }
            return .applied(state)
        }
    }

    private func save(_ state: EnvelopeState, seq: Int64, now: EpochTime) throws {
        try self.connection().run(
            Self.updateEnvelope,
            [
                .integer(seq), .text(state.status.rawValue), .text(StoredList.text(state.actors)),
                .double(state.progressPercent), .integer(state.currentActorIndex), .text(state.currentActorName),
                .text(state.message), .text(state.error), .text(StoredList.text(state.completedActors)),
                .time(state.cancelledAt), .text(state.resultURI), .time(now),
            ]
        )
    }

    private func insert(_ update: EnvelopeUpdate, seq: Int64) throws {
        try self.connection().run(
            Self.insertUpdate,
            [
                .integer(seq), .text(update.status.rawValue), .text(update.message),
                .integer(update.result == nil ? 0 : 1), .text(update.error), .text(update.actor),
                update.actors.map { .text(StoredList.text($0)) } ?? .null, .integer(update.currentActorIndex),
                update.progressPercent.map { .double($0) } ?? .null, .text(update.phase?.rawValue),
                .time(update.timestamp),
            ]
        )
        self.changed.append(update.envelopeID)
    }

    func markSent(_ id: String) throws {
        try self.connection().run(
            Self.deleteFromOutbox,
            [.text(id)]
        )
    }

    func failOverdue(now: EpochTime, limit: Int) throws -> [EnvelopeState] {
        var ids: [String] = []
        try self.connection().run(
            """
            SELECT id FROM envelopes WHERE deadline IS NOT NULL AND status NOT IN ('succeeded', 'failed')
                AND deadline <= ?1 ORDER BY deadline LIMIT ?2
            """,
            [.time(now), .integer(limit)]
        ) { row in ids.append(row.text(0) ?? "") }
        return try ids.compactMap { id in
            guard case .applied(let state) = try self.apply(.deadlinePassed, to: id, now: now) else { return nil }
            return state
        }
    }
}
