internal import Logging
internal import Support

/// The thread that writes: takes what waits, reads the envelopes concerned, lets the life cycle decide, and writes all
/// of it back in one transaction. Two round trips for any number of reports, one for any number of calls.
///
/// Envelopes are locked in the order of their ids, here as on every replica, so that batches cannot block each other
/// for ever. When a batch fails its writes are tried one by one: only the one at fault fails.
final class PostgresWriterSession {
    private static let conflictAttempts = 5

    private let link: PostgresLink
    private let replica: String
    private let notify: @Sendable ([String]) -> Void

    init(link: PostgresLink, replica: String, notify: @escaping @Sendable ([String]) -> Void) {
        self.link = link
        self.replica = replica
        self.notify = notify
    }

    func run(_ batches: BatchWriter<PostgresWrite>) {
        while true {
            let batch = batches.nextBatch()
            guard !batch.isEmpty else { return }
            for part in Self.parts(of: batch) { self.perform(part) }
        }
    }

    /// Cuts a batch where a write depends on an envelope that an earlier one makes, or wants to be alone.
    static func parts(of batch: [PostgresWrite]) -> [ArraySlice<PostgresWrite>] {
        var parts: [ArraySlice<PostgresWrite>] = []
        var start = 0
        var created: Set<String> = []
        for (index, write) in batch.enumerated() {
            let dependsOnEarlier = [write.appliedID, write.createdID].contains { $0.map(created.contains) ?? false }
            let followsLoner = index > start && batch[index - 1].isAlone
            if index > start, dependsOnEarlier || followsLoner || write.isAlone {
                parts.append(batch[start..<index])
                start = index
                created.removeAll()
            }
            if let id = write.createdID { created.insert(id) }
        }
        parts.append(batch[start...])
        return parts
    }

    private func perform(_ batch: ArraySlice<PostgresWrite>) {
        do {
            self.finish(batch, try self.attempt(batch))
        } catch let failure as PostgresConnection.Failure where !failure.isConnectionLoss && batch.count > 1 {
            for write in batch { self.performAlone(write) }
        } catch let failure as PostgresConnection.Failure where failure.isConflict {
            for write in batch { self.performAlone(write) }
        } catch {
            for write in batch { write.answer(.failure(PostgresLink.translated(error))) }
        }
    }

    private func performAlone(_ write: PostgresWrite) {
        for attempt in 1... {
            do {
                self.finish([write], try self.attempt([write]))
                return
            } catch let failure as PostgresConnection.Failure
                where failure.isConflict && attempt < Self.conflictAttempts
            {
                continue
            } catch {
                write.answer(.failure(PostgresLink.translated(error)))
                return
            }
        }
    }

    private func finish(
        _ batch: ArraySlice<PostgresWrite>,
        _ done: (answers: [PostgresWrite.Answer], changed: [String])
    ) {
        for (write, answer) in zip(batch, done.answers) { write.answer(.success(answer)) }
        if !done.changed.isEmpty { self.notify(done.changed) }
    }

    /// One transaction.
    private func attempt(
        _ batch: ArraySlice<PostgresWrite>
    ) throws -> (answers: [PostgresWrite.Answer], changed: [String]) {
        let connection = try self.link.connection()
        do {
            var transaction = PostgresTransaction(connection: connection, replica: self.replica, now: .now())
            return try transaction.run(batch)
        } catch {
            if (error as? PostgresConnection.Failure)?.isConnectionLoss == true {
                self.link.drop()
            } else {
                connection.rollBack()
            }
            throw error
        }
    }
}

/// A connection that is made again after it was lost. Confined to one thread.
final class PostgresLink {
    /// The writer finds every row by its key, or by an index that its order needs: one plan per statement will do, and
    /// no table is ever read from end to end, whatever its statistics say about an empty table. Planning a statement
    /// takes longer than performing it for a few rows.
    static let writerSettings = """
        SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_hashjoin = off;
        SET enable_mergejoin = off
        """

    private let url: String
    private let settings: String?
    private let ages: ConnectionAges
    private let metrics: GatewayMetrics
    private var opened: (connection: PostgresConnection, at: UInt64, usedAt: UInt64)?

    init(url: String, settings: String? = nil, ages: ConnectionAges, metrics: GatewayMetrics) {
        self.url = url
        self.settings = settings
        self.ages = ages
        self.metrics = metrics
    }

    /// The connection, after a check that it is not too old and the server has not closed it meanwhile.
    func connection() throws(PostgresConnection.Failure) -> PostgresConnection {
        let now = MonotonicClock.nanoseconds()
        if let opened = self.opened {
            self.opened?.usedAt = now
            if !self.ages.isOver(openedAt: opened.at, usedAt: opened.usedAt, now: now), opened.connection.isAlive {
                return opened.connection
            }
        }
        self.drop()
        let connection = try PostgresConnection(url: self.url)
        if let settings = self.settings { try connection.execute(settings) }
        self.opened = (connection, now, now)
        self.metrics.databaseConnections(changedBy: 1)
        return connection
    }

    /// The connection failed, or its time is over.
    func drop() {
        guard self.opened != nil else { return }
        self.opened = nil
        self.metrics.databaseConnections(changedBy: -1)
    }

    static func translated(_ error: any Error) -> any Error {
        guard let failure = error as? PostgresConnection.Failure else { return error }
        // Class 22: the value does not fit; 54: it exceeds a limit of the server.
        if failure.state.hasPrefix("22") || failure.state.hasPrefix("54") { return StoreError.unstorable(failure.text) }
        return StoreError.unavailable(failure.description)
    }
}
