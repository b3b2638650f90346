/// Everything that writes messages.
extension LocalQueue {
    /// Puts messages into their queues, all or none.
    public func send(_ publications: [Publication]) throws(LocalQueueError) {
        try Self.check(publications)
        var changes = CountChanges()
        try self.setDurable(true)
        try self.database.write { () throws(LocalQueueError) in
            let now = self.now
            for publication in publications {
                guard let queue = try self.find(publication.queueName) else {
                    throw .queueMissing(name: publication.queueName)
                }
                try self.insert(publication, into: queue, origin: 0, now: now, changes: &changes)
            }
            try self.apply(changes)
        }
        self.ring(changes)
    }

    /// Claims messages of one queue. A missing queue is an error.
    public func claim(_ claim: QueueTransaction.Claim) throws(LocalQueueError) -> [ClaimedMessage] {
        var transaction = QueueTransaction()
        transaction.claim = claim
        let result = try self.commit(transaction)
        guard result.claimQueueExists else { throw .queueMissing(name: claim.queueName) }
        return result.claimed
    }

    /// Performs a whole transaction: results with their acknowledgements, acknowledgements alone, releases, renewals,
    /// then the next claim. Throws when nothing of it was done.
    public func commit(_ transaction: QueueTransaction) throws(LocalQueueError) -> QueueTransactionResult {
        for hop in transaction.hops { try Self.check(hop.publications) }
        if transaction.settlesNothing, let idle = try self.idleResult(of: transaction) { return idle }
        var changes = CountChanges()
        try self.setDurable(!transaction.hops.isEmpty || !transaction.acknowledgements.isEmpty)
        let result = try self.database.write { () throws(LocalQueueError) in
            var result = QueueTransactionResult()
            let now = self.now
            for hop in transaction.hops {
                result.hops.append(try self.perform(hop, now: now, changes: &changes))
            }
            for lease in transaction.acknowledgements {
                result.acknowledgements.append(
                    try self.settle(lease, as: .acknowledged, now: now, changes: &changes)
                )
            }
            for release in transaction.releases {
                result.releases.append(try self.perform(release, now: now, changes: &changes))
            }
            for renewal in transaction.renewals { result.renewals.append(try self.perform(renewal, now: now)) }
            if let claim = transaction.claim {
                try self.perform(claim, now: now, changes: &changes, result: &result)
            }
            try self.apply(changes)
            return result
        }
        self.ring(changes)
        return result
    }

    private static func check(_ publications: [Publication]) throws(LocalQueueError) {
        for publication in publications where publication.body.count > self.largestBodyByteCount {
            throw .bodyTooLarge(byteCount: publication.body.count)
        }
    }

    // MARK: Publishing

    func insert(
        _ publication: Publication,
        into queue: QueueRow,
        origin: Int64,
        now: Int64,
        changes: inout CountChanges
    ) throws(LocalQueueError) {
        let envelopeID = Self.bounded(publication.envelopeID)
        let message = try self.database.statement(.insertMessage)
        message.bind(1, queue.id)
        message.bind(2, envelopeID)
        message.bind(3, now)
        message.bind(4, origin)
        var failure: LocalQueueError?
        publication.body.withUnsafeBytes { bytes in
            message.bind(5, bytes: bytes)
            do throws(LocalQueueError) { try message.run() } catch { failure = error }
        }
        if let failure { throw failure }
        let schedule = try self.database.statement(.insertSchedule)
        schedule.bind(1, queue.id)
        schedule.bind(2, now)
        schedule.bind(3, self.database.lastRowID)
        schedule.bind(4, Self.hash(envelopeID))
        try schedule.run()
        changes.enqueued(queue)
    }

    /// First whether it can be done, then the acknowledgement, which shows whether the lease still counts, then the
    /// publications: a hop that cannot be stored has written nothing.
    private func perform(
        _ hop: QueueTransaction.Hop,
        now: Int64,
        changes: inout CountChanges
    ) throws(LocalQueueError) -> QueueTransactionResult.HopOutcome {
        var queues: [QueueRow] = []
        for publication in hop.publications {
            guard let queue = try self.find(publication.queueName) else {
                return .destinationMissing(queueName: publication.queueName)
            }
            queues.append(queue)
        }
        let isDeadLetter = hop.publications.contains(where: \.isDeadLetter)
        let outcome: HopRecord.Outcome = isDeadLetter ? .deadLettered : .acknowledged
        guard try self.settle(hop.lease, as: outcome, now: now, changes: &changes) else { return .leaseLost }
        for (publication, queue) in zip(hop.publications, queues) {
            let origin = publication.isDeadLetter ? hop.lease.queueID : 0
            try self.insert(publication, into: queue, origin: origin, now: now, changes: &changes)
        }
        return .stored
    }

