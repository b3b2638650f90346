/// Looking without touching: for `asya queues`, `peek`, `trace` and the autoscaler.
extension LocalQueue {
    /// All queues by name. Costs a few look-ups per queue and one step per message in flight or delayed, however many
    /// wait.
    public func statistics() throws(LocalQueueError) -> [QueueStatistics] {
        try self.database.read { () throws(LocalQueueError) in
            let rows = try self.listQueues()
            let now = self.now
            var all: [QueueStatistics] = []
            for row in rows { all.append(try self.statistics(of: row, now: now)) }
            return all
        }
    }

    /// One queue. A missing one is an error.
    public func statistics(of name: String) throws(LocalQueueError) -> QueueStatistics {
        guard let statistics = try self.statistics().first(where: { $0.name == name }) else {
            throw .queueMissing(name: name)
        }
        return statistics
    }

    private struct ListedQueue {
        let id: Int64
        let name: String
        let limits: QueueLimits
        let messageCount: Int
        let enqueuedTotal: Int
        let acknowledgedTotal: Int
    }

    private func listQueues() throws(LocalQueueError) -> [ListedQueue] {
        let statement = try self.database.statement(.listQueues)
        defer { statement.reset() }
        var rows: [ListedQueue] = []
        while try statement.step() {
            let deadLetters = statement.text(3)
            rows.append(
                ListedQueue(
                    id: statement.integer(0),
                    name: statement.text(1),
                    limits: QueueLimits(
                        maxRetryCount: Int(statement.integer(2)),
                        deadLetterQueue: deadLetters.isEmpty ? nil : deadLetters
                    ),
                    messageCount: Int(statement.integer(4)),
                    enqueuedTotal: Int(statement.integer(5)),
                    acknowledgedTotal: Int(statement.integer(6))
                )
            )
        }
        return rows
    }

    private func statistics(of row: ListedQueue, now: Int64) throws(LocalQueueError) -> QueueStatistics {
        let hidden = try self.database.statement(.countHidden)
        defer { hidden.reset() }
        hidden.bind(1, row.id)
        hidden.bind(2, now)
        _ = try hidden.step()
        let hiddenCount = Int(hidden.integer(0))
        let inFlightCount = Int(hidden.integer(1))
        let oldest = try self.database.statement(.oldestReady)
        defer { oldest.reset() }
        oldest.bind(1, row.id)
        oldest.bind(2, now)
        let age: Duration? = try oldest.step() ? .microseconds(max(0, now - oldest.integer(0))) : nil
        return QueueStatistics(
            name: row.name,
            limits: row.limits,
            messageCount: row.messageCount,
            readyCount: max(0, row.messageCount - hiddenCount),
            delayedCount: hiddenCount - inFlightCount,
            inFlightCount: inFlightCount,
            oldestReadyAge: age,
            enqueuedTotal: row.enqueuedTotal,
            acknowledgedTotal: row.acknowledgedTotal
        )
    }

    /// Messages of a queue in the order in which they will be delivered; nothing is claimed.
    ///
    /// - Parameter bodyLimit: bytes of each body to read.
    public func peek(
        _ name: String,
        offset: Int = 0,
        limit: Int = 20,
        bodyLimit: Int = LocalQueue.largestBodyByteCount
    ) throws(LocalQueueError) -> [StoredMessage] {
        try self.database.read { () throws(LocalQueueError) in
            guard let queue = try self.find(name) else { throw .queueMissing(name: name) }
            let now = self.now
            let statement = try self.database.statement(.peek)
            defer { statement.reset() }
            statement.bind(1, queue.id)
            statement.bind(2, max(0, limit))
            statement.bind(3, max(0, offset))
            statement.bind(4, max(0, bodyLimit))
            var messages: [StoredMessage] = []
            while try statement.step() {
                let origin = statement.integer(7)
                messages.append(
                    StoredMessage(
                        id: statement.integer(0),
                        queueName: name,
                        envelopeID: statement.text(6),
                        state: Self.state(lease: statement.integer(3), visibleAt: statement.integer(1), now: now),
                        deliveryCount: Int(statement.integer(2)),
                        enqueuedAt: statement.integer(5),
                        visibleAt: statement.integer(1),
                        originQueueName: origin == 0 ? nil : try self.name(of: origin),
                        bodyByteCount: Int(statement.integer(8)),
                        body: statement.bytes(9)
                    )
                )
            }
            return messages
        }
    }

    private static func state(lease: Int64, visibleAt: Int64, now: Int64) -> StoredMessage.State {
        if visibleAt <= now { return .ready }
        return lease == 0 ? .delayed : .inFlight
    }

