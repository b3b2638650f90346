internal import AWS
public import Logging

/// Makes, reads and removes queues of SQS for the operator and `asya up` (`operator.md` 9).
public final class SQSAdministration: QueueAdministration {
    /// How long messages stay in an actor's queue: four days (`operator.md` 9).
    static let retentionSeconds = 345_600
    private static let secondsPerDay = 86_400
    /// Pages of a listing; a thousand queues each.
    private static let pageLimit = 100

    private let connection: SQSConnection
    private let operationTimeout: Duration

    /// An administration that looks for credentials with the first request.
    public init(configuration: SQSClientConfiguration, logger: Logger) {
        self.connection = SQSConnection(configuration: configuration, logger: logger)
        self.operationTimeout = configuration.operationTimeout
    }

    /// See `QueueAdministration`. Of an existing queue only what differs is changed (`SQSQueueRevision`), and no message
    /// is lost (`operator.md` OB6).
    public func declare(_ queue: QueueDefinition) async throws {
        try await self.translating(queue.name) { deadline in
            guard let address = try await self.existing(queue.name, deadline) else {
                let policy = try await self.redrivePolicy(queue.deadLetter, tags: queue.tags, deadline)
                try await self.create(queue, policy, deadline)
                return
            }
            let reply = try await self.connection.perform(.attributes(of: address), deadline: deadline)
            let revision = SQSQueueRevision(of: try QueueAttributes(reply: reply), to: queue)
            var changes = revision.changes
            if revision.needsDeadLetterQueue {
                changes.redrivePolicy = try await self.redrivePolicy(queue.deadLetter, tags: queue.tags, deadline)
            }
            guard changes != QueueAttributes() else { return }
            _ = try await self.connection.perform(.set(changes, of: address), deadline: deadline)
        }
    }

    /// See `QueueAdministration`.
    public func counts(of queueName: String) async throws -> QueueCounts? {
        guard let attributes = try await self.attributes(of: queueName) else { return nil }
        return QueueCounts(ready: attributes.waitingCount, inFlight: attributes.inFlightCount)
    }

    /// What the service says about a queue; nil when there is none.
    public func attributes(of queueName: String) async throws -> SQSQueueState? {
        try await self.translating(queueName) { deadline in
            guard let address = try await self.existing(queueName, deadline) else { return nil }
            do {
                let reply = try await self.connection.perform(.attributes(of: address), deadline: deadline)
                return SQSQueueState(try QueueAttributes(reply: reply))
            } catch RequestFailure.service(let error) where error.kind == .queueDoesNotExist {
                return nil
            }
        }
    }

    /// See `QueueAdministration`. The dead-letter queue, which is everybody's, stays.
    public func delete(_ queueName: String) async throws {
        try await self.translating(queueName) { deadline in
            guard let address = try await self.existing(queueName, deadline) else { return }
            await self.connection.forget(queueName)
            do {
                _ = try await self.connection.perform(.delete(address), deadline: deadline)
            } catch RequestFailure.service(let error) where error.kind == .queueDoesNotExist {
                return  // Somebody else was faster.
            }
        }
    }

    /// See `QueueAdministration`.
    public func purge(_ queueName: String) async throws {
        try await self.translating(queueName) { deadline in
            _ = try await self.connection.withQueue(queueName, deadline: deadline) { .purge($0) }
        }
    }

    /// Names of the queues that begin with `prefix`.
    public func names(withPrefix prefix: String) async throws -> [String] {
        try await self.translating(prefix) { deadline in
            var names: [String] = []
            var pageToken: String?
            for _ in 0..<Self.pageLimit {
                let request = QueueRequest.list(prefix: prefix, pageToken: pageToken)
                let page = try QueueList(reply: try await self.connection.perform(request, deadline: deadline))
                names += page.queues.map { $0.name }
                pageToken = page.nextPageToken
                if pageToken == nil { break }
            }
            return names
        }
    }

    /// Adds tags to a queue.
    public func tag(_ queueName: String, with tags: [String: String]) async throws {
        try await self.translating(queueName) { deadline in
            _ = try await self.connection.withQueue(queueName, deadline: deadline) { .tag($0, tags: tags) }
        }
    }

