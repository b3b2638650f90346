import LocalQueue
public import Support
import Traces

/// Everything the sidecar reads from its environment (`sidecar.md` section 2), read once; no other file looks there.
///
/// Mistakes that have a sensible default are `warnings`; the rest is a `ConfigurationError`.
public struct SidecarConfiguration: Sendable {
    /// The queue systems of `ASYA_TRANSPORT`.
    enum TransportKind: String, Sendable, CaseIterable {
        case rabbitmq
        case sqs
        case embedded
    }

    /// How to reach RabbitMQ, as given; `url` wins over host, port, user and password.
    struct RabbitMQSettings: Equatable, Sendable {
        let url: String?
        let host: String
        let port: Int
        let username: String
        let password: String
        let exchange: String
        /// Nil means an adaptive window.
        let prefetch: Int?
    }

    /// How to use SQS.
    package struct SQSSettings: Equatable, Sendable {
        let endpoint: String?
        package let region: String
        /// Already derived from the runtime's timeout when it is not configured.
        package let visibilityTimeoutSeconds: Int
        package let waitTimeSeconds: Int
        /// Nil means an adaptive window.
        let maxMessages: Int?
        /// Bytes of a message beyond which it is not sent.
        package let maxMessageByteCount: Int
        /// PEM file of the authorities to trust instead of the system's.
        package let caFile: String?
    }

    /// How to use the queues of one machine.
    struct EmbeddedSettings: Equatable, Sendable {
        /// Required for this transport.
        let path: String?
        let synchronous: LocalQueue.Synchronous
        let visibilityTimeout: Duration
        /// Nil means an adaptive window.
        let prefetch: Int?
    }

    let actorName: String
    let transport: TransportKind
    let socketDirectory: String
    let runtimeTimeout: Duration
    let runtimeReadyTimeout: Duration
    let happyEnd: String
    let errorEnd: String
    let isEndActor: Bool
    let gatewayURL: GatewayURL?
    let gatewayReadyTimeout: Duration
    let rabbitMQSettings: RabbitMQSettings
    package let sqsSettings: SQSSettings
    let embeddedSettings: EmbeddedSettings
    package let queueRetryMaxAttempts: Int
    package let queueRetryBackoff: Duration
    /// 0 = unlimited.
    let maxDeliveries: Int
    /// Full name of the dead-letter queue.
    let deadLetterQueue: String?
    let metricsEnabled: Bool
    let metricsAddress: ListenAddress
    let metricsNamespace: String
    let customMetrics: [CustomMetricDefinition]
    let maxInFlightByteCount: Int
    let shutdownTimeout: Duration
    let enforcesDeadline: Bool
    /// Where the AWS credentials are looked for when a transport needs them; read by nobody else.
    package let environment: EnvironmentReader
    /// Nil when no collector is configured.
    let tracing: TracingSettings?
    /// What was wrong without being fatal, one sentence each; holds no secrets.
    public let warnings: [String]

    /// Full name of the actor's own queue (`envelope.md` section 4).
    package var queueName: String { "asya-" + self.actorName }

    /// A delivery may stay unacknowledged this long before the broker closes the channel, with some distance to the
    /// broker's default of 30 min (`sidecar.md` 6.2).
    private static let consumerTimeoutWarning = Duration.seconds(25 * 60)
    /// The service's own limit, 12 hours.
    private static let longestVisibilitySeconds = 43_200
    /// Used when twice the runtime's timeout is 0 whole seconds.
    private static let fallbackVisibilitySeconds = 300

    /// Reads the environment.
    public init(_ reader: EnvironmentReader) throws(ConfigurationError) {
        var reader = reader
        guard let actorName = reader.text(Variables.actorName.name) else {
            throw .missing(variable: Variables.actorName.name)
        }
        self.actorName = actorName
        self.transport = try Self.transport(&reader)
        // Known to the log already; read here so that an unknown level is warned about.
        _ = reader.read(Variables.logLevel)
        self.socketDirectory = reader.read(Variables.socketDirectory)
        self.runtimeTimeout = try Self.runtimeTimeout(&reader, transport: self.transport)
        self.runtimeReadyTimeout = reader.read(Variables.runtimeReadyTimeout)
        self.happyEnd = reader.read(Variables.happyEnd)
        self.errorEnd = reader.read(Variables.errorEnd)
        self.isEndActor = reader.read(Variables.isEndActor)
        self.gatewayURL = try Self.gatewayURL(&reader)
        self.gatewayReadyTimeout = reader.read(Variables.gatewayReadyTimeout)
        self.rabbitMQSettings = RabbitMQSettings(
            url: reader.read(Variables.rabbitMQURL),
            host: reader.read(Variables.rabbitMQHost),
            port: reader.read(Variables.rabbitMQPort),
            username: reader.read(Variables.rabbitMQUsername),
            password: reader.read(Variables.rabbitMQPassword),
            exchange: reader.read(Variables.rabbitMQExchange),
            prefetch: reader.read(Variables.rabbitMQPrefetch)
        )
        self.sqsSettings = Self.sqsSettings(&reader, runtimeTimeout: self.runtimeTimeout)
        self.embeddedSettings = EmbeddedSettings(
            path: reader.read(Variables.embeddedPath),
            synchronous: reader.read(Variables.embeddedSynchronous),
            visibilityTimeout: reader.read(Variables.embeddedVisibilityTimeout),
            prefetch: reader.read(Variables.embeddedPrefetch)
        )
        if self.transport == .embedded, self.embeddedSettings.path == nil {
            throw .missing(variable: Variables.embeddedPath.name)
        }
        self.queueRetryMaxAttempts = reader.read(Variables.queueRetryMaxAttempts)
        self.queueRetryBackoff = reader.read(Variables.queueRetryBackoff)
        self.maxDeliveries = reader.read(Variables.queueMaxDeliveries)
        self.deadLetterQueue = reader.read(Variables.deadLetterQueue)
        self.metricsEnabled = reader.read(Variables.metricsEnabled)
        self.metricsAddress = reader.read(Variables.metricsAddress)
        self.metricsNamespace = reader.read(Variables.metricsNamespace)
        self.customMetrics = try Self.customMetrics(&reader, namespace: self.metricsNamespace)
        self.maxInFlightByteCount = reader.read(Variables.maxInFlightByteCount)
        self.shutdownTimeout = reader.read(Variables.shutdownTimeout)
        self.enforcesDeadline = reader.read(Variables.enforceDeadline)
        self.environment = reader
        self.tracing = try Self.tracing(&reader, actorName: actorName)
        self.warnings = reader.warnings
    }

