public import Logging
public import QueueClient
internal import Synchronization

/// Everything the endpoints work with.
public final class GatewayServices: Sendable {
    /// Envelopes and tools.
    public let service: EnvelopeService
    /// Settings of the HTTP side.
    public let settings: HTTPSettings
    /// Who may call.
    public let authenticator: Authenticator
    /// The queue, for readiness.
    public let queue: any QueueClient
    /// What is counted.
    public let metrics: GatewayMetrics
    /// For everything that is not about one request.
    public let logger: Logger
    let clientLimiter: ClientRateLimiter
    let statusCounts: StatusCounts
    private let draining = Mutex(false)

    /// The parts of a gateway.
    public init(
        service: EnvelopeService,
        settings: HTTPSettings,
        authenticator: Authenticator,
        queue: any QueueClient,
        metrics: GatewayMetrics,
        logger: Logger
    ) {
        self.service = service
        self.settings = settings
        self.authenticator = authenticator
        self.queue = queue
        self.metrics = metrics
        self.logger = logger
        self.statusCounts = StatusCounts(store: service.store)
        self.clientLimiter = ClientRateLimiter(limit: settings.requestsPerSecondAndClient)
    }

    /// The gateway shuts down: `/ready` fails and streams end.
    public var isDraining: Bool { self.draining.withLock { $0 } }

    /// Begins the shutdown.
    public func drain() {
        self.draining.withLock { $0 = true }
        self.service.feed.close()
    }
}

/// Settings of the HTTP side.
public struct HTTPSettings: Sendable, Equatable {
    /// Largest request body.
    public var maximumBodyByteCount = 64 << 20
    /// Check arguments of `/tools/call` like those of MCP.
    public var checksArgumentsStrictly = false
    /// Origins that browsers may call from, besides loopback ones on MCP; `*` for all.
    public var allowedOrigins: [String] = []
    /// Requests per second that one client may make; nil for no limit.
    public var requestsPerSecondAndClient: RateLimit?
    /// Public address of the gateway, for `/.well-known/oauth-protected-resource`; nil when not given.
    public var publicURL: String?
    /// Issuer of JWTs, for the same document.
    public var authorizationServer: String?
    /// What `/ready` calls this process; nil when nobody has named it.
    public var instance: String?

    /// The defaults.
    public init() {}
}
