/// What the embedded store forgets.
extension SQLiteSession {
    func terminateSession(_ sessionID: String, now: EpochTime) throws {
        try self.connection().run(
            "INSERT OR REPLACE INTO terminated_sessions VALUES (?1, ?2)",
            [.text(sessionID), .time(now)]
        )
    }

    /// One batch; the caller repeats until it returns 0.
    func prune(_ rules: RetentionRules, now: EpochTime, limit: Int) throws -> Int {
        let connection = try self.connection()
        var count = 0
        if let age = rules.terminalEnvelopes {
            count += try self.removeEnvelopes(
                "status IN ('succeeded', 'failed') AND updated_at < ?1 ORDER BY updated_at",
                .time(now.advanced(by: .zero - age)),
                limit
            )
        }
        if let maximum = rules.maximumEnvelopes {
            var total = 0
            try connection.run("SELECT count(*) FROM envelopes") { total = Int($0.integer(0)) }
            if total > maximum {
                count += try self.removeEnvelopes(
                    "status IN ('succeeded', 'failed') AND updated_at <= ?1 ORDER BY updated_at",
                    .time(now),
                    min(limit, total - maximum)
                )
            }
        }
        try connection.run(
            """
            DELETE FROM updates WHERE (seq, id) IN (SELECT u.seq, u.id FROM updates u JOIN envelopes e ON e.seq = u.seq
                WHERE e.status IN ('succeeded', 'failed') AND e.updated_at < ?1 AND u.timestamp < ?1 LIMIT ?2)
            """,
            [.time(now.advanced(by: .zero - rules.history)), .integer(limit)]
        )
        count += connection.changedCount
        let dayAgo = SQLiteValue.time(now.advanced(by: .zero - IdempotencyKey.lifetime))
        try connection.run("DELETE FROM idempotency WHERE created_at <= ?1", [dayAgo])
        try connection.run("DELETE FROM terminated_sessions WHERE created_at <= ?1", [dayAgo])
        return count
    }

    private func removeEnvelopes(_ condition: String, _ value: SQLiteValue, _ limit: Int) throws -> Int {
        let connection = try self.connection()
        var rows: [Int64] = []
        try connection.run("SELECT seq FROM envelopes WHERE \(condition) LIMIT ?2", [value, .integer(limit)]) {
            rows.append($0.integer(0))
        }
        for seq in rows {
            for table in ["updates", "payloads", "results", "outbox", "envelopes"] {
                try connection.run("DELETE FROM \(table) WHERE seq = ?1", [.integer(seq)])
            }
        }
        return rows.count
    }
}