    // MARK: Settling

    /// Deletes a claimed message. False when it is not ours any more.
    private func settle(
        _ lease: Lease,
        as outcome: HopRecord.Outcome,
        now: Int64,
        changes: inout CountChanges
    ) throws(LocalQueueError) -> Bool {
        let schedule = try self.database.statement(.settle)
        lease.bind(to: schedule)
        try schedule.run()
        guard self.database.changeCount == 1 else { return false }
        let message = try self.database.statement(.deleteMessage)
        message.bind(1, lease.messageID)
        try message.run()
        changes.removed(lease.queueID, isAcknowledged: true)
        try self.remember(lease, outcome, now: now)
        return true
    }

    private func perform(
        _ release: QueueTransaction.Release,
        now: Int64,
        changes: inout CountChanges
    ) throws(LocalQueueError) -> Bool {
        let lease = release.lease
        let schedule = try self.database.statement(.reschedule)
        lease.bind(to: schedule)
        // Without delay it takes its old place in front; nobody has worked on it.
        let isBackInFront = release.delay <= .zero && !release.countsDelivery
        let visibleAt = isBackInFront ? min(lease.enqueuedAt, now) : now + release.delay.microseconds
        schedule.bind(5, visibleAt)
        schedule.bind(6, Int64(0))
        schedule.bind(7, release.countsDelivery ? lease.attempt : lease.attempt - 1)
        try schedule.run()
        guard self.database.changeCount == 1 else { return false }
        if release.countsDelivery, let limits = try self.limits(of: lease.queueID), limits.isSpent(lease.attempt) {
            let row = ScheduleKey(queueID: lease.queueID, visibleAt: visibleAt, messageID: lease.messageID)
            try self.move(
                row,
                to: limits.deadLetters,
                origin: lease.queueID,
                deliveries: lease.attempt,
                now: now,
                changes: &changes
            )
            try self.remember(lease, .deadLettered, now: now)
            return true
        }
        if release.delay <= .zero { changes.ready(lease.queueID) }
        try self.remember(lease, .released, now: now)
        return true
    }

    private func perform(_ renewal: QueueTransaction.Renewal, now: Int64) throws(LocalQueueError) -> Lease? {
        var lease = renewal.lease
        let schedule = try self.database.statement(.reschedule)
        lease.bind(to: schedule)
        lease.end = now + max(1, renewal.visibility.microseconds)
        schedule.bind(5, lease.end)
        schedule.bind(6, lease.token)
        schedule.bind(7, lease.attempt)
        try schedule.run()
        return self.database.changeCount == 1 ? lease : nil
    }

    // MARK: Dead letters

    /// A row of `schedule` by its key.
    struct ScheduleKey {
        let queueID: Int64
        let visibleAt: Int64
        let messageID: Int64
    }

    /// When a queue gives up on a message, and where that goes.
    struct Limits {
        let maxRetryCount: Int
        let deadLetters: QueueRow

        func isSpent(_ deliveries: Int) -> Bool { deliveries >= self.maxRetryCount }
    }

    private func limits(of queueID: Int64) throws(LocalQueueError) -> Limits? {
        let statement = try self.database.statement(.queueByID)
        defer { statement.reset() }
        statement.bind(1, queueID)
        guard try statement.step() else { return nil }
        return try self.limits(maxRetryCount: Int(statement.integer(1)), deadLetterQueue: statement.text(2))
    }

    func limits(maxRetryCount: Int, deadLetterQueue: String) throws(LocalQueueError) -> Limits? {
        guard maxRetryCount > 0, !deadLetterQueue.isEmpty, let queue = try self.find(deadLetterQueue) else {
            return nil
        }
        return Limits(maxRetryCount: maxRetryCount, deadLetters: queue)
    }

