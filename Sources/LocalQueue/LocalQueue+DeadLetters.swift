/// What people do by hand: redrive and purge. (`peek` lists a dead-letter queue like any other.)
extension LocalQueue {
    /// Messages moved or deleted per transaction: others get the lock in between.
    private static let rowsPerTransaction = 500

    /// Moves messages of a dead-letter queue back to where they came from, with their deliveries counted anew.
    ///
    /// - Parameters:
    ///   - ids: which ones; nil means all that are in the queue now.
    ///   - target: another queue for all of them. Without it a message whose origin is unknown or deleted stays.
    /// - Returns: how many were moved.
    @discardableResult
    public func redrive(
        _ name: String,
        ids: [Int64]? = nil,
        to target: String? = nil
    ) throws(LocalQueueError) -> Int {
        if let target, try self.find(target) == nil { throw .queueMissing(name: target) }
        let wanted = ids.map(Set.init)
        try self.setDurable(true)
        var moved = 0
        var last: ScheduleKey?
        // What is redriven may come back here while this runs: only what was there at the beginning is moved.
        let end = self.now
        while true {
            var changes = CountChanges()
            let rows = try self.database.write { () throws(LocalQueueError) -> [ScheduleKey] in
                guard let queue = try self.find(name) else { throw .queueMissing(name: name) }
                let rows = try self.readyRows(of: queue, after: last, until: end)
                for row in rows where wanted?.contains(row.messageID) ?? true {
                    if try self.redrive(row, to: target, changes: &changes) { moved += 1 }
                }
                try self.apply(changes)
                return rows
            }
            self.ring(changes)
            guard let final = rows.last else { return moved }
            last = final
        }
    }

    private func readyRows(
        of queue: QueueRow,
        after last: ScheduleKey?,
        until end: Int64
    ) throws(LocalQueueError) -> [ScheduleKey] {
        let statement = try self.database.statement(.rowsAfter)
        defer { statement.reset() }
        statement.bind(1, queue.id)
        statement.bind(2, last?.visibleAt ?? Int64.min)
        statement.bind(3, last?.messageID ?? Int64.min)
        statement.bind(4, end)
        statement.bind(5, Self.rowsPerTransaction)
        return try self.keys(of: queue, from: statement)
    }

    private func redrive(
        _ row: ScheduleKey,
        to target: String?,
        changes: inout CountChanges
    ) throws(LocalQueueError) -> Bool {
        var name = target
        if name == nil {
            let message = try self.database.statement(.messageByID)
            defer { message.reset() }
            message.bind(1, row.messageID)
            guard try message.step(), message.integer(3) != 0 else { return false }
            name = try self.name(of: message.integer(3))
        }
        guard let name, let queue = try self.find(name), queue.id != row.queueID else { return false }
        try self.move(row, to: queue, origin: 0, deliveries: 0, now: self.now, changes: &changes)
        return true
    }

    /// Deletes all messages of a queue, those in flight included (their holders find the lease lost). Returns how many.
    @discardableResult
    public func purge(_ name: String) throws(LocalQueueError) -> Int {
        var deleted = 0
        try self.setDurable(true)
        while true {
            let count = try self.database.write { () throws(LocalQueueError) -> Int in
                guard let queue = try self.find(name) else { throw .queueMissing(name: name) }
                let rows = try self.firstRows(of: queue)
                var changes = CountChanges()
                for row in rows { try self.delete(row, of: queue, changes: &changes) }
                try self.apply(changes)
                return rows.count
            }
            deleted += count
            if count < Self.rowsPerTransaction { return deleted }
        }
    }

    /// Deletes one message that nobody holds. False when it is gone or in flight.
    @discardableResult
    public func deleteMessage(id: Int64) throws(LocalQueueError) -> Bool {
        try self.setDurable(true)
        return try self.database.write { () throws(LocalQueueError) in
            let message = try self.database.statement(.messageByID)
            defer { message.reset() }
            message.bind(1, id)
            guard try message.step(), let name = try self.name(of: message.integer(0)),
                let queue = try self.find(name)
            else { return false }
            let schedule = try self.database.statement(.scheduleOfMessage)
            defer { schedule.reset() }
            schedule.bind(1, queue.id)
            schedule.bind(2, id)
            guard try schedule.step(), schedule.integer(2) == 0 || schedule.integer(0) <= self.now else {
                return false
            }
            let row = ScheduleKey(queueID: queue.id, visibleAt: schedule.integer(0), messageID: id)
            message.reset()
            schedule.reset()
            var changes = CountChanges()
            try self.delete(row, of: queue, changes: &changes)
            try self.apply(changes)
            return true
        }
    }

    private func firstRows(of queue: QueueRow) throws(LocalQueueError) -> [ScheduleKey] {
        let statement = try self.database.statement(.scheduleOfQueue)
        defer { statement.reset() }
        statement.bind(1, queue.id)
        statement.bind(2, Self.rowsPerTransaction)
        return try self.keys(of: queue, from: statement)
    }

    private func keys(of queue: QueueRow, from statement: Statement) throws(LocalQueueError) -> [ScheduleKey] {
        var rows: [ScheduleKey] = []
        while try statement.step() {
            rows.append(
                ScheduleKey(queueID: queue.id, visibleAt: statement.integer(0), messageID: statement.integer(1))
            )
        }
        return rows
    }

    private func delete(
        _ row: ScheduleKey,
        of queue: QueueRow,
        changes: inout CountChanges
    ) throws(LocalQueueError) {
        let schedule = try self.database.statement(.deleteScheduleRow)
        schedule.bind(1, row.queueID)
        schedule.bind(2, row.visibleAt)
        schedule.bind(3, row.messageID)
        try schedule.run()
        let purged = try self.database.statement(.purgeHop)
        purged.bind(1, row.messageID)
        purged.bind(2, queue.id)
        purged.bind(3, self.now)
        purged.bind(4, HopRecord.Outcome.purged.rawValue)
        let message = try self.database.statement(.messageByID)
        message.bind(1, row.messageID)
        if try message.step() { purged.bind(5, Self.hash(message.text(1))) }
        message.reset()
        if self.options.hopHistoryLimit > 0 { try purged.run() }
        let deletion = try self.database.statement(.deleteMessage)
        deletion.bind(1, row.messageID)
        try deletion.run()
        changes.removed(queue.id, isAcknowledged: false)
    }
}
