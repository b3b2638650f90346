/// One batch of writes: what to read, what the life cycle says, what to write.
struct PostgresTransaction {
    private let connection: PostgresConnection
    private let replica: String
    private let now: EpochTime
    /// Envelopes of the batch, locked, as they are after the writes so far.
    private var states: [String: EnvelopeState] = [:]
    private var results: [String: RawJSON] = [:]
    private var touched: [String] = []
    private var changed: Set<String> = []
    private var updates: [EnvelopeUpdate] = []
    private var sent: [String] = []
    private var keyOutcomes: [CreationOutcome?] = []
    /// Calls to insert, with the positions of their answers.
    private var calls: [(values: [PostgresValue], insertion: Insertion)] = []
    /// New envelopes that have a parent.
    private var children: [(parentID: String, id: String)] = []
    /// Statements whose result decides answers: position in the pipeline, and whose.
    private var insertions: [(statement: Int, of: [Insertion])] = []
    private var statementCount = 0

    private struct Insertion {
        var answer: Int
        var id: String
    }

    /// Bytes of the rows in one statement, the last one's not counted: the server copies its parameters more than once,
    /// and takes a gigabyte at most.
    private static let statementByteLimit = 4 << 20

    init(connection: PostgresConnection, replica: String, now: EpochTime) {
        self.connection = connection
        self.replica = replica
        self.now = now
    }

    mutating func run(
        _ batch: ArraySlice<PostgresWrite>
    ) throws -> (answers: [PostgresWrite.Answer], changed: [String]) {
        let isExplicit = try self.read(batch)
        var answers: [PostgresWrite.Answer] = []
        for write in batch { answers.append(try self.perform(write.operation, answerIndex: answers.count)) }
        try self.writeBack()
        if isExplicit { try self.enqueue("COMMIT") }
        let written = try self.connection.synchronize()
        try self.readInsertions(written, &answers)
        return (answers, Array(self.changed))
    }

    private mutating func enqueue(_ sql: String, _ values: [PostgresValue] = []) throws {
        try self.connection.enqueue(sql, values)
        self.statementCount += 1
    }

    // MARK: Reading

    /// Begins a transaction when something has to be read first; without it the pipeline itself is one.
    private mutating func read(_ batch: ArraySlice<PostgresWrite>) throws -> Bool {
        let ids = Set(batch.compactMap(\.appliedID))
        let keyed = batch.map { write -> (IdempotencyKey, String)? in
            guard case .create(let new) = write.operation, let key = new.idempotency else { return nil }
            return (key, new.record.state.id)
        }
        var overdueLimit = 0
        for write in batch {
            if case .failOverdue(let limit) = write.operation { overdueLimit = max(overdueLimit, limit) }
        }
        guard !ids.isEmpty || overdueLimit > 0 || keyed.contains(where: { $0 != nil }) else {
            self.keyOutcomes = Array(repeating: nil, count: batch.count)
            return false
        }
        try self.connection.enqueue("BEGIN")
        try self.connection.enqueue(PostgresStatement.lockStates, [.texts(Array(ids))])
        if overdueLimit > 0 {
            try self.connection.enqueue(PostgresStatement.lockOverdue, [.time(self.now), .integer(overdueLimit)])
        }
        for (key, id) in keyed.compactMap({ $0 }) {
            try self.connection.enqueue(PostgresStatement.claimKey, PostgresStatement.claimValues(key, id, self.now))
            try self.connection.enqueue(PostgresStatement.readKey, [.text(key.key)])
        }
        let results = try self.connection.synchronize()
        for state in results[1].rows(PostgresStatement.state) { self.states[state.id] = state }
        if overdueLimit > 0 {
            self.overdue = results[2].rows { $0.text(0) ?? "" }
            for state in results[2].rows(PostgresStatement.state) { self.states[state.id] = state }
        }
        // Behind each claim stands what is in the table then.
        var position = overdueLimit > 0 ? 4 : 3
        self.keyOutcomes = keyed.map { entry in
            guard let (key, id) = entry, position < results.count else { return nil }
            defer { position += 2 }
            return results[position].rows { PostgresStatement.keyOutcome($0, key, id) }.first ?? nil
        }
        return true
    }

    private var overdue: [String] = []

    // MARK: Deciding

    private mutating func perform(
        _ operation: PostgresWrite.Operation,
        answerIndex: Int
    ) throws -> PostgresWrite.Answer {
        switch operation {
        case .create(let new):
            if let outcome = self.keyOutcomes[answerIndex] { return .created(outcome) }
            return try self.create(new, answerIndex: answerIndex)
        case .apply(let event, let id): return .event(try self.apply(event, id))
        case .markSent(let id):
            self.sent.append(id)
            return .done
        case .failOverdue:
            var ended: [EnvelopeState] = []
            for id in self.overdue {
                if case .applied(let state) = try self.apply(.deadlinePassed, id) { ended.append(state) }
            }
            self.overdue.removeAll()
            return .ended(ended)
        case .prune(let rules, let limit): return .count(try self.prune(rules, limit))
        case .terminateSession(let id):
            try self.enqueue(PostgresStatement.terminateSession, [.text(id), .time(self.now)])
            return .done
        }
    }

