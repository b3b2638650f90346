public import Support
internal import Traces

/// Everything the gateway reads from its environment (`gateway.md` 1.1, 25), parsed once.
public struct GatewayConfiguration: Sendable {
    /// TCP port.
    public let port: Int
    /// Address to listen on.
    public let host: String
    /// Port of the sidecars' endpoints; nil when they share the other one.
    public let internalPort: Int?
    /// PostgreSQL; nil for the embedded store.
    public let databaseURL: String?
    /// Connections to PostgreSQL at most.
    public let databaseMaximumConnections: Int
    /// How long a connection to PostgreSQL is used.
    let databaseConnectionAges: ConnectionAges
    /// Whether migrations are applied at start.
    public let migrates: Bool
    /// File of the embedded store; nil for the default place.
    public let storePath: String?
    /// Tools; nil for the built-in one.
    public let toolsPath: String?
    /// Where messages go.
    public let queue: QueueSettings
    /// What is forgotten when.
    public let retention: RetentionRules
    /// Limits and the like of the HTTP side.
    public let http: HTTPSettings
    /// Calls per second over all tools; nil for no limit.
    public let callsPerSecond: RateLimit?
    /// Whether envelopes that nobody has called for are recorded when sidecars report them.
    public let adoptsEnvelopes: Bool
    /// Files with secrets.
    public let security: SecuritySettings
    /// Log lines as JSON.
    public let logsJSON: Bool
    /// Where spans go; nil for no tracing.
    let tracing: TracingConfiguration?
    /// What was wrong with the variables.
    public let warnings: [String]
    /// Variables that are set and do nothing.
    let notices: [String]

    /// Where messages go.
    public enum QueueSettings: Sendable {
        /// RabbitMQ.
        case rabbitMQ(url: String, exchange: String)
        /// SQS or something that speaks its protocol.
        case sqs(endpoint: String?, region: String)
        /// Queues in a file, shared with sidecars of the same machine.
        case embedded(path: String)

        /// `messaging.system` of traces.
        var system: String {
            switch self {
            case .rabbitMQ: "rabbitmq"
            case .sqs: "sqs"
            case .embedded: "embedded"
            }
        }
    }

    /// Reads the variables.
    public init(_ reader: EnvironmentReader) {
        var reader = reader
        self.port = reader.read(Variables.port)
        self.host = reader.read(Variables.host)
        self.internalPort = reader.read(Variables.internalPort)
        self.databaseURL = reader.read(Variables.databaseURL)
        self.databaseMaximumConnections = reader.read(Variables.databaseMaximumConnections)
        self.databaseConnectionAges = ConnectionAges(
            lifetime: reader.read(Variables.databaseConnectionLifetime),
            idleTime: reader.read(Variables.databaseConnectionIdleTime)
        )
        self.migrates = reader.read(Variables.autoMigrate)
        self.storePath = reader.read(Variables.storePath)
        self.toolsPath = reader.read(Variables.configPath)
        self.queue = Self.queue(&reader)
        self.retention = Self.retention(&reader, isEmbedded: self.databaseURL == nil)
        self.security = SecuritySettings(&reader)
        self.http = Self.http(&reader, self.security)
        let calls = reader.read(Variables.callsPerSecond)
        self.callsPerSecond = calls > 0 ? RateLimit(perSecond: Double(calls), burst: Double(calls)) : nil
        self.adoptsEnvelopes = reader.read(Variables.adopts)
        self.logsJSON = reader.read(Variables.logFormat) == "json"
        self.tracing = TracingConfiguration(&reader, defaultServiceName: "asya-gateway")
        self.warnings = reader.warnings
        self.notices = Variables.withoutEffect.filter { reader.text($0.name) != nil }.map { row in
            "\(row.name) has no effect: \(row.text)"
        }
    }

    /// SQS when its endpoint is set or there is no RabbitMQ (`gateway.md` 1.1); embedded when its file is named.
    private static func queue(_ reader: inout EnvironmentReader) -> QueueSettings {
        if let path = reader.read(Variables.embeddedQueue) { return .embedded(path: path) }
        let endpoint = reader.read(Variables.sqsEndpoint)
        let region = reader.read(Variables.sqsRegion)
        guard endpoint == nil, let url = reader.read(Variables.rabbitMQURL) else {
            return .sqs(endpoint: endpoint, region: region)
        }
        return .rabbitMQ(url: url, exchange: reader.read(Variables.rabbitMQExchange))
    }

    private static func retention(_ reader: inout EnvironmentReader, isEmbedded: Bool) -> RetentionRules {
        let terminal = reader.read(Variables.retention)
        let maximum = reader.read(Variables.maximumEnvelopes)
        return RetentionRules(
            terminalEnvelopes: terminal > .zero ? terminal : nil,
            maximumEnvelopes: isEmbedded && maximum > 0 ? maximum : nil
        )
    }

    private static func http(_ reader: inout EnvironmentReader, _ security: SecuritySettings) -> HTTPSettings {
        var settings = HTTPSettings()
        settings.maximumBodyByteCount = reader.read(Variables.maximumBody)
        settings.checksArgumentsStrictly = reader.read(Variables.strictArguments)
        settings.allowedOrigins = reader.read(Variables.allowedOrigins)
            .split(separator: ",").map { $0.trimmingSpaces().lowercased() }.filter { !$0.isEmpty }
        let limit = reader.read(Variables.clientRate)
        if limit > 0 {
            settings.requestsPerSecondAndClient = RateLimit(perSecond: Double(limit), burst: Double(limit) * 2)
        }
        settings.publicURL = reader.read(Variables.publicURL)
        settings.authorizationServer = security.jwtIssuer
        settings.instance = reader.read(Variables.instance)
        return settings
    }
}

/// Where secrets and certificates are; the files are read again when they change.
public struct SecuritySettings: Sendable, Equatable {
    /// Static tokens of clients.
    public let tokensPath: String?
    /// Static tokens of sidecars.
    public let internalTokensPath: String?
    /// Key set of the issuer of JWTs.
    public let jwksPath: String?
    /// Issuer that JWTs must name.
    public let jwtIssuer: String?
    /// Audience that JWTs must be for.
    public let jwtAudience: String?
    /// PEM file of our certificate and those that signed it.
    public let certificatePath: String?
    /// PEM file of our private key.
    public let keyPath: String?

    init(_ reader: inout EnvironmentReader) {
        self.tokensPath = reader.read(Variables.tokensFile)
        self.internalTokensPath = reader.read(Variables.internalTokensFile)
        self.jwksPath = reader.read(Variables.jwksFile)
        self.jwtIssuer = reader.read(Variables.jwtIssuer)
        self.jwtAudience = reader.read(Variables.jwtAudience)
        self.certificatePath = reader.read(Variables.certificateFile)
        self.keyPath = reader.read(Variables.keyFile)
    }

    /// Whether connections are encrypted.
    public var usesTLS: Bool { self.certificatePath != nil || self.keyPath != nil }
}
