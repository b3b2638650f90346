import AMQP
import AsyncHTTPClient
import FoundationEssentials
import QueueClient
import Support
import Synchronization

/// Queues of a RabbitMQ: made and deleted over AMQP, counted over the management API (operator.md 9, 14).
final class RabbitMQQueues: BrokerQueues {
    private let administration: any QueueAdministration
    private let management: RabbitMQManagement
    private let settings: RabbitMQSettings
    private let queues: QueueSettings
    /// The configured authorities, in a file because the AMQP library wants one.
    private let authorityFile: URL?
    /// When queues that may be replaced were first seen empty.
    private let emptySince = Mutex<[String: ContinuousClock.Instant]>([:])
    /// The management API learns of a delivery within its sampling interval of 5 s.
    private static let countsLag = Duration.seconds(6)

    /// - Parameter authorityPEM: authorities to trust instead of the system's.
    init(
        _ settings: RabbitMQSettings,
        queues: QueueSettings,
        password: String,
        authorityPEM: String?,
        http: HTTPClient
    ) throws {
        self.settings = settings
        self.queues = queues
        if settings.isTLS, settings.skipsVerification {
            // Quietly verifying, or quietly not, would both be surprises.
            throw QueueProblem(
                .error,
                "tls.insecureSkipVerify is not supported for AMQP: give the broker's authority in tls.caSecretRef"
            )
        }
        self.management = try RabbitMQManagement(
            settings,
            password: password,
            authorityPEM: authorityPEM,
            shared: http
        )
        var url = AMQPURL(
            host: settings.host.isEmpty ? "localhost" : settings.host,
            port: settings.port ?? RabbitMQSettings.defaultPort,
            credentials: Credentials(
                username: settings.username ?? RabbitMQSettings.defaultUser,
                password: password
            )
        )
        url.virtualHost = settings.virtualHost
        url.isTLS = settings.isTLS
        var file: URL?
        if settings.isTLS, let authorityPEM {
            let path = FileManager.default.temporaryDirectory.appending(path: "asya-ca-\(UUID().uuidString).pem")
            try Data(authorityPEM.utf8).write(to: path)
            url.caFile = path.path
            file = path
        }
        self.authorityFile = file
        self.administration = try RabbitMQAdministration(
            configuration: RabbitMQClientConfiguration(
                url: url,
                exchange: settings.exchange,
                connectionName: "asya-operator"
            )
        )
    }

    func ensure(_ queue: QueueDefinition) async throws {
        guard self.queues.createsQueues else {
            guard try await self.exists(queue.name) else {
                throw QueueProblem(
                    .missing,
                    "queue \(queue.name) does not exist (autoCreate disabled): queues must be created externally in "
                        + "manual mode"
                )
            }
            return
        }
        do {
            try await self.declare(queue)
        } catch let problem as QueueProblem where problem.reason == .mismatch {
            try await self.resolveMismatch(queue, problem)
        }
    }

    func exists(_ queueName: String) async throws -> Bool {
        try await self.counts(of: queueName) != nil
    }

    func delete(_ queueName: String) async throws {
        do {
            try await self.administration.delete(queueName)
        } catch let error as QueueClientError {
            throw Self.problem(error)
        }
    }

    func ownDeadLetterQueue(of queueName: String) -> String? {
        self.queues.hasDeadLetterQueue ? queueName + QueueTopology.deadLetterSuffix : nil
    }

    func counts(of queueName: String) async throws -> QueueCounts? {
        do {
            return try await self.administration.counts(of: queueName)
        } catch let error as QueueClientError {
            throw Self.problem(error)
        }
    }

    func allCounts() async throws -> [String: QueueCounts]? {
        try await self.management.allCounts()
    }

    func allNames() async throws -> Set<String>? {
        Set(try await self.management.allCounts().keys)
    }

    func close() async {
        await self.administration.close()
        await self.management.close()
        // A certificate of an authority is no secret; what cannot be removed stays in the temporary folder.
        if let file = self.authorityFile { try? FileManager.default.removeItem(at: file) }
    }

    private func declare(_ queue: QueueDefinition) async throws {
        switch self.queues.kind {
        case .quorum: try await self.management.declareQuorum(queue, exchange: self.settings.exchange)
        case .classic:
            do {
                try await self.administration.declare(queue)
            } catch let error as QueueClientError {
                throw Self.problem(error)
            }
        }
    }

    /// An equal queue with other arguments. It is replaced only when that was asked for and it holds nothing
    /// (operator.md OB6).
    private func resolveMismatch(_ queue: QueueDefinition, _ cause: QueueProblem) async throws {
        guard self.queues.forcesRecreation, try await self.isEmpty(queue.name) else {
            throw QueueProblem(
                .mismatch,
                "queue \(queue.name) exists with other arguments and was left as it is: \(cause). Delete it when it is "
                    + "empty, or set queues.forceRecreate"
            )
        }
        try await self.administration.delete(queue.name)
        try await self.declare(queue)
    }

    /// Messages in the hands of consumers count too; AMQP does not tell them, so without the management API no queue is
    /// empty. That API is some seconds behind: a queue must be seen empty twice with longer than that in between.
    private func isEmpty(_ queueName: String) async throws -> Bool {
        let ready = try await self.counts(of: queueName)?.ready
        let inFlight = try await self.management.allCounts()[queueName]?.inFlight
        let isEmpty = ready == 0 && inFlight == 0
        let now = ContinuousClock.now
        let since = self.emptySince.withLock { emptySince in
            emptySince[queueName] = isEmpty ? emptySince[queueName] ?? now : nil
            return emptySince[queueName]
        }
        return since.map { now - $0 > Self.countsLag } ?? false
    }

    /// The words of operator.md 9; never with credentials, which the client's errors do not hold either.
    private static func problem(_ error: QueueClientError) -> QueueProblem {
        switch error {
        case .refused(_, let reason) where reason.contains("PRECONDITION_FAILED"): QueueProblem(.mismatch, "\(error)")
        case .unavailable, .misconfigured, .closed: QueueProblem(.error, "failed to connect to RabbitMQ: \(error)")
        default: QueueProblem(.error, "\(error)")
        }
    }
}