    private static func transport(_ reader: inout EnvironmentReader) throws(ConfigurationError) -> TransportKind {
        guard let text = reader.text(Variables.transport.name) else { return .rabbitmq }
        guard let kind = TransportKind(rawValue: text) else {
            throw .invalid(variable: Variables.transport.name, problem: "must be rabbitmq, sqs or embedded")
        }
        return kind
    }

    private static func runtimeTimeout(
        _ reader: inout EnvironmentReader,
        transport: TransportKind
    ) throws(ConfigurationError) -> Duration {
        let timeout = reader.read(Variables.runtimeTimeout)
        guard timeout > .zero else {
            throw .invalid(variable: Variables.runtimeTimeout.name, problem: "must be greater than 0")
        }
        if transport == .rabbitmq, timeout > self.consumerTimeoutWarning {
            reader.warn(
                """
                \(Variables.runtimeTimeout.name) is above \(GoDuration(self.consumerTimeoutWarning)): RabbitMQ closes \
                channels whose deliveries stay unacknowledged longer than its consumer timeout (30m0s by default)
                """
            )
        }
        return timeout
    }

    private static func gatewayURL(_ reader: inout EnvironmentReader) throws(ConfigurationError) -> GatewayURL? {
        guard let text = reader.read(Variables.gatewayURL) else { return nil }
        do throws(GatewayURLError) {
            return try GatewayURL(text)
        } catch {
            throw .invalid(variable: Variables.gatewayURL.name, problem: error.description)
        }
    }

    private static func tracing(
        _ reader: inout EnvironmentReader,
        actorName: String
    ) throws(ConfigurationError) -> TracingSettings? {
        guard let tracing = TracingConfiguration(&reader, defaultServiceName: "asya-\(actorName)") else { return nil }
        do throws(GatewayURLError) {
            let url = try GatewayURL(tracing.endpoint)
            return TracingSettings(url: url, serviceName: tracing.serviceName, headers: tracing.headers)
        } catch {
            throw .invalid(variable: tracing.endpointVariableName, problem: error.description)
        }
    }

    private static func sqsSettings(_ reader: inout EnvironmentReader, runtimeTimeout: Duration) -> SQSSettings {
        var visibility = reader.read(Variables.sqsVisibilityTimeout)
        if visibility <= 0 {
            let doubled = runtimeTimeout.components.seconds.multipliedReportingOverflow(by: 2)
            visibility = doubled.overflow ? .max : Int(self.wholeSeconds(runtimeTimeout * 2))
            if visibility == 0 { visibility = self.fallbackVisibilitySeconds }
        }
        let wait = reader.read(Variables.sqsWaitTime)
        return SQSSettings(
            endpoint: reader.read(Variables.sqsEndpoint),
            region: reader.read(Variables.awsRegion),
            visibilityTimeoutSeconds: min(max(visibility, 1), self.longestVisibilitySeconds),
            waitTimeSeconds: wait == 0 ? Variables.sqsWaitTime.defaultValue : wait,
            maxMessages: reader.read(Variables.sqsMaxMessages),
            maxMessageByteCount: reader.read(Variables.sqsMaxMessageBytes),
            caFile: reader.read(Variables.awsCABundle)
        )
    }

    private static func wholeSeconds(_ duration: Duration) -> Int64 { duration.components.seconds }

    private static func customMetrics(
        _ reader: inout EnvironmentReader,
        namespace: String
    ) throws(ConfigurationError) -> [CustomMetricDefinition] {
        guard let text = reader.read(Variables.customMetrics) else { return [] }
        let reserved = SidecarMetricFamilies.Row.all.flatMap { row in
            CustomMetricDefinition.sampleNames(of: "\(namespace)_\(row.name)", isHistogram: !row.buckets.isEmpty)
        }
        var warnings: [String] = []
        let definitions = try CustomMetricDefinition.parse(text, reserved: reserved, warnings: &warnings)
        for warning in warnings { reader.warn(warning) }
        return definitions
    }
}

/// A configuration the sidecar cannot start with; the text names the variable and what to do.
public enum ConfigurationError: Error, Equatable, CustomStringConvertible, Sendable {
    /// A required variable is not set.
    case missing(variable: String)
    /// A value cannot be used. The problem never repeats a value that may be a secret.
    case invalid(variable: String, problem: String)

    /// For instance `ASYA_ACTOR_NAME is required`.
    public var description: String {
        switch self {
        case .missing(let variable): "\(variable) is required"
        case .invalid(let variable, let problem): "\(variable) \(problem)"
        }
    }
}
