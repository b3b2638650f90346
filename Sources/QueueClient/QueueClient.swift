/// Puts messages into queues for the control plane: gateway, command line and operator.
///
/// One implementation per transport. Safe to use from any task; every implementation keeps its blocking library on a
/// thread of its own.
public protocol QueueClient: Sendable {
    /// Sends one message and returns when the queue system has taken responsibility for it (publisher confirm, answer
    /// of SQS, commit). May deliver twice after a lost connection, never zero times (`gateway.md` 25.3).
    ///
    /// - Parameters:
    ///   - body: the message, sent as it is.
    ///   - messageID: the envelope's id.
    ///   - queueName: full name, `asya-<actor>`; see `QueueName`.
    /// - Throws: `QueueClientError`, within the client's send deadline.
    func send(_ body: [UInt8], messageID: String, to queueName: String) async throws

    /// As `send`, without a task that waits: `completion` is called once, on a thread of the client's own, which it must
    /// not block.
    func post(_ body: [UInt8], messageID: String, to queueName: String, completion: @escaping SendCompletion)

    /// Returns when the queue system can be reached, for `/ready` and for start-up.
    func checkReadiness() async throws

    /// Finishes what was sent already, within the send deadline, and gives up connection and thread. Later sends fail.
    func close() async
}

/// What became of a message; the error is a `QueueClientError` or a `CancellationError`.
public typealias SendCompletion = @Sendable (Result<Void, any Error>) -> Void

extension QueueClient {
    /// For clients that work with tasks anyway.
    public func post(
        _ body: [UInt8],
        messageID: String,
        to queueName: String,
        completion: @escaping SendCompletion
    ) {
        Task {
            do {
                try await self.send(body, messageID: messageID, to: queueName)
                completion(.success(()))
            } catch {
                completion(.failure(error))
            }
        }
    }
}

extension QueueClient {
    /// `send` for clients whose own work is `post`.
    func sendByPosting(_ body: [UInt8], messageID: String, to queueName: String) async throws {
        try await withCheckedThrowingContinuation { continuation in
            self.post(body, messageID: messageID, to: queueName) { continuation.resume(with: $0) }
        }
    }
}

/// Why a message could not be sent. Fit for a log line and for an envelope's error: holds no message data and no
/// credentials.
public enum QueueClientError: Error, Equatable, Sendable, CustomStringConvertible {
    /// There is no such queue, or nothing leads to it.
    case queueMissing(String)
    /// The queue system answered no.
    case refused(queue: String, reason: String)
    /// The message exceeds what the queue system takes.
    case messageTooLarge(queue: String, byteCount: Int, reason: String)
    /// No connection.
    case unavailable(reason: String)
    /// No answer in time; the message may have arrived.
    case timedOut(queue: String, after: String)
    /// The client was closed.
    case closed
    /// The settings of the transport are wrong; no attempt can succeed.
    case misconfigured(String)

    /// A sentence without a full stop.
    public var description: String {
        switch self {
        case .queueMissing(let queue): "queue \(queue) does not exist, or nothing is bound to it"
        case .refused(let queue, let reason): "queue \(queue) refused the message: \(reason)"
        case .messageTooLarge(let queue, let byteCount, let reason):
            "message of \(byteCount) bytes is too large for queue \(queue): \(reason)"
        case .unavailable(let reason): "queue system is unavailable: \(reason)"
        case .timedOut(let queue, let after): "no confirmation from queue \(queue) within \(after)"
        case .closed: "queue client is closed"
        case .misconfigured(let reason): reason
        }
    }
}

/// Names of queues and routing keys (`envelope.md` 4).
public enum QueueName {
    /// What every queue's name starts with.
    public static let prefix = "asya-"

    /// `asya-<actor>`.
    public static func ofActor(_ actor: String) -> String { self.prefix + actor }

    /// The routing key on the topic exchange: the name without its prefix.
    public static func routingKey(_ queueName: String) -> String {
        queueName.hasPrefix(self.prefix) ? String(queueName.dropFirst(self.prefix.count)) : queueName
    }
}
