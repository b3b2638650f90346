internal import Logging
internal import Support
internal import Traces

/// One row per variable: name, default, bounds, meaning. Where the original takes any number, so do we.
enum Variables {
    static let port = EnvironmentVariable<Int>.integer(
        "ASYA_GATEWAY_PORT",
        default: 8080,
        in: 1...65535,
        text: "TCP port."
    )
    static let host = EnvironmentVariable<String>.string(
        "ASYA_GATEWAY_HOST",
        default: "0.0.0.0",
        text: "Address to listen on."
    )
    static let internalPort = EnvironmentVariable<Int?>.optionalInteger(
        "ASYA_GATEWAY_INTERNAL_PORT",
        in: 1...65535,
        unsetText: "",
        text: "Own port of the sidecars' endpoints."
    )
    static let databaseURL = EnvironmentVariable<String?>.optionalString(
        "ASYA_DATABASE_URL",
        text: "PostgreSQL; the embedded store when empty."
    )
    static let databaseMaximumConnections = EnvironmentVariable<Int>.integer(
        "ASYA_DB_MAX_CONNS",
        default: 10,
        in: .min ... .max,
        text: "Connections to PostgreSQL at most; 3 are always used and more than 5 never."
    )
    static let databaseConnectionLifetime = EnvironmentVariable<Duration>.duration(
        "ASYA_DB_MAX_CONN_LIFETIME",
        default: .seconds(3600),
        text: "Age at which a connection to PostgreSQL is replaced; 0 for never."
    )
    static let databaseConnectionIdleTime = EnvironmentVariable<Duration>.duration(
        "ASYA_DB_MAX_CONN_IDLE_TIME",
        default: .seconds(1800),
        text: "A connection to PostgreSQL that was idle for longer is replaced before its next use; 0 for never."
    )
    static let autoMigrate = EnvironmentVariable<Bool>.boolean(
        "ASYA_GATEWAY_AUTO_MIGRATE",
        default: true,
        text: "Apply migrations at start, under a lock."
    )
    static let storePath = EnvironmentVariable<String?>.optionalString(
        "ASYA_GATEWAY_STORE_PATH",
        text: "File of the embedded store."
    )
    static let configPath = EnvironmentVariable<String?>.optionalString(
        "ASYA_CONFIG_PATH",
        text: "Tools: a file or a directory; the built-in tool when empty."
    )
    static let rabbitMQURL = EnvironmentVariable<String?>.optionalString("ASYA_RABBITMQ_URL", text: "AMQP 0-9-1 URL.")
    static let rabbitMQExchange = EnvironmentVariable<String>.string(
        "ASYA_RABBITMQ_EXCHANGE",
        default: "asya",
        text: "Topic exchange."
    )
    static let sqsEndpoint = EnvironmentVariable<String?>.optionalString(
        "ASYA_SQS_ENDPOINT",
        text: "Custom SQS endpoint."
    )
    static let sqsRegion = EnvironmentVariable<String>.string(
        "ASYA_SQS_REGION",
        default: "us-east-1",
        text: "Region of SQS."
    )
    static let embeddedQueue = EnvironmentVariable<String?>.optionalString(
        "ASYA_EMBEDDED_PATH",
        text: "File of the embedded transport; the other transports do not count then."
    )
    static let retention = EnvironmentVariable<Duration>.duration(
        "ASYA_RETENTION_TERMINAL",
        default: .seconds(7 * 24 * 3600),
        text: "Age at which ended envelopes go; 0 keeps them."
    )
    static let maximumEnvelopes = EnvironmentVariable<Int>.integer(
        "ASYA_MEMORY_MAX_ENVELOPES",
        default: 100_000,
        in: 0...Int.max,
        text: "Envelopes in the embedded store; the oldest ended ones go first. 0 for no limit."
    )
    static let maximumBody = EnvironmentVariable<Int>.integer(
        "ASYA_GATEWAY_MAX_BODY_BYTES",
        default: 64 << 20,
        in: 1024...(1 << 30),
        text: "Largest request body."
    )
    static let strictArguments = EnvironmentVariable<Bool>.boolean(
        "ASYA_GATEWAY_STRICT_ARGS",
        default: false,
        text: "Check arguments of /tools/call against the whole schema."
    )
    static let allowedOrigins = EnvironmentVariable<String>.string(
        "ASYA_GATEWAY_ALLOWED_ORIGINS",
        default: "",
        text: "Origins of browsers, separated by commas; * for all."
    )
    static let clientRate = EnvironmentVariable<Int>.integer(
        "ASYA_GATEWAY_CLIENT_RATE",
        default: 0,
        in: 0...1_000_000,
        text: "Requests per second and client; 0 for no limit."
    )
    static let adopts = EnvironmentVariable<Bool>.boolean(
        "ASYA_GATEWAY_ADOPT",
        default: false,
        text: "Record envelopes that sidecars report and no call has made, such as those of `asya send`."
    )
    static let instance = EnvironmentVariable<String?>.optionalString(
        "ASYA_GATEWAY_INSTANCE",
        text: "Shown by `/ready` as `instance`, so that whoever started this process knows its answers from another's."
    )
    static let callsPerSecond = EnvironmentVariable<Int>.integer(
        "ASYA_GATEWAY_CALL_RATE",
        default: 0,
        in: 0...1_000_000,
        text: "Tool calls per second; 0 for no limit."
    )
    static let publicURL = EnvironmentVariable<String?>.optionalString(
        "ASYA_GATEWAY_PUBLIC_URL",
        text: "The gateway's own address as clients know it, for OAuth."
    )
    static let tokensFile = EnvironmentVariable<String?>.optionalString(
        "ASYA_GATEWAY_TOKENS_FILE",
        text: "Bearer tokens of clients, one `name:token` per line."
    )
    static let internalTokensFile = EnvironmentVariable<String?>.optionalString(
        "ASYA_GATEWAY_INTERNAL_TOKENS_FILE",
        text: "Bearer tokens of sidecars, one `name:token` per line."
    )
    static let jwksFile = EnvironmentVariable<String?>.optionalString(
        "ASYA_GATEWAY_JWKS_FILE",
        text: "Key set of the authorization server (RFC 7517)."
    )
    static let jwtIssuer = EnvironmentVariable<String?>.optionalString(
        "ASYA_GATEWAY_JWT_ISSUER",
        text: "Issuer that tokens must name."
    )
    static let jwtAudience = EnvironmentVariable<String?>.optionalString(
        "ASYA_GATEWAY_JWT_AUDIENCE",
        text: "Audience that tokens must be for."
    )
    static let certificateFile = EnvironmentVariable<String?>.optionalString(
        "ASYA_GATEWAY_TLS_CERT_FILE",
        text: "PEM file of the certificate chain; turns TLS on."
    )
    static let keyFile = EnvironmentVariable<String?>.optionalString(
        "ASYA_GATEWAY_TLS_KEY_FILE",
        text: "PEM file of the private key."
    )
    static let logFormat = EnvironmentVariable<String>(
        name: "ASYA_LOG_FORMAT",
        default: "text",
        defaultText: "text",
        format: "`text` or `json`",
        text: "Log lines as key=value or as JSON objects."
    ) { text in
        text == "text" || text == "json" ? .value(text) : .invalid(reason: "neither text nor json")
    }

