import AsyncHTTPClient
import Logging
import NIOCore
import NIOPosix
import QueueClient
import Support
import Synchronization

/// Queues of all transports for the reconciles: opens connections with the credentials of the actor's namespace, shares
/// them, closes them when they are idle, and answers many questions about numbers with one look-up.
final class QueueService: Sendable {
    /// At rest no connection is open (operator.md OB4).
    static let idleLimit = Duration.seconds(20)
    /// The management API refreshes its numbers every 5 s.
    static let countsLifetime = Duration.seconds(10)
    /// Each look-up of SQS is paid for.
    static let singleCountsLifetime = Duration.seconds(60)
    /// Above this many kept answers the old ones are dropped.
    static let countsLimit = 20_000
    /// An API that does not answer is not asked again at once: each time costs 5 s.
    static let countsPause = Duration.seconds(60)

    /// Connections and answers are shared by actors with the same broker and the same credentials.
    struct Login: Hashable, Sendable {
        var transport: String
        /// The values of the Secrets; only compared.
        fileprivate var credentials: [String]
    }

    private struct Session {
        var queues: any BrokerQueues
        var users: Int
        var lastUse: ContinuousClock.Instant
    }

    private struct Counts {
        var byName: [String: QueueCounts]?
        var expiry: ContinuousClock.Instant
    }

    private let secrets: SecretReader
    private let metrics: OperatorMetrics
    private let logger: Logger
    private let http: HTTPClient
    private let sessions = Mutex<[Login: Session]>([:])
    private let counts = Mutex<[Login: Counts]>([:])

