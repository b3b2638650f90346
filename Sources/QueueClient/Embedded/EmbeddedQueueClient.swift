internal import LocalQueue
internal import Support

/// Puts messages into the queues of one file (`LocalQueue`). Sends of many tasks share a transaction.
public final class EmbeddedQueueClient: QueueClient {
    private struct Send: Sendable {
        let publication: Publication
        let result: CheckedContinuation<Void, any Error>
    }

    private let writer: BatchWriter<Send>
    private let path: String

    /// Opens the file, and creates it when it does not exist.
    public init(path: String) throws(QueueClientError) {
        // Opened here as well, so that a bad path is known before the first send.
        _ = try Self.open(path)
        let writer = BatchWriter<Send>(name: "local-queue") { batches in Self.run(batches, path) }
        guard let writer else { throw .unavailable(reason: "cannot start a thread") }
        self.writer = writer
        self.path = path
    }

    /// See `QueueClient`.
    public func send(_ body: [UInt8], messageID: String, to queueName: String) async throws {
        let publication = Publication(queueName: queueName, envelopeID: messageID, body: body)
        try await withCheckedThrowingContinuation { continuation in
            if !self.writer.submit(Send(publication: publication, result: continuation)) {
                continuation.resume(throwing: QueueClientError.closed)
            }
        }
    }

    /// See `QueueClient`.
    public func checkReadiness() async throws {
        _ = try Self.open(self.path)
    }

    /// See `QueueClient`.
    public func close() async {
        await self.writer.close()
    }

    static func open(_ path: String) throws(QueueClientError) -> LocalQueue {
        do {
            return try LocalQueue(path: path)
        } catch {
            throw .unavailable(reason: error.description)
        }
    }

    private static func run(_ batches: BatchWriter<Send>, _ path: String) {
        var queue: LocalQueue?
        while true {
            let batch = batches.nextBatch()
            guard !batch.isEmpty else { return }
            do throws(QueueClientError) {
                if queue == nil { queue = try self.open(path) }
                if let queue { self.send(batch, through: queue) }
            } catch {
                for send in batch { send.result.resume(throwing: error) }
            }
        }
    }

    private static func send(_ batch: [Send], through queue: LocalQueue) {
        do {
            try queue.send(batch.map(\.publication))
            for send in batch { send.result.resume() }
        } catch {
            // One message may have been at fault for all of them.
            guard batch.count > 1, !error.isPassing else { return self.fail(batch, error) }
            for send in batch { self.send([send], through: queue) }
        }
    }

    private static func fail(_ batch: [Send], _ error: LocalQueueError) {
        for send in batch { send.result.resume(throwing: self.translated(error, send.publication)) }
    }

    private static func translated(_ error: LocalQueueError, _ publication: Publication) -> QueueClientError {
        switch error {
        case .queueMissing, .invalidQueueName: .queueMissing(publication.queueName)
        case .bodyTooLarge(let byteCount):
            .messageTooLarge(queue: publication.queueName, byteCount: byteCount, reason: "the file's limit")
        case .busy, .diskFull, .corrupt, .foreignFile, .schemaTooNew, .notAccessible, .queueNotEmpty, .failed:
            .unavailable(reason: error.description)
        }
    }
}
