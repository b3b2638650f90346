import Support

/// The transports of `ASYA_TRANSPORT_CONFIG` (operator.md 2), by name.
public struct TransportRegistry: Sendable, Equatable {
    /// A configuration is a page of text.
    static let byteLimit = 1 << 20

    /// All of them, the disabled ones too.
    public let transports: [String: TransportDefinition]

    /// No transports.
    public static let empty = TransportRegistry(transports: [:])

    init(transports: [String: TransportDefinition]) {
        self.transports = transports
    }

    /// Reads the JSON text; empty means no transports.
    public init(parsing text: String) throws(TransportConfigurationError) {
        let blank = text.allSatisfy(\.isWhitespace)
        guard !blank else {
            self.transports = [:]
            return
        }
        let prefix = "failed to parse transport config"
        let root: JSONValue
        do {
            root = try JSONValue(parsing: text, byteLimit: Self.byteLimit)
        } catch {
            throw TransportConfigurationError("\(prefix): \(error)")
        }
        var reader = try StrictReader(root, prefix: prefix)
        let entries = try reader.object("transports") ?? .object([:])
        try reader.finish()
        var transports: [String: TransportDefinition] = [:]
        for (name, entry) in entries.members ?? [:] {
            transports[name] = try TransportDefinition(name: name, entry)
        }
        self.transports = transports
    }

    /// The transport of that name, or why an actor cannot use it; the texts are those of operator.md 2.
    public func lookUp(_ name: String) throws(TransportConfigurationError) -> TransportDefinition {
        guard let transport = self.transports[name] else {
            throw TransportConfigurationError("transport '\(name)' not found in operator configuration")
        }
        guard transport.isEnabled else {
            throw TransportConfigurationError("transport '\(name)' is disabled in operator configuration")
        }
        return transport
    }
}

/// A mistake in the configuration, or a transport that cannot be used.
public struct TransportConfigurationError: Error, Equatable, CustomStringConvertible {
    /// The text of operator.md 2.
    public let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// One entry of the configuration.
public struct TransportDefinition: Sendable, Equatable {
    /// What kind of broker, with its settings.
    public enum Broker: Sendable, Equatable {
        /// `type: rabbitmq`.
        case rabbitMQ(RabbitMQSettings)
        /// `type: sqs`.
        case sqs(SQSSettings)

        /// The Secrets with its credentials.
        var secretNames: Set<String> {
            switch self {
            case .rabbitMQ(let settings): Set([settings.password, settings.authority].compactMap { $0?.name })
            case .sqs(let settings): Set([settings.accessKeyID, settings.secretAccessKey].compactMap { $0?.name })
            }
        }
    }

    /// The key in the configuration.
    public var name: String
    /// Whether actors may use it.
    public var isEnabled: Bool
    /// Type and settings.
    public var broker: Broker
    /// How queues are made.
    public var queues: QueueSettings

    /// The `type` in the configuration, which is also the sidecar's `ASYA_TRANSPORT`.
    public var type: String {
        switch self.broker {
        case .rabbitMQ: "rabbitmq"
        case .sqs: "sqs"
        }
    }

    /// The queue of an actor.
    public func queueName(actor: String) -> String { self.queues.prefix + actor }

    init(name: String, _ entry: JSONValue) throws(TransportConfigurationError) {
        self.name = name
        var reader = try StrictReader(entry, prefix: "failed to parse transport config")
        let type = try reader.string("type") ?? ""
        self.isEnabled = try reader.boolean("enabled") ?? false
        let settings = try reader.object("config") ?? .object([:])
        try reader.finish()
        let prefix = "failed to parse config for transport '\(name)'"
        switch type {
        case "rabbitmq":
            var reader = try StrictReader(settings, prefix: "\(prefix): failed to parse RabbitMQ config")
            self.broker = .rabbitMQ(try RabbitMQSettings(&reader))
            self.queues = try QueueSettings(&reader)
            try reader.finish()
        case "sqs":
            var reader = try StrictReader(settings, prefix: "\(prefix): failed to parse SQS config")
            self.broker = .sqs(try SQSSettings(&reader))
            self.queues = try QueueSettings(&reader)
            try reader.finish()
        default: throw TransportConfigurationError("\(prefix): unsupported transport type: \(type)")
        }
    }
}

/// A key of a Secret.
public struct SecretReference: Sendable, Equatable, Hashable {
    /// The Secret.
    public var name: String
    /// The key in its data.
    public var key: String
    /// Whether pods start without it.
    public var isOptional: Bool?

    init?(_ reader: inout StrictReader, _ name: String) throws(TransportConfigurationError) {
        guard let value = try reader.object(name) else { return nil }
        var inner = try reader.nested(value)
        self.name = try inner.string("name") ?? ""
        self.key = try inner.string("key") ?? ""
        self.isOptional = try inner.boolean("optional")
        try inner.finish()
    }

    /// The `secretKeyRef` of an environment variable.
    var json: JSONValue {
        .object(omittingNil: [
            "name": .string(self.name), "key": .string(self.key), "optional": self.isOptional.map(JSONValue.bool),
        ])
    }
}

/// `type: rabbitmq`.
public struct RabbitMQSettings: Sendable, Equatable {
    static let defaultPort = 5672
    static let defaultManagementPort = 15672
    static let defaultExchange = "asya"
    static let defaultUser = "guest"
    static let defaultPassword = "guest"