    init(secrets: SecretReader, group: any EventLoopGroup, metrics: OperatorMetrics, logger: Logger) {
        self.secrets = secrets
        self.metrics = metrics
        self.logger = logger
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow,
            timeout: .init(connect: .seconds(5), read: .seconds(5))
        )
        configuration.connectionPool.idleTimeout = .seconds(10)
        // A management API that is not there is told at once, not after five seconds of trying.
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.httpVersion = .http1Only
        self.http = HTTPClient(eventLoopGroupProvider: .shared(group), configuration: configuration)
    }

    // MARK: What reconciles ask for

    /// Makes an actor's queue as it should be.
    func ensure(_ queue: QueueDefinition, of actor: ObjectKey, on transport: TransportDefinition) async throws {
        try await self.measured("ensure", transport) {
            try await self.with(transport, namespace: actor.namespace) { try await $0.ensure(queue) }
        }
    }

    /// Whether an actor's queue is there.
    func exists(_ queueName: String, of actor: ObjectKey, on transport: TransportDefinition) async throws -> Bool {
        try await self.measured("check", transport) {
            try await self.with(transport, namespace: actor.namespace) { try await $0.exists(queueName) }
        }
    }

    /// A queue that was there, and how many messages went with it.
    struct Deletion: Equatable, Sendable {
        var queueName: String
        var messageCount: Int
    }

    /// Removes an actor's queue and its dead-letter queue. Each is looked for by itself: a try before this one may have
    /// ended between the two.
    func delete(
        _ queueName: String,
        of actor: ObjectKey,
        on transport: TransportDefinition
    ) async throws -> [Deletion] {
        try await self.measured("delete", transport) {
            try await self.with(transport, namespace: actor.namespace) { queues in
                var deletions: [Deletion] = []
                for name in [queueName, queues.ownDeadLetterQueue(of: queueName)].compactMap({ $0 }) {
                    guard let ready = try await queues.counts(of: name)?.ready else { continue }
                    try await queues.delete(name)
                    deletions.append(Deletion(queueName: name, messageCount: ready))
                }
                return deletions
            }
        }
    }

    /// Messages of an actor's queue as of a few seconds ago; `nil` when they cannot be had.
    func counts(_ queueName: String, of actor: ObjectKey, on transport: TransportDefinition) async -> QueueCounts? {
        do {
            if let all = try await self.allCounts(namespace: actor.namespace, transport) {
                // A queue that the broker does not list (yet) has no messages (operator.md 14).
                return all[queueName] ?? QueueCounts(ready: 0, inFlight: 0)
            }
            return try await self.singleCounts(queueName, actor, transport)
        } catch {
            return nil  // Logged where the look-up was made; the stored numbers stay (operator.md 14).
        }
    }

    /// With which login the queues of a namespace are reached.
    func login(namespace: String, on transport: TransportDefinition) async throws -> Login {
        Login(transport: transport.name, credentials: try await self.credentials(transport, namespace: namespace))
    }

    /// Names of all queues that are there, as one look-up; `nil` when the broker offers none.
    func allNames(namespace: String, on transport: TransportDefinition) async throws -> Set<String>? {
        try await self.with(transport, namespace: namespace) { try await $0.allNames() }
    }

    /// Closes what nobody has used for a while; runs until cancelled.
    func closeIdle() async {
        while !Task.isCancelled {
            do { try await Task.sleep(for: Self.idleLimit / 4) } catch { return }
            let now = ContinuousClock.now
            let idle = self.sessions.withLock { sessions in
                let idle = sessions.filter { $0.value.users == 0 && now - $0.value.lastUse > Self.idleLimit }
                for key in idle.keys { sessions[key] = nil }
                return idle.values.map(\.queues)
            }
            for queues in idle { await queues.close() }
        }
    }

    /// Closes everything.
    func shutdown() async {
        let all = self.sessions.withLock { sessions in
            defer { sessions = [:] }
            return sessions.values.map(\.queues)
        }
        for queues in all { await queues.close() }
        // Nothing is left to do about a failure to close.
        try? await self.http.shutdown()
    }

    // MARK: Sessions

    private func with<Value: Sendable>(
        _ transport: TransportDefinition,
        namespace: String,
        _ body: (any BrokerQueues) async throws -> Value
    ) async throws -> Value {
        let (key, queues) = try await self.enter(transport, namespace: namespace)
        defer {
            self.sessions.withLock { sessions in
                sessions[key]?.users -= 1
                sessions[key]?.lastUse = .now
            }
        }
        do {
            return try await body(queues)
        } catch {
            // Maybe it was the password, and a new one is there.
            for name in transport.broker.secretNames { self.secrets.forget(name, namespace: namespace) }
            throw error
        }
    }

    private func enter(
        _ transport: TransportDefinition,
        namespace: String
    ) async throws -> (Login, any BrokerQueues) {
        let key = try await self.login(namespace: namespace, on: transport)
        return try self.sessions.withLock { sessions in
            if sessions[key] == nil {
                let queues = try self.open(transport, key.credentials)
                sessions[key] = Session(queues: queues, users: 0, lastUse: .now)
            }
            sessions[key]?.users += 1
            guard let session = sessions[key] else { throw QueueProblem(.error, "no session") }
            return (key, session.queues)
        }
    }

    private func open(_ transport: TransportDefinition, _ credentials: [String]) throws -> any BrokerQueues {
        switch transport.broker {
        case .rabbitMQ(let settings):
            return try RabbitMQQueues(
                settings,
                queues: transport.queues,
                password: credentials[0],
                authorityPEM: credentials.count > 1 ? credentials[1] : nil,
                http: self.http
            )
        case .sqs(let settings):
            return try SQSQueues(settings, queues: transport.queues, keys: credentials, logger: self.logger)
        }
    }

    /// The values of the Secrets in a fixed order; the texts of the errors are those of operator.md 2.
    private func credentials(_ transport: TransportDefinition, namespace: String) async throws -> [String] {
        switch transport.broker {
        case .rabbitMQ(let settings):
            do {
                var values = [RabbitMQSettings.defaultPassword]
                if let reference = settings.password {
                    values = [try await self.secrets.value(reference, namespace: namespace)]
                }
                if settings.isTLS, let reference = settings.authority {
                    values.append(try await self.secrets.value(reference, namespace: namespace))
                }
                return values
            } catch let problem as SecretReader.Problem {
                throw QueueProblem(.error, "failed to load RabbitMQ password: \(problem.rabbitMQText)")
            }
        case .sqs(let settings):
            do {
                var values: [String] = []
                for reference in [settings.accessKeyID, settings.secretAccessKey] {
                    guard let reference else { continue }
                    values.append(try await self.secrets.value(reference, namespace: namespace))
                }
                return values
            } catch let problem as SecretReader.Problem {
                throw QueueProblem(.error, "failed to create SQS client: \(problem.text)")
            }
        }
    }

    // MARK: Numbers

    /// One look-up for everybody who asks within its lifetime.
    private func allCounts(
        namespace: String,
        _ transport: TransportDefinition
    ) async throws -> [String: QueueCounts]? {
        let key = try await self.login(namespace: namespace, on: transport)
        let known: (hasAnswer: Bool, byName: [String: QueueCounts]?) = self.counts.withLock { counts in
            if let entry = counts[key], entry.expiry > .now { return (true, entry.byName) }
            // Whoever asks while this look-up runs gets the old answer instead of starting another.
            counts[key] = Counts(byName: counts[key]?.byName, expiry: .now + Self.countsLifetime)
            return (false, nil)
        }
        if known.hasAnswer { return known.byName }
        do {
            let byName = try await self.with(transport, namespace: namespace) { try await $0.allCounts() }
            self.keep(byName, for: key, lifetime: Self.countsLifetime)
            return byName
        } catch {
            self.keep(nil, for: key, lifetime: Self.countsPause)
            let metadata: Logger.Metadata = ["transport": "\(transport.name)", "error": "\(error)"]
            self.logger.debug("cannot read numbers of messages", metadata: metadata)
            throw error
        }
    }

    /// One look-up for one queue, where there is none for all; each answer counts for a while.
    private func singleCounts(
        _ queueName: String,
        _ actor: ObjectKey,
        _ transport: TransportDefinition
    ) async throws -> QueueCounts? {
        let key = Login(transport: "\(transport.name)/\(queueName)", credentials: [])
        let known = self.counts.withLock { counts -> Counts? in
            if counts.count > Self.countsLimit { counts = counts.filter { $0.value.expiry > .now } }
            return counts[key].flatMap { $0.expiry > .now ? $0 : nil }
        }
        if let known { return known.byName?[queueName] }
        let counts = try await self.with(transport, namespace: actor.namespace) { queues in
            try await queues.counts(of: queueName)
        }
        self.keep(counts.map { [queueName: $0] }, for: key, lifetime: Self.singleCountsLifetime)
        return counts
    }

    private func keep(_ byName: [String: QueueCounts]?, for key: Login, lifetime: Duration) {
        self.counts.withLock { counts in
            counts[key] = Counts(byName: byName, expiry: .now + lifetime)
        }
    }

    private func measured<Value>(
        _ operation: String,
        _ transport: TransportDefinition,
        _ body: () async throws -> Value
    ) async throws -> Value {
        let start = ContinuousClock.now
        func report(isSuccess: Bool) {
            self.metrics.queueOperated(
                transport: transport.name,
                operation: operation,
                isSuccess: isSuccess,
                duration: ContinuousClock.now - start
            )
        }
        do {
            let value = try await body()
            report(isSuccess: true)
            return value
        } catch {
            report(isSuccess: false)
            throw error
        }
    }
}

extension SecretReader.Problem {
    fileprivate var text: String {
        switch self {
        case .secretMissing(let name): "secrets \"\(name)\" not found"
        case .keyMissing(let name, let key): "key \(key) not found in secret \(name)"
        }
    }

    fileprivate var rabbitMQText: String {
        switch self {
        case .secretMissing: "failed to get RabbitMQ password secret: \(self.text)"
        case .keyMissing: self.text
        }
    }
}
