/// Creating, counting and removing queues, for `asya up` and the operator (`operator.md` 9).
public protocol QueueAdministration: Sendable {
    /// Makes the queue with its bindings and dead-letter queue exist; repeats are harmless.
    func declare(_ queue: QueueDefinition) async throws
    /// Messages in the queue; nil when it does not exist.
    func counts(of queueName: String) async throws -> QueueCounts?
    /// Removes the queue with its messages; a missing one is success.
    func delete(_ queueName: String) async throws
    /// Removes all ready messages.
    func purge(_ queueName: String) async throws
    /// Gives up the connection.
    func close() async
}

/// A queue as it should be.
public struct QueueDefinition: Equatable, Sendable {
    /// Full name, `asya-<actor>`.
    public var name: String
    /// Where messages go that nobody could handle; nil for none.
    public var deadLetter: DeadLetterDefinition?
    /// How long a received message stays hidden; transports without the notion ignore it.
    public var visibilityTimeoutSeconds: Int?
    /// Labels of the queue where the transport has them.
    public var tags: [String: String]

    /// The queue of an actor.
    public init(
        name: String,
        deadLetter: DeadLetterDefinition? = nil,
        visibilityTimeoutSeconds: Int? = nil,
        tags: [String: String] = [:]
    ) {
        self.name = name
        self.deadLetter = deadLetter
        self.visibilityTimeoutSeconds = visibilityTimeoutSeconds
        self.tags = tags
    }
}

/// A dead-letter queue.
public struct DeadLetterDefinition: Equatable, Sendable {
    /// Full name: `asya-<actor>-dlq` on RabbitMQ, `asya-dlq` on SQS.
    public var queueName: String
    /// Deliveries before a message goes there; transports without the notion ignore it.
    public var maximumReceiveCount: Int?
    /// How long messages stay; transports without the notion ignore it.
    public var retentionDays: Int?

    /// A dead-letter queue.
    public init(queueName: String, maximumReceiveCount: Int? = nil, retentionDays: Int? = nil) {
        self.queueName = queueName
        self.maximumReceiveCount = maximumReceiveCount
        self.retentionDays = retentionDays
    }
}

/// How many messages a queue holds.
public struct QueueCounts: Equatable, Sendable {
    /// Waiting for a consumer.
    public var ready: Int
    /// Handed out and not settled; nil when the transport does not tell (AMQP has no method for it).
    public var inFlight: Int?

    /// Counts of a queue.
    public init(ready: Int, inFlight: Int?) {
        self.ready = ready
        self.inFlight = inFlight
    }
}
