import QueueClient

/// Queues of one broker with one set of credentials.
protocol BrokerQueues: Sendable {
    /// Makes the queue as defined; repeats are harmless.
    func ensure(_ queue: QueueDefinition) async throws
    /// Whether a queue is there.
    func exists(_ queueName: String) async throws -> Bool
    /// Removes a queue with its messages; a missing one is success.
    func delete(_ queueName: String) async throws
    /// The dead-letter queue that goes with an actor's queue and with nobody else's.
    func ownDeadLetterQueue(of queueName: String) -> String?
    /// Messages of all queues by name, as one look-up; `nil` when the broker has no such thing.
    func allCounts() async throws -> [String: QueueCounts]?
    /// Names of all queues, as few look-ups; `nil` when the broker has no such thing.
    func allNames() async throws -> Set<String>?
    /// Messages of one queue.
    func counts(of queueName: String) async throws -> QueueCounts?
    /// Gives up connections.
    func close() async
}

/// Why a queue is not as it should be: the reason of the condition, what to do next, and the words.
struct QueueProblem: Error, Equatable, CustomStringConvertible {
    /// Reasons of TransportReady=False (crd.md 4).
    enum Reason: String, Sendable {
        case error = "QueueError"
        case missing = "QueueMissing"
        case mismatch = "QueueMismatch"
    }

    var reason: Reason
    var description: String
    /// Not a failure: try again after this long (operator.md 9, the 60 s rule of SQS).
    var postponed: Duration?

    init(_ reason: Reason, _ description: String, postponed: Duration? = nil) {
        self.reason = reason
        self.description = description
        self.postponed = postponed
    }

    /// The event that goes with it.
    var eventReason: String { self.reason == .mismatch ? "QueueMismatch" : "QueueError" }
}
