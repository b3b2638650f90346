public import Logging
internal import Support
internal import Synchronization

/// Sends through one connection of RabbitMQ with publisher confirms. Many callers at once share a thread, which writes
/// what waits in one go, so that a confirm of the broker settles many of them.
public final class RabbitMQQueueClient: QueueClient {
    private let mailbox: SendMailbox
    /// nil once somebody closed the client: a thread is joined once.
    private let thread: Mutex<DedicatedThread?>
    private let sendTimeoutNanoseconds: UInt64

    /// Starts the thread, which connects right away and again whenever it has to.
    public init(configuration: RabbitMQClientConfiguration, logger: Logger) throws(QueueClientError) {
        guard let mailbox = SendMailbox() else { throw .unavailable(reason: "no file descriptor is left") }
        let thread = DedicatedThread(name: "amqp-publisher") {
            PublisherLoop(configuration: configuration, mailbox: mailbox, logger: logger).run()
        }
        guard let thread else { throw .unavailable(reason: "cannot start a thread") }
        self.mailbox = mailbox
        self.thread = Mutex(thread)
        self.sendTimeoutNanoseconds = UInt64(max(1, GoDuration(configuration.sendTimeout).nanoseconds))
    }

    /// See `QueueClient`.
    public func send(_ body: [UInt8], messageID: String, to queueName: String) async throws {
        try Task.checkCancellation()
        try await self.sendByPosting(body, messageID: messageID, to: queueName)
    }

    /// See `QueueClient`.
    public func post(
        _ body: [UInt8],
        messageID: String,
        to queueName: String,
        completion: @escaping SendCompletion
    ) {
        guard (1...QueueName.maximumByteCount).contains(queueName.utf8.count) else {
            return completion(.failure(QueueClientError.queueMissing(queueName)))
        }
        let send = SendMailbox.Send(
            body: body,
            // The property is a short string; an id that does not fit is still in the body.
            messageID: String(decoding: messageID.utf8.prefix(QueueName.maximumByteCount), as: UTF8.self),
            queueName: queueName,
            deadline: MonotonicClock.nanoseconds() + self.sendTimeoutNanoseconds,
            completion: completion
        )
        if let refusal = self.mailbox.put(.send(send)) { completion(.failure(refusal)) }
    }

    /// See `QueueClient`.
    public func checkReadiness() async throws {
        try await withCheckedThrowingContinuation { continuation in
            if let refusal = self.mailbox.put(.probe(continuation)) { continuation.resume(throwing: refusal) }
        }
    }

    /// See `QueueClient`.
    public func close() async {
        self.mailbox.close()
        let thread = self.thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        await thread?.joined()
    }
}

extension QueueName {
    /// AMQP's short strings: queue names, routing keys and message ids.
    static let maximumByteCount = 255
}