    /// Moves a message that is not claimed to another queue, where it is ready at once.
    func move(
        _ row: ScheduleKey,
        to queue: QueueRow,
        origin: Int64,
        deliveries: Int,
        now: Int64,
        changes: inout CountChanges
    ) throws(LocalQueueError) {
        let schedule = try self.database.statement(.moveSchedule)
        schedule.bind(1, row.queueID)
        schedule.bind(2, row.visibleAt)
        schedule.bind(3, row.messageID)
        schedule.bind(4, queue.id)
        schedule.bind(5, now)
        schedule.bind(6, deliveries)
        try schedule.run()
        guard self.database.changeCount == 1 else { return }
        let message = try self.database.statement(.moveMessage)
        message.bind(1, row.messageID)
        message.bind(2, queue.id)
        message.bind(3, origin)
        try message.run()
        changes.removed(row.queueID, isAcknowledged: false)
        changes.enqueued(queue)
    }

    // MARK: Counters

    /// How the numbers of messages change in a transaction, written once per queue at its end.
    struct CountChanges {
        struct Change {
            var queueID: Int64
            /// Known for queues that got messages.
            var name: String?
            var messages = 0
            var enqueued = 0
            var acknowledged = 0
            var ready = 0
        }
        /// Few queues per transaction: a list is searched faster than a dictionary is hashed.
        private(set) var changes: [Change] = []

        private mutating func change(_ queueID: Int64, _ edit: (inout Change) -> Void) {
            if let index = self.changes.firstIndex(where: { $0.queueID == queueID }) {
                edit(&self.changes[index])
            } else {
                var change = Change(queueID: queueID)
                edit(&change)
                self.changes.append(change)
            }
        }

        mutating func enqueued(_ queue: QueueRow) {
            self.change(queue.id) {
                $0.name = queue.name
                $0.messages += 1
                $0.enqueued += 1
                $0.ready += 1
            }
        }

        mutating func removed(_ queueID: Int64, isAcknowledged: Bool) {
            self.change(queueID) {
                $0.messages -= 1
                if isAcknowledged { $0.acknowledged += 1 }
            }
        }

        /// A message is there again for others; it was counted all the time.
        mutating func ready(_ queueID: Int64) {
            self.change(queueID) { $0.ready += 1 }
        }
    }

    func apply(_ changes: CountChanges) throws(LocalQueueError) {
        for change in changes.changes where change.messages != 0 || change.enqueued != 0 || change.acknowledged != 0 {
            let statement = try self.database.statement(.countQueue)
            statement.bind(1, change.queueID)
            statement.bind(2, change.messages)
            statement.bind(3, change.enqueued)
            statement.bind(4, change.acknowledged)
            try statement.run()
        }
    }

    /// Wakes those who wait for what was just committed.
    func ring(_ changes: CountChanges) {
        for change in changes.changes where change.ready > 0 {
            guard let name = change.name ?? (try? self.name(of: change.queueID)) else {
                // A queue whose name cannot be read wakes nobody; its consumers look again within a second.
                continue
            }
            self.bell.ring(name, count: change.ready)
        }
    }

    func name(of queueID: Int64) throws(LocalQueueError) -> String? {
        let statement = try self.database.statement(.queueByID)
        defer { statement.reset() }
        statement.bind(1, queueID)
        return try statement.step() ? statement.text(0) : nil
    }

    /// Ids come from outside and have any length; the store needs them to recognise an envelope, nothing else.
    static func bounded(_ envelopeID: String) -> String {
        guard envelopeID.utf8.count > self.largestIDByteCount else { return envelopeID }
        return String(decoding: envelopeID.utf8.prefix(self.largestIDByteCount), as: UTF8.self)
    }

    /// FNV-1a: a short key for ids of any length; equal hashes are told apart by the id itself.
    static func hash(_ envelopeID: String) -> Int64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in envelopeID.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return Int64(bitPattern: hash)
    }
}

extension Lease {
    /// The first four parameters of `settle` and `reschedule`: a row that is exactly as we left it.
    func bind(to statement: Statement) {
        statement.bind(1, self.queueID)
        statement.bind(2, self.end)
        statement.bind(3, self.messageID)
        statement.bind(4, self.token)
    }
}

extension Duration {
    /// Whole microseconds, saturating.
    var microseconds: Int64 {
        let (seconds, attoseconds) = self.components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
        guard !overflow, abs(product) < Int64.max / 4 else { return seconds < 0 ? -Int64.max / 4 : Int64.max / 4 }
        return product + attoseconds / 1_000_000_000_000
    }
}
