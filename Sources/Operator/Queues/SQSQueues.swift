import AWS
import Logging
import QueueClient
import Support

/// Queues of SQS (operator.md 9). A queue's settings are changed where they are; no queue is ever replaced, because that
/// would lose its messages and block its name for a minute.
final class SQSQueues: BrokerQueues {
    private let administration: SQSAdministration
    private let queues: QueueSettings
    private let tags: [String: String]
    private let logger: Logger

    /// - Parameter keys: access key and secret of the configured Secrets; empty for the process's own chain.
    init(_ settings: SQSSettings, queues: QueueSettings, keys: [String], logger: Logger) throws {
        self.queues = queues
        self.tags = settings.tags
        self.logger = logger
        var credentials: AWS.Credentials?
        if keys.count == 2 {
            credentials = try AWS.Credentials(accessKeyID: keys[0], secretAccessKey: keys[1])
        }
        do {
            let configuration = try SQSClientConfiguration.resolved(
                environment: .process,
                region: settings.region.isEmpty ? nil : settings.region,
                endpoint: settings.endpoint.isEmpty ? nil : settings.endpoint,
                keys: credentials
            )
            self.administration = SQSAdministration(configuration: configuration, logger: logger)
        } catch {
            throw QueueProblem(.error, "failed to create SQS client: \(error)")
        }
    }

    func ensure(_ queue: QueueDefinition) async throws {
        do {
            guard self.queues.createsQueues else { return try await self.check(queue) }
            try await self.administration.declare(queue)
        } catch let error as QueueClientError {
            throw Self.problem(error)
        }
        // A queue that was there may be older than the configured tags (operator.md OB6).
        guard !self.tags.isEmpty else { return }
        do {
            try await self.administration.tag(queue.name, with: queue.tags)
        } catch {
            // Messages flow without them, and a role may lack the right.
            self.logger.warning("cannot tag a queue", metadata: ["queue": "\(queue.name)", "error": "\(error)"])
        }
    }

    func exists(_ queueName: String) async throws -> Bool {
        try await self.counts(of: queueName) != nil
    }

    func counts(of queueName: String) async throws -> QueueCounts? {
        do {
            return try await self.administration.counts(of: queueName)
        } catch let error as QueueClientError {
            throw Self.problem(error)
        }
    }

    func delete(_ queueName: String) async throws {
        do {
            try await self.administration.delete(queueName)
        } catch let error as QueueClientError {
            throw Self.problem(error)
        }
    }

    /// One is shared by all and never deleted (operator.md 9).
    func ownDeadLetterQueue(of queueName: String) -> String? { nil }

    /// SQS lists names without numbers.
    func allCounts() async throws -> [String: QueueCounts]? { nil }

    func allNames() async throws -> Set<String>? {
        do {
            return Set(try await self.administration.names(withPrefix: self.queues.prefix))
        } catch let error as QueueClientError {
            throw Self.problem(error)
        }
    }

    func close() async {
        await self.administration.close()
    }

    /// Somebody else makes the queues: only looked at.
    private func check(_ queue: QueueDefinition) async throws {
        guard let state = try await self.administration.attributes(of: queue.name) else {
            throw QueueProblem(
                .missing,
                "queue \(queue.name) does not exist (autoCreate disabled): queues must be created externally in manual "
                    + "mode"
            )
        }
        guard let wanted = queue.visibilityTimeoutSeconds, let observed = state.visibilitySeconds, wanted != observed
        else { return }
        throw QueueProblem(
            .mismatch,
            "queue \(queue.name) exists but configuration mismatch (autoCreate disabled): expected "
                + "visibilityTimeout=\(wanted), got \(observed)"
        )
    }

    private static func problem(_ error: QueueClientError) -> QueueProblem {
        if case .refused(_, let reason) = error, reason.contains("QueueDeletedRecently") {
            return QueueProblem(.error, "\(error)", postponed: Reconciler.deletedRecentlyDelay)
        }
        return QueueProblem(.error, "\(error)")
    }
}