    private mutating func create(_ new: NewEnvelope, answerIndex: Int) throws -> PostgresWrite.Answer {
        let insertion = Insertion(answer: answerIndex, id: new.record.state.id)
        let values = PostgresStatement.insertValues(new)
        if new.needsSending {
            self.calls.append((values, insertion))
        } else {
            self.insertions.append((self.statementCount, [insertion]))
            try self.enqueue(PostgresStatement.insertEnvelope, values)
        }
        if let parentID = new.record.state.parentID { self.children.append((parentID, new.record.state.id)) }
        return .created(.created)
    }

    private mutating func apply(_ event: EnvelopeEvent, _ id: String) throws -> EventOutcome {
        guard var state = self.states[id] else { return .unknownEnvelope }
        switch EnvelopeLifeCycle.apply(event, to: &state, now: self.now) {
        case .ignored: return .ignored(state)
        case .updated(let update):
            self.states[id] = state
            if self.changed.insert(id).inserted { self.touched.append(id) }
            if let result = update.result { self.results[id] = result }
            self.updates.append(update)
            return .applied(state)
        }
    }

    // MARK: Writing

    private mutating func writeBack() throws {
        try self.insertCalls()
        for (parentID, id) in self.children {
            try self.enqueue(PostgresStatement.addChild, [.text(parentID), .text(id)])
        }
        try self.saveStates()
        _ = try self.enqueue(PostgresStatement.insertUpdates, rows: self.updates.map(PostgresStatement.updateValues))
        if !self.sent.isEmpty { try self.enqueue(PostgresStatement.markSent, [.texts(self.sent)]) }
        for payload in ReplicaNotification.payloads(from: self.replica, ids: Array(self.changed)) {
            try self.enqueue(PostgresStatement.notify, [.text(payload)])
        }
    }

    /// One statement for many rows, or several where their values are large; returns how many rows each has.
    private mutating func enqueue(_ sql: String, rows: [[PostgresValue]]) throws -> [Int] {
        var counts: [Int] = []
        var rest = rows[...]
        while !rest.isEmpty {
            var byteCount = 0
            let part = rest.prefix { row in
                defer { byteCount += row.reduce(0) { $0 + $1.byteCount } }
                return byteCount < Self.statementByteLimit
            }
            try self.enqueue(sql, PostgresValue.columns(of: Array(part)))
            counts.append(part.count)
            rest = rest.dropFirst(part.count)
        }
        return counts
    }

    private mutating func insertCalls() throws {
        var statement = self.statementCount
        var rest = self.calls[...]
        for count in try self.enqueue(PostgresStatement.insertCalls, rows: self.calls.map(\.values)) {
            self.insertions.append((statement, rest.prefix(count).map(\.insertion)))
            rest = rest.dropFirst(count)
            statement += 1
        }
    }

    private mutating func saveStates() throws {
        let states = self.touched.compactMap { self.states[$0] }
        let rows = states.map { PostgresStatement.saveValues($0, self.results[$0.id]) }
        _ = try self.enqueue(PostgresStatement.saveStates, rows: rows)
        // In the order of their ids, as every replica locks them.
        for parentID in states.filter(\.status.isTerminal).compactMap(\.parentID).sorted() {
            try self.enqueue(PostgresStatement.childDone, [.text(parentID)])
        }
    }

    /// Ids that were taken; then who has them is asked once more.
    private func readInsertions(_ written: [PostgresResult], _ answers: inout [PostgresWrite.Answer]) throws {
        for (statement, insertions) in self.insertions {
            let inserted = Set(written[statement].rows { $0.text(0) ?? "" })
            for insertion in insertions where !inserted.contains(insertion.id) {
                let sql = "SELECT parent_id FROM envelopes WHERE id = $1"
                let parents = try self.connection.query(sql, [.text(insertion.id)])
                answers[insertion.answer] = .created(.exists(parentID: parents.rows { $0.text(0) }.first ?? nil))
            }
        }
    }

    /// Counts come from a statement of their own: pruning is rare and alone in its batch as a rule.
    private func prune(_ rules: RetentionRules, _ limit: Int) throws -> Int {
        var statements: [(String, [PostgresValue])] = []
        if let age = rules.terminalEnvelopes {
            let before = PostgresValue.time(self.now.advanced(by: .zero - age))
            statements.append((PostgresStatement.pruneEnvelopes, [before, .integer(limit)]))
        }
        if let maximum = rules.maximumEnvelopes {
            statements.append((PostgresStatement.pruneSurplus, [.integer(maximum), .integer(limit)]))
        }
        let before = PostgresValue.time(self.now.advanced(by: .zero - rules.history))
        statements.append((PostgresStatement.pruneHistory, [before, .integer(limit)]))
        let dayAgo = PostgresValue.time(self.now.advanced(by: .zero - IdempotencyKey.lifetime))
        let counted = statements.count
        statements.append(("DELETE FROM asya_gateway_idempotency WHERE created_at <= $1", [dayAgo]))
        statements.append(("DELETE FROM asya_gateway_terminated_sessions WHERE created_at <= $1", [dayAgo]))
        precondition(self.statementCount == 0, "pruning is alone in its batch")
        for (sql, values) in statements { try self.connection.enqueue(sql, values) }
        return try self.connection.synchronize().prefix(counted).reduce(0) { $0 + $1.changedCount }
    }
}
