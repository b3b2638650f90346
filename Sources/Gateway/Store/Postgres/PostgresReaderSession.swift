internal import Support

/// One query of a task, and where its result goes.
struct PostgresRead: Sendable {
    var sql: String
    var values: [PostgresValue]
    var answer: @Sendable (Result<PostgresResult, any Error>) -> Void
}

/// A thread that reads: whatever waits goes out in one pipeline.
final class PostgresReaderSession {
    private let link: PostgresLink

    init(link: PostgresLink) {
        self.link = link
    }

    func run(_ batches: BatchWriter<PostgresRead>) {
        while true {
            let batch = batches.nextBatch()
            guard !batch.isEmpty else { return }
            self.perform(batch)
        }
    }

    private func perform(_ batch: [PostgresRead]) {
        do {
            let results = try self.attempt(batch)
            for (read, result) in zip(batch, results) { read.answer(.success(result)) }
        } catch {
            let isLost = (error as? PostgresConnection.Failure)?.isConnectionLoss ?? false
            if isLost { self.link.drop() }
            // A failing query takes those behind it along; reading again harms nobody. A lost connection is tried once
            // more as well: the server may have been restarted.
            for read in batch { read.answer(Result { try self.attempt([read])[0] }.mapError(PostgresLink.translated)) }
        }
    }

    private func attempt(_ batch: [PostgresRead]) throws -> [PostgresResult] {
        let connection = try self.link.connection()
        do {
            for read in batch { try connection.enqueue(read.sql, read.values) }
            return try connection.synchronize()
        } catch {
            if error.isConnectionLoss { self.link.drop() }
            throw error
        }
    }
}