    /// Every row in the order of the documentation.
    static let rows: [EnvironmentVariableRow] = Self.own + TracingConfiguration.rows

    private static let own: [EnvironmentVariableRow] = [
        port.row, host.row, internalPort.row, Logger.Level.variable.row, logFormat.row, configPath.row, databaseURL.row,
        databaseMaximumConnections.row, databaseConnectionLifetime.row, databaseConnectionIdleTime.row, autoMigrate.row,
        storePath.row, retention.row, maximumEnvelopes.row, rabbitMQURL.row, rabbitMQExchange.row, sqsEndpoint.row,
        sqsRegion.row, embeddedQueue.row, tokensFile.row, internalTokensFile.row, jwksFile.row, jwtIssuer.row,
        jwtAudience.row, publicURL.row, certificateFile.row, keyFile.row, allowedOrigins.row, maximumBody.row,
        strictArguments.row, adopts.row, clientRate.row, callsPerSecond.row, instance.row,
    ]

    /// Variables of the original that mean nothing here; accepted, so that its deployments start, and named in the log.
    static let withoutEffect: [EnvironmentVariableRow] = [
        EnvironmentVariableRow(
            name: "ASYA_RABBITMQ_POOL_SIZE",
            text: "one channel sends without waiting for single confirmations."
        ),
        EnvironmentVariableRow(name: "ASYA_DB_MIN_CONNS", text: "every connection is kept once it was needed."),
        EnvironmentVariableRow(name: "ASYA_SQS_VISIBILITY_TIMEOUT", text: "the gateway receives no messages."),
        EnvironmentVariableRow(name: "ASYA_SQS_WAIT_TIME_SECONDS", text: "the gateway receives no messages."),
    ]
}
