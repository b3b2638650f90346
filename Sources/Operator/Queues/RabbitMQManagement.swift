import AsyncHTTPClient
import FoundationEssentials
import Glibc
import NIOCore
import NIOHTTP1
import NIOSSL
import QueueClient
import Support

/// RabbitMQ's management API: numbers of messages (operator.md 14), and quorum queues, whose arguments the common queue
/// client does not have (operator.md OB9).
final class RabbitMQManagement: Sendable {
    static let timeLimit = TimeAmount.seconds(5)
    /// Name and two numbers of ten thousand queues.
    static let answerByteLimit = 8 << 20
    /// How often a request is sent when its connection is closed without an answer.
    static let sendLimit = 2

    private let settings: RabbitMQSettings
    private let login: String
    private let http: HTTPClient
    /// Whether the client is ours to close: one that trusts a configured authority.
    private let ownsClient: Bool

    /// - Parameter authorityPEM: authorities to trust instead of the system's.
    init(_ settings: RabbitMQSettings, password: String, authorityPEM: String?, shared: HTTPClient) throws {
        self.settings = settings
        let user = settings.username ?? RabbitMQSettings.defaultUser
        self.login = Data("\(user):\(password)".utf8).base64EncodedString()
        self.ownsClient = settings.isTLS && (authorityPEM != nil || settings.skipsVerification)
        guard self.ownsClient else {
            self.http = shared
            return
        }
        var tls = TLSConfiguration.makeClientConfiguration()
        if let authorityPEM {
            tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(Array(authorityPEM.utf8)))
        }
        if settings.skipsVerification { tls.certificateVerification = .none }
        var configuration = HTTPClient.Configuration(tlsConfiguration: tls, redirectConfiguration: .disallow)
        configuration.connectionPool.retryConnectionEstablishment = false
        self.http = HTTPClient(eventLoopGroupProvider: .shared(shared.eventLoopGroup), configuration: configuration)
    }

    func close() async {
        // Nothing is left to do about a failure to close.
        if self.ownsClient { try? await self.http.shutdown() }
    }

    /// Numbers of all queues of the virtual host.
    func allCounts() async throws -> [String: QueueCounts] {
        let path = "/api/queues/\(self.virtualHost)?columns=name,messages_ready,messages_unacknowledged"
        let (code, body) = try await self.send(.GET, path, nil)
        return try RabbitMQListing.counts(code: code, body: body)
    }

    /// Makes a quorum queue with its dead-letter queue, the exchange and the bindings.
    func declareQuorum(_ queue: QueueDefinition, exchange: String) async throws {
        if let deadLetter = queue.deadLetter {
            try await self.put("/api/queues/\(self.virtualHost)/\(deadLetter.queueName)", ["durable": true])
        }
        let path = "/api/queues/\(self.virtualHost)/\(queue.name)"
        try await self.put(path, ["durable": true, "arguments": Self.quorumArguments(queue)])
        let exchangeName = URLText.escaped(exchange)
        try await self.put("/api/exchanges/\(self.virtualHost)/\(exchangeName)", ["type": "topic", "durable": true])
        for key in [QueueName.routingKey(queue.name), queue.name] {
            let path = "/api/bindings/\(self.virtualHost)/e/\(exchangeName)/q/\(queue.name)"
            try await self.expectSuccess(.POST, path, ["routing_key": .string(key)])
        }
    }

    /// The arguments of operator.md OB9: after `maxRetryCount` returns a message is dead.
    static func quorumArguments(_ queue: QueueDefinition) -> JSONValue {
        var arguments: JSONValue = ["x-queue-type": "quorum"]
        guard let deadLetter = queue.deadLetter else { return arguments }
        arguments.set("x-dead-letter-exchange", "")
        arguments.set("x-dead-letter-routing-key", .string(deadLetter.queueName))
        arguments.set("x-delivery-limit", deadLetter.maximumReceiveCount.map(JSONValue.integer))
        return arguments
    }

    private var virtualHost: String { URLText.escaped(self.settings.virtualHost) }

    private var authority: String {
        if self.settings.host.contains(":") { return self.settings.host }
        let host = self.settings.host.isEmpty ? "localhost" : self.settings.host
        return "\(host):\(self.settings.managementPort ?? RabbitMQSettings.defaultManagementPort)"
    }

    private func put(_ path: String, _ body: JSONValue) async throws {
        try await self.expectSuccess(.PUT, path, body)
    }

    private func expectSuccess(_ method: HTTPMethod, _ path: String, _ body: JSONValue) async throws {
        let (code, answer) = try await self.send(method, path, body)
        guard !(200..<300).contains(code) else { return }
        // RabbitMQ's word for a queue that exists with other arguments.
        let isMismatch = answer.contains("inequivalent arg")
        throw QueueProblem(isMismatch ? .mismatch : .error, "RabbitMQ API returned \(code): \(answer.prefix(200))")
    }

    private func send(_ method: HTTPMethod, _ path: String, _ body: JSONValue?) async throws -> (Int, String) {
        let scheme = self.settings.isTLS ? "https" : "http"
        var request = HTTPClientRequest(url: "\(scheme)://\(self.authority)\(path)")
        request.method = method
        request.headers.add(name: "Authorization", value: "Basic \(self.login)")
        if let body {
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: body.canonicalBytes))
        }
        var count = 0
        while true {
            count += 1
            do {
                let response = try await self.http.execute(request, timeout: Self.timeLimit)
                let content = try await response.body.collect(upTo: Self.answerByteLimit)
                return (Int(response.status.code), String(buffer: content))
            } catch {
                // Every request of ours may be repeated, whether the first one arrived or not.
                if count < Self.sendLimit, Self.isLostConnection(error) { continue }
                throw QueueProblem(.error, "RabbitMQ API at \(self.authority): \(error)")
            }
        }
    }

    /// Whether this is what a kept connection gives that the server, or something in between, has closed meanwhile.
    static func isLostConnection(_ error: any Error) -> Bool {
        if let error = error as? HTTPClientError { return error == .remoteConnectionClosed }
        if let error = error as? IOError { return [ECONNRESET, EPIPE].contains(error.errnoCode) }
        // TLS without its farewell.
        return (error as? NIOSSLError) == .uncleanShutdown
    }
}

/// What the management API answers about all queues. Pure.
enum RabbitMQListing {
    static func counts(code: Int, body: String) throws(QueueProblem) -> [String: QueueCounts] {
        guard code != 404 else { return [:] }
        guard code == 200 else {
            throw QueueProblem(.error, "RabbitMQ API returned \(code): \(body.prefix(200))")
        }
        let listing: JSONValue
        do {
            listing = try JSONValue(parsing: body, byteLimit: RabbitMQManagement.answerByteLimit)
        } catch {
            throw QueueProblem(.error, "RabbitMQ API returned bad JSON: \(error)")
        }
        var counts: [String: QueueCounts] = [:]
        for queue in listing.elements ?? [] {
            guard let name = queue["name"]?.string else { continue }
            counts[name] = QueueCounts(
                ready: queue["messages_ready"]?.integer ?? 0,
                inFlight: queue["messages_unacknowledged"]?.integer ?? 0
            )
        }
        return counts
    }
}
