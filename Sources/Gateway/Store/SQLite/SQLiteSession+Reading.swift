/// Queries of the embedded store.
extension SQLiteSession {
    private static let stateColumns = """
        seq, id, parent_id, status, actors, progress_percent, current_actor_idx, current_actor_name, message, error,
        completed_actors, deadline, cancelled_at, result_uri, principal, created_at, tool
        """
    private static let recordColumns = """
        route_current, route_metadata, headers, timeout_sec, children_total, children_done, updated_at
        """
    /// Index of the first column of `recordColumns`.
    private static let recordStart: Int32 = 17

    func state(of id: String) throws -> (seq: Int64, state: EnvelopeState)? {
        var found: (Int64, EnvelopeState)?
        try self.connection().run(
            "SELECT \(Self.stateColumns) FROM envelopes WHERE id = ?1",
            [.text(id)]
        ) { found = ($0.integer(0), Self.state($0)) }
        return found
    }

    func load(_ id: String) throws -> EnvelopeRecord? {
        try self.records("WHERE id = ?1", [.text(id)], withContent: true).first
    }

    func unsent(before: EpochTime, limit: Int) throws -> [EnvelopeRecord] {
        try self.records(
            """
            WHERE seq IN (SELECT seq FROM outbox WHERE created_at <= ?1)
                AND status NOT IN ('succeeded', 'failed') ORDER BY seq LIMIT ?2
            """,
            [.time(before), .integer(limit)],
            withContent: true
        )
    }

    func list(_ query: EnvelopeQuery) throws -> [EnvelopeRecord] {
        var filter = ListFilter<SQLiteValue>(
            query,
            mark: "?",
            actorCondition: "EXISTS (SELECT 1 FROM json_each(actors) WHERE value = ?)",
            text: { .text($0) },
            time: { .time($0) }
        )
        let clause = filter.clause(limit: .integer(query.limit))
        return try self.records(clause, filter.values, withContent: false)
    }

    private func records(_ rest: String, _ values: [SQLiteValue], withContent: Bool) throws -> [EnvelopeRecord] {
        var found: [(seq: Int64, record: EnvelopeRecord)] = []
        try self.connection().run(
            "SELECT \(Self.stateColumns), \(Self.recordColumns) FROM envelopes \(rest)",
            values
        ) { found.append(($0.integer(0), Self.record($0))) }
        guard withContent else { return found.map(\.record) }
        return try found.map { seq, record in
            var record = record
            try self.connection().run("SELECT body FROM payloads WHERE seq = ?1", [.integer(seq)]) {
                record.payload = $0.json(0) ?? .null
            }
            try self.connection().run("SELECT body FROM results WHERE seq = ?1", [.integer(seq)]) {
                record.result = $0.json(0)
            }
            return record
        }
    }

    func updates(of id: String, after historyID: Int64, limit: Int) throws -> [EnvelopeUpdate] {
        var found: [EnvelopeUpdate] = []
        try self.connection().run(
            """
            SELECT u.id, u.status, u.message, u.error, u.actor, u.actors, u.current_actor_idx, u.progress_percent,
                u.envelope_state, u.timestamp, CASE u.has_result WHEN 1 THEN r.body END
            FROM updates u LEFT JOIN results r ON r.seq = u.seq
            WHERE u.seq = (SELECT seq FROM envelopes WHERE id = ?1) AND u.id > ?2 ORDER BY u.id LIMIT ?3
            """,
            [.text(id), .integer(historyID), .integer(limit)]
        ) { row in
            let status = EnvelopeStatus(rawValue: row.text(1) ?? "") ?? .unknown
            var update = EnvelopeUpdate(
                envelopeID: id,
                status: status,
                timestamp: row.time(9) ?? EpochTime(microseconds: 0)
            )
            update.historyID = row.integer(0)
            update.message = row.text(2)
            update.error = row.text(3)
            update.actor = row.text(4)
            update.actors = row.isNull(5) ? nil : StoredList.strings(row.text(5))
            update.currentActorIndex = row.optionalInteger(6)
            update.progressPercent = row.isNull(7) ? nil : row.double(7)
            update.phase = row.text(8).flatMap(ActorPhase.init)
            update.result = row.json(10)
            found.append(update)
        }
        return found
    }

    func activeChildren(of id: String, limit: Int) throws -> [String] {
        var found: [String] = []
        try self.connection().run(
            "SELECT id FROM envelopes WHERE parent_id = ?1 AND status NOT IN ('succeeded', 'failed') LIMIT ?2",
            [.text(id), .integer(limit)]
        ) { found.append($0.text(0) ?? "") }
        return found
    }

    func countsByStatus() throws -> [EnvelopeStatus: Int] {
        var counts: [EnvelopeStatus: Int] = [:]
        try self.connection().run("SELECT status, count(*) FROM envelopes GROUP BY status") { row in
            guard let status = row.text(0).flatMap(EnvelopeStatus.init) else { return }
            counts[status] = Int(row.integer(1))
        }
        return counts
    }

    func checkReadiness() throws {
        try self.connection().run("SELECT 1")
    }

    func isSessionTerminated(_ sessionID: String) throws -> Bool {
        var isKnown = false
        try self.connection().run("SELECT 1 FROM terminated_sessions WHERE id = ?1", [.text(sessionID)]) { _ in
            isKnown = true
        }
        return isKnown
    }

    // MARK: Rows

    private static func state(_ row: SQLiteRow) -> EnvelopeState {
        var state = EnvelopeState(
            id: row.text(1) ?? "",
            parentID: row.text(2),
            actors: StoredList.strings(row.text(4)),
            deadline: row.time(11),
            createdAt: row.time(15) ?? EpochTime(microseconds: 0)
        )
        state.status = EnvelopeStatus(rawValue: row.text(3) ?? "") ?? .unknown
        state.progressPercent = row.double(5)
        state.currentActorIndex = Int(row.integer(6))
        state.currentActorName = row.text(7)
        state.message = row.text(8)
        state.error = row.text(9)
        state.completedActors = StoredList.integers(row.text(10))
        state.cancelledAt = row.time(12)
        state.resultURI = row.text(13)
        state.principal = row.text(14)
        state.tool = row.text(16)
        return state
    }

    private static func record(_ row: SQLiteRow) -> EnvelopeRecord {
        let start = self.recordStart
        var record = EnvelopeRecord(state: self.state(row), payload: .null)
        record.routeCurrent = Int(row.integer(start))
        record.routeMetadata = row.json(start + 1)
        record.headers = row.json(start + 2)
        record.timeoutSeconds = row.optionalInteger(start + 3)
        record.childrenTotal = Int(row.integer(start + 4))
        record.childrenDone = Int(row.integer(start + 5))
        record.updatedAt = row.time(start + 6) ?? record.createdAt
        return record
    }
}