    /// See `QueueAdministration`.
    public func close() async {
        await self.connection.close()
    }

    // MARK: Steps

    /// Asks the service anew each time: what is remembered may have been deleted by somebody else.
    private func existing(_ name: String, _ deadline: ContinuousClock.Instant) async throws -> QueueAddress? {
        await self.connection.forget(name)
        do {
            return try await self.connection.address(of: name, deadline: deadline)
        } catch RequestFailure.service(let error) where error.kind == .queueDoesNotExist {
            return nil
        }
    }

    private func create(
        _ queue: QueueDefinition,
        _ policy: RedrivePolicy?,
        _ deadline: ContinuousClock.Instant
    ) async throws {
        let attributes = QueueAttributes(
            visibilitySeconds: queue.visibilityTimeoutSeconds,
            retentionSeconds: Self.retentionSeconds,
            redrivePolicy: policy
        )
        let request = QueueRequest.create(name: queue.name, attributes: attributes, tags: queue.tags)
        _ = try await self.connection.perform(request, deadline: deadline)
    }

    /// The policy that leads to the dead-letter queue, which is made when it is missing.
    private func redrivePolicy(
        _ deadLetter: DeadLetterDefinition?,
        tags: [String: String],
        _ deadline: ContinuousClock.Instant
    ) async throws -> RedrivePolicy? {
        guard let deadLetter else { return nil }
        let address: QueueAddress
        if let existing = try await self.existing(deadLetter.queueName, deadline) {
            address = existing
        } else {
            let days = deadLetter.retentionDays ?? DeadLetterDefaults.retentionDays
            // It is shared by all actors, so it does not carry the tags that name one.
            var tags = tags.filter { !DeadLetterDefaults.actorTags.contains($0.key) }
            tags["asya.sh/type"] = tags["asya.sh/type"] ?? "dlq"
            let request = QueueRequest.create(
                name: deadLetter.queueName,
                attributes: QueueAttributes(retentionSeconds: days * Self.secondsPerDay),
                tags: tags
            )
            let reply = try await self.connection.perform(request, deadline: deadline)
            address = await self.connection.address(url: try QueueReply.queueURL(reply))
        }
        let reply = try await self.connection.perform(.attributes(of: address), deadline: deadline)
        guard let arn = try QueueAttributes(reply: reply).arn else {
            throw RequestFailure.malformedReply("the dead-letter queue has no QueueArn")
        }
        return RedrivePolicy(
            deadLetterTargetARN: arn,
            maxReceiveCount: deadLetter.receiveLimit
        )
    }

    private func translating<Value>(
        _ queueName: String,
        _ work: (ContinuousClock.Instant) async throws -> Value
    ) async throws -> Value {
        do {
            return try await work(ContinuousClock.now + self.operationTimeout)
        } catch {
            throw SQSFailure.translated(error, queue: queueName, timeout: self.operationTimeout)
        }
    }
}

/// What counts when the configuration of dead letters says nothing (`operator.md` 2).
private enum DeadLetterDefaults {
    static let retentionDays = 14
    static let actorTags: Set<String> = ["asya.sh/actor", "asya.sh/namespace"]
}

/// What the service says about a queue.
public struct SQSQueueState: Sendable, Equatable {
    /// How long a received message stays hidden.
    public let visibilitySeconds: Int?
    /// How long messages stay.
    public let retentionSeconds: Int?
    /// The name of the dead-letter queue, and after how many receives a message goes there.
    public let deadLetter: DeadLetterDefinition?
    /// The queue's ARN.
    public let arn: String?
    /// Messages that wait, about.
    public let waitingCount: Int
    /// Messages received and not deleted, about.
    public let inFlightCount: Int

    init(_ attributes: QueueAttributes) {
        self.visibilitySeconds = attributes.visibilitySeconds
        self.retentionSeconds = attributes.retentionSeconds
        self.deadLetter = attributes.redrivePolicy.map { policy in
            DeadLetterDefinition(
                queueName: policy.deadLetterQueueName,
                maximumReceiveCount: policy.maxReceiveCount
            )
        }
        self.arn = attributes.arn
        self.waitingCount = attributes.waitingCount ?? 0
        self.inFlightCount = attributes.inFlightCount ?? 0
    }
}
