internal import LocalQueue
internal import Support

/// Makes, counts and removes the queues of one file, one request after the other on a thread of its own.
public final class EmbeddedAdministration: QueueAdministration {
    private let jobs: JobQueue<String>

    /// Uses the file, which is created with the first request when it does not exist.
    public init(path: String) throws(QueueClientError) {
        guard let jobs = JobQueue(name: "queue-admin", makeResource: { path }) else {
            throw .unavailable(reason: "cannot start a thread")
        }
        self.jobs = jobs
    }

    /// See `QueueAdministration`.
    public func declare(_ queue: QueueDefinition) async throws {
        let limits = QueueLimits(
            maxRetryCount: queue.deadLetter?.maximumReceiveCount ?? 0,
            deadLetterQueue: queue.deadLetter?.queueName
        )
        try await self.perform { file throws(LocalQueueError) in try file.createQueue(queue.name, limits: limits) }
    }

    /// See `QueueAdministration`.
    public func counts(of queueName: String) async throws -> QueueCounts? {
        try await self.perform { file throws(LocalQueueError) in
            guard try file.hasQueue(queueName) else { return nil }
            let statistics = try file.statistics(of: queueName)
            return QueueCounts(ready: statistics.readyCount, inFlight: statistics.inFlightCount)
        }
    }

    /// See `QueueAdministration`.
    public func delete(_ queueName: String) async throws {
        try await self.perform { file throws(LocalQueueError) in
            guard try file.hasQueue(queueName) else { return }
            try file.deleteQueue(queueName, includingMessages: true)
        }
    }

    /// See `QueueAdministration`.
    public func purge(_ queueName: String) async throws {
        _ = try await self.perform { file throws(LocalQueueError) in try file.purge(queueName) }
    }

    /// See `QueueAdministration`.
    public func close() async {
        await self.jobs.close()
    }

    private func perform<Value: Sendable>(
        _ work: @escaping @Sendable (LocalQueue) throws(LocalQueueError) -> Value
    ) async throws -> Value {
        let result = await self.jobs.run { path in
            // Opening is cheap next to how seldom this happens, and leaves nothing behind that could go stale.
            Result<Value, any Error> { try work(try EmbeddedQueueClient.open(path)) }
        }
        guard let result else { throw QueueClientError.closed }
        do {
            return try result.get()
        } catch let error as LocalQueueError {
            if case .queueMissing(let name) = error { throw QueueClientError.queueMissing(name) }
            throw QueueClientError.unavailable(reason: error.description)
        }
    }
}