    /// One message by its number, nil when it is gone.
    public func message(id: Int64) throws(LocalQueueError) -> StoredMessage? {
        try self.database.read { () throws(LocalQueueError) -> StoredMessage? in
            let message = try self.database.statement(.messageByID)
            defer { message.reset() }
            message.bind(1, id)
            guard try message.step() else { return nil }
            // The key of `schedule` begins with time, so this looks through the queue: milliseconds per 100,000.
            let schedule = try self.database.statement(.scheduleOfMessage)
            defer { schedule.reset() }
            schedule.bind(1, message.integer(0))
            schedule.bind(2, id)
            guard try schedule.step(), let name = try self.name(of: message.integer(0)) else { return nil }
            let origin = message.integer(3)
            let body = message.bytes(4)
            return StoredMessage(
                id: id,
                queueName: name,
                envelopeID: message.text(1),
                state: Self.state(lease: schedule.integer(2), visibleAt: schedule.integer(0), now: self.now),
                deliveryCount: Int(schedule.integer(1)),
                enqueuedAt: message.integer(2),
                visibleAt: schedule.integer(0),
                originQueueName: origin == 0 ? nil : try self.name(of: origin),
                bodyByteCount: body.count,
                body: body
            )
        }
    }

    // MARK: Hops

    /// What happened to an envelope, oldest first: settled deliveries as far as they are remembered
    /// (`Options.hopHistoryLimit`, `hopHistoryAge`), then where it is now.
    public func trace(envelopeID: String) throws(LocalQueueError) -> [HopRecord] {
        let envelopeID = Self.bounded(envelopeID)
        return try self.database.read { () throws(LocalQueueError) in
            var hops: [HopRecord] = []
            let settled = try self.database.statement(.hopsByEnvelope)
            defer { settled.reset() }
            settled.bind(1, Self.hash(envelopeID))
            settled.bind(2, envelopeID)
            while try settled.step() {
                hops.append(
                    HopRecord(
                        envelopeID: settled.text(0),
                        queueName: settled.text(1),
                        enqueuedAt: settled.integer(2),
                        claimedAt: settled.integer(3) == 0 ? nil : settled.integer(3),
                        settledAt: settled.integer(4),
                        attempt: Int(settled.integer(5)),
                        outcome: HopRecord.Outcome(rawValue: Int(settled.integer(6))) ?? .acknowledged
                    )
                )
            }
            try self.appendPending(envelopeID, to: &hops)
            return hops
        }
    }

    private func appendPending(_ envelopeID: String, to hops: inout [HopRecord]) throws(LocalQueueError) {
        let now = self.now
        let pending = try self.database.statement(.pendingByEnvelope)
        defer { pending.reset() }
        pending.bind(1, Self.hash(envelopeID))
        pending.bind(2, envelopeID)
        while try pending.step() {
            let isInFlight = Self.state(lease: pending.integer(6), visibleAt: pending.integer(4), now: now) == .inFlight
            hops.append(
                HopRecord(
                    envelopeID: pending.text(0),
                    queueName: pending.text(1),
                    enqueuedAt: pending.integer(2),
                    claimedAt: isInFlight ? pending.integer(3) : nil,
                    settledAt: nil,
                    attempt: Int(pending.integer(5)),
                    outcome: isInFlight ? .inFlight : .waiting
                )
            )
        }
    }

    /// The history is trimmed once per this many hops, not with each.
    private static let trimInterval: Int64 = 256
    /// Old hops forgotten per `maintain` call.
    private static let forgottenPerCall = 5000

    func remember(_ lease: Lease, _ outcome: HopRecord.Outcome, now: Int64) throws(LocalQueueError) {
        guard self.options.hopHistoryLimit > 0 else { return }
        let hop = try self.database.statement(.insertHop)
        hop.bind(1, Self.hash(lease.envelopeID))
        hop.bind(2, lease.envelopeID)
        hop.bind(3, lease.queueID)
        hop.bind(4, lease.enqueuedAt)
        hop.bind(5, lease.claimedAt)
        hop.bind(6, now)
        hop.bind(7, lease.attempt)
        hop.bind(8, outcome.rawValue)
        try hop.run()
        let last = self.database.lastRowID
        guard last % Self.trimInterval == 0 else { return }
        let trim = try self.database.statement(.trimHops)
        trim.bind(1, last - Int64(self.options.hopHistoryLimit))
        // More than came in, so that a history that was longer once shrinks.
        trim.bind(2, Self.trimInterval * 2)
        try trim.run()
    }

    /// True when there are more.
    func forgetOldHops() throws(LocalQueueError) -> Bool {
        let limit = self.now - self.options.hopHistoryAge.microseconds
        // Hops are settled in the order of their numbers, near enough: the oldest one tells whether there is work.
        let oldest = try self.database.number("SELECT settled_at FROM hop ORDER BY id LIMIT 1")
        guard oldest != 0, oldest < limit else { return false }
        try self.database.write { () throws(LocalQueueError) in
            try self.database.execute(
                """
                DELETE FROM hop WHERE id IN (
                    SELECT id FROM (SELECT id, settled_at FROM hop ORDER BY id LIMIT \(Self.forgottenPerCall))
                    WHERE settled_at < \(limit))
                """
            )
        }
        return true
    }
}
