internal import Support

/// What the MCP endpoint is told once.
public struct MCPConfiguration: Sendable {
    /// Origins besides loopback whose pages may call (`gateway.md` 18.2).
    public var allowedOrigins: [String]
    /// Bodies above it are refused with 413.
    public var bodyLimit: Int
    /// Version of this build.
    public var buildVersion: String
    /// How long a finished task can be asked for; nil for ever.
    public var taskLifetime: Duration?
    /// What is listed depends on the caller.
    public var isAuthenticated: Bool
    /// How long an answer may be silent before its headers, and later a comment, are sent.
    public var keepAliveInterval: Duration

    /// Defaults of an open gateway.
    public init(buildVersion: String) {
        self.allowedOrigins = []
        self.bodyLimit = 64 * 1024 * 1024
        self.buildVersion = buildVersion
        self.taskLifetime = nil
        self.isAuthenticated = false
        self.keepAliveInterval = .seconds(15)
    }
}

extension MCPEndpoint {
    /// An endpoint with the settings of the rest of the gateway.
    public convenience init(services: GatewayServices, taskLifetime: Duration?) {
        var configuration = MCPConfiguration(buildVersion: BuildVersion.current)
        configuration.allowedOrigins = PageSession.origins(services.settings)
        configuration.bodyLimit = services.settings.maximumBodyByteCount
        configuration.taskLifetime = taskLifetime
        configuration.isAuthenticated = services.authenticator.protectsClients
        self.init(service: services.service, configuration: configuration, logger: services.logger)
    }
}