    /// Broker host; empty when it is not configured.
    public var host: String
    /// AMQP port; `nil` when absent or 0.
    public var port: Int?
    /// User name; `nil` when absent or empty.
    public var username: String?
    /// Where the password is.
    public var password: SecretReference?
    /// Topic exchange that sidecars publish to.
    public var exchange: String
    /// Virtual host.
    public var virtualHost: String
    /// Port of the HTTP API, when it was given: then KEDA uses it too (operator.md 13).
    public var managementPort: Int?
    /// AMQPS and HTTPS.
    public var isTLS: Bool
    /// Authorities to trust.
    public var authority: SecretReference?
    /// Do not check the broker's certificate.
    public var skipsVerification: Bool

    init(_ reader: inout StrictReader) throws(TransportConfigurationError) {
        self.host = try reader.string("host") ?? ""
        self.port = try reader.integer("port").flatMap { $0 == 0 ? nil : $0 }
        self.username = try reader.string("username").flatMap { $0.isEmpty ? nil : $0 }
        self.password = try SecretReference(&reader, "passwordSecretRef")
        self.exchange = try reader.string("exchange").flatMap { $0.isEmpty ? nil : $0 } ?? Self.defaultExchange
        self.virtualHost = try reader.string("vhost") ?? "/"
        self.managementPort = try reader.integer("managementPort").flatMap { $0 == 0 ? nil : $0 }
        self.isTLS = false
        self.skipsVerification = false
        guard let tls = try reader.object("tls") else { return }
        var inner = try reader.nested(tls)
        self.isTLS = try inner.boolean("enabled") ?? false
        self.authority = try SecretReference(&inner, "caSecretRef")
        self.skipsVerification = try inner.boolean("insecureSkipVerify") ?? false
        try inner.finish()
    }
}

/// `type: sqs`.
public struct SQSSettings: Sendable, Equatable {
    /// AWS region.
    public var region: String
    /// AWS account.
    public var accountID: String
    /// Custom endpoint; empty for AWS itself.
    public var endpoint: String
    /// Role of the actors; non-empty makes a ServiceAccount for each.
    public var actorRoleARN: String
    /// Seconds; 0 means the documents' rule (operator.md 17).
    public var visibilityTimeout: Int
    /// Seconds of long polling.
    public var waitTimeSeconds: Int
    /// Static keys.
    public var accessKeyID: SecretReference?
    /// Static keys.
    public var secretAccessKey: SecretReference?
    /// Extra tags of queues.
    public var tags: [String: String]

    /// Whether static keys are configured.
    public var hasCredentials: Bool { self.accessKeyID != nil || self.secretAccessKey != nil }

    init(_ reader: inout StrictReader) throws(TransportConfigurationError) {
        self.region = try reader.string("region") ?? ""
        self.accountID = try reader.string("accountId") ?? ""
        self.endpoint = try reader.string("endpoint") ?? ""
        self.actorRoleARN = try reader.string("actorRoleArn") ?? ""
        self.visibilityTimeout = try reader.integer("visibilityTimeout") ?? 0
        self.waitTimeSeconds = try reader.integer("waitTimeSeconds") ?? 0
        self.tags = try reader.strings("tags") ?? [:]
        guard let credentials = try reader.object("credentials") else { return }
        var inner = try reader.nested(credentials)
        self.accessKeyID = try SecretReference(&inner, "accessKeyIdSecretRef")
        self.secretAccessKey = try SecretReference(&inner, "secretAccessKeySecretRef")
        try inner.finish()
    }
}

/// `queues`, for both types.
public struct QueueSettings: Sendable, Equatable {
    /// What kind of queue RabbitMQ makes (operator.md OB9).
    public enum Kind: String, Sendable {
        /// As the original.
        case classic
        /// Replicated, with a limit of deliveries.
        case quorum
    }

    /// Make queues that are missing.
    public var createsQueues = true
    /// Replace queues whose settings differ.
    public var forcesRecreation = false
    /// Have dead-letter queues.
    public var hasDeadLetterQueue = false
    /// Deliveries before a message is dead.
    public var maxRetryCount = 3
    /// How long SQS keeps dead letters.
    public var retentionDays = 14
    /// RabbitMQ's kind of queue.
    public var kind = Kind.classic
    /// Before the actor's name in names of queues.
    public var prefix = "asya-"

    init() {}

    init(_ reader: inout StrictReader) throws(TransportConfigurationError) {
        guard let queues = try reader.object("queues") else { return }
        var inner = try reader.nested(queues)
        self.createsQueues = try inner.boolean("autoCreate") ?? true
        self.forcesRecreation = try inner.boolean("forceRecreate") ?? false
        if let type = try inner.string("type") {
            guard let kind = Kind(rawValue: type) else {
                throw inner.error("queues.type is '\(type)', not one of classic, quorum")
            }
            self.kind = kind
        }
        self.prefix = try inner.string("queuePrefix") ?? self.prefix
        if let deadLetters = try inner.object("dlq") {
            var dlq = try inner.nested(deadLetters)
            self.hasDeadLetterQueue = try dlq.boolean("enabled") ?? false
            self.maxRetryCount = try dlq.integer("maxRetryCount").flatMap { $0 == 0 ? nil : $0 } ?? 3
            self.retentionDays = try dlq.integer("retentionDays").flatMap { $0 == 0 ? nil : $0 } ?? 14
            try dlq.finish()
        }
        try inner.finish()
    }
}
