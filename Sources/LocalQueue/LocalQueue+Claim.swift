/// Taking messages, and noticing who fell silent.
extension LocalQueue {
    /// Messages given up on per transaction: a queue full of them must not hold the lock for long.
    private static let movesPerClaim = 1000

    /// For a transaction that only claims: nil when there is something to claim, otherwise the answer, found without
    /// taking the lock that writers need.
    func idleResult(of transaction: QueueTransaction) throws(LocalQueueError) -> QueueTransactionResult? {
        var result = QueueTransactionResult()
        guard let claim = transaction.claim else { return result }
        return try self.database.read { () throws(LocalQueueError) -> QueueTransactionResult? in
            guard let queue = try self.find(claim.queueName) else {
                result.claimQueueExists = false
                return result
            }
            let now = self.now
            if claim.messageCount > 0, try self.isAnythingReady(in: queue, now: now) { return nil }
            result.nextVisibleAt = try self.nextVisible(in: queue, now: now)
            return result
        }
    }

    private func isAnythingReady(in queue: QueueRow, now: Int64) throws(LocalQueueError) -> Bool {
        let statement = try self.database.statement(.isAnythingReady)
        defer { statement.reset() }
        statement.bind(1, queue.id)
        statement.bind(2, now)
        return try statement.step()
    }

    private func nextVisible(in queue: QueueRow, now: Int64) throws(LocalQueueError) -> Int64? {
        let statement = try self.database.statement(.nextVisible)
        defer { statement.reset() }
        statement.bind(1, queue.id)
        statement.bind(2, now)
        return try statement.step() ? statement.integer(0) : nil
    }

    /// A ready message as it was found.
    private struct Found {
        let id: Int64
        let visibleAt: Int64
        let deliveries: Int
        /// Not 0: somebody held it until its lease ended.
        let lease: Int64
        let claimedAt: Int64
        let enqueuedAt: Int64
        let envelopeID: String
        let body: [UInt8]
    }

    func perform(
        _ claim: QueueTransaction.Claim,
        now: Int64,
        changes: inout CountChanges,
        result: inout QueueTransactionResult
    ) throws(LocalQueueError) {
        guard let queue = try self.find(claim.queueName) else {
            result.claimQueueExists = false
            return
        }
        var claim = claim
        if claim.replacesStoredHops { claim.messageCount += result.hops.count { $0 == .stored } }
        let limits = try self.limits(maxRetryCount: queue.maxRetryCount, deadLetterQueue: queue.deadLetterQueue)
        let token = Int64.random(in: 1...Int64.max)
        var moves = 0
        var byteCount = 0
        var isEmpty = false
        while result.claimed.count < claim.messageCount, moves < Self.movesPerClaim, byteCount < claim.byteCount {
            let found = try self.select(claim, from: queue, taken: result.claimed.count, bytes: byteCount, now: now)
            isEmpty = found.count < claim.messageCount - result.claimed.count
            if found.isEmpty { break }
            for message in found {
                let isSpent = limits?.isSpent(message.deliveries) ?? false
                if message.lease != 0 {
                    try self.rememberSilence(message, queue: queue, isSpent: isSpent, now: now)
                }
                if isSpent, let limits {
                    moves += 1
                    let row = ScheduleKey(queueID: queue.id, visibleAt: message.visibleAt, messageID: message.id)
                    try self.move(
                        row,
                        to: limits.deadLetters,
                        origin: queue.id,
                        deliveries: message.deliveries,
                        now: now,
                        changes: &changes
                    )
                    continue
                }
                byteCount += message.body.count
                let lease = Lease(
                    queueID: queue.id,
                    messageID: message.id,
                    token: token,
                    attempt: message.deliveries + 1,
                    claimedAt: now,
                    enqueuedAt: message.enqueuedAt,
                    envelopeID: message.envelopeID,
                    end: now + max(1, claim.visibility.microseconds)
                )
                try self.mark(message, as: lease)
                result.claimed.append(ClaimedMessage(lease, body: message.body))
            }
        }
        // Fewer than asked for, and not for their size: then there is nothing left.
        let isExhausted = isEmpty && byteCount < claim.byteCount && claim.byteCount == .max
        result.isMoreReady = isExhausted ? false : try self.isAnythingReady(in: queue, now: now)
        if !result.isMoreReady { result.nextVisibleAt = try self.nextVisible(in: queue, now: now) }
    }

    private func select(
        _ claim: QueueTransaction.Claim,
        from queue: QueueRow,
        taken: Int,
        bytes: Int,
        now: Int64
    ) throws(LocalQueueError) -> [Found] {
        let statement = try self.database.statement(.selectReady)
        defer { statement.reset() }
        statement.bind(1, queue.id)
        statement.bind(2, now)
        statement.bind(3, claim.messageCount - taken)
        var found: [Found] = []
        var byteCount = bytes
        while try statement.step() {
            byteCount += statement.byteCount(7)
            if byteCount > claim.byteCount, taken + found.count > 0 { break }
            found.append(
                Found(
                    id: statement.integer(0),
                    visibleAt: statement.integer(1),
                    deliveries: Int(statement.integer(2)),
                    lease: statement.integer(3),
                    claimedAt: statement.integer(4),
                    enqueuedAt: statement.integer(5),
                    envelopeID: statement.text(6),
                    body: statement.bytes(7)
                )
            )
        }
        return found
    }

    private func mark(_ message: Found, as lease: Lease) throws(LocalQueueError) {
        let statement = try self.database.statement(.markClaimed)
        statement.bind(1, lease.queueID)
        statement.bind(2, message.visibleAt)
        statement.bind(3, message.id)
        statement.bind(4, lease.end)
        statement.bind(5, lease.attempt)
        statement.bind(6, lease.token)
        statement.bind(7, lease.claimedAt)
        try statement.run()
    }

    private func rememberSilence(
        _ message: Found,
        queue: QueueRow,
        isSpent: Bool,
        now: Int64
    ) throws(LocalQueueError) {
        let lease = Lease(
            queueID: queue.id,
            messageID: message.id,
            token: message.lease,
            attempt: message.deliveries,
            claimedAt: message.claimedAt,
            enqueuedAt: message.enqueuedAt,
            envelopeID: message.envelopeID,
            end: message.visibleAt
        )
        try self.remember(lease, isSpent ? .deadLettered : .leaseEnded, now: now)
    }
}

extension ClaimedMessage {
    init(_ lease: Lease, body: [UInt8]) {
        self.init(
            lease: lease,
            envelopeID: lease.envelopeID,
            body: body,
            attempt: lease.attempt,
            enqueuedAt: lease.enqueuedAt
        )
    }
}
