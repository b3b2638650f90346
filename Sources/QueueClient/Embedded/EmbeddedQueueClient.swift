internal import LocalQueue
internal import Support

/// Puts messages into the queues of one file (`LocalQueue`). Sends of many tasks share a transaction.
public final class EmbeddedQueueClient: QueueClient {
    private struct Send: Sendable {
        let publication: Publication
        let completion: SendCompletion
    }

    private let writer: BatchWriter<Send>
    private let path: String

    /// Between two commits: they keep the disk from those of the gateway's store, which callers wait for.
    private static let gatheringNanoseconds: UInt64 = 3_000_000

    /// Opens the file, and creates it when it does not exist.
    public init(path: String) throws(QueueClientError) {
        // Opened here, so that a bad path is known before the first send; from here on the writer's alone.
        nonisolated(unsafe) let queue = try Self.open(path)
        let pause = Self.gatheringNanoseconds
        let writer = BatchWriter<Send>(name: "local-queue", gatheringNanoseconds: pause) { Self.run($0, queue) }
        guard let writer else { throw .unavailable(reason: "cannot start a thread") }
        self.writer = writer
        self.path = path
    }

    /// See `QueueClient`.
    public func send(_ body: [UInt8], messageID: String, to queueName: String) async throws {
        try await self.sendByPosting(body, messageID: messageID, to: queueName)
    }

    /// See `QueueClient`.
    public func post(
        _ body: [UInt8],
        messageID: String,
        to queueName: String,
        completion: @escaping SendCompletion
    ) {
        let publication = Publication(queueName: queueName, envelopeID: messageID, body: body)
        if !self.writer.submit(Send(publication: publication, completion: completion)) {
            completion(.failure(QueueClientError.closed))
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

    private static func open(_ path: String) throws(QueueClientError) -> LocalQueue {
        do {
            return try LocalQueue(path: path)
        } catch {
            throw .unavailable(reason: error.description)
        }
    }

    private static func run(_ batches: BatchWriter<Send>, _ queue: LocalQueue) {
        while true {
            let batch = batches.nextBatch()
            guard !batch.isEmpty else { return }
            self.send(batch, through: queue)
        }
    }

    private static func send(_ batch: [Send], through queue: LocalQueue) {
        do {
            try queue.send(batch.map(\.publication))
            for send in batch { send.completion(.success(())) }
        } catch {
            // One message may have been at fault for all of them.
            guard batch.count > 1, !error.isPassing else { return self.fail(batch, error) }
            for send in batch { self.send([send], through: queue) }
        }
    }

    private static func fail(_ batch: [Send], _ error: LocalQueueError) {
        for send in batch { send.completion(.failure(self.translated(error, send.publication))) }
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
