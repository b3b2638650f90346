internal import AMQP
internal import AWS
internal import Hummingbird
internal import HummingbirdCore
internal import HummingbirdTLS
public import Logging
internal import NIOCore
internal import NIOSSL
internal import QueueClient
internal import ServiceLifecycle
public import Support
internal import Traces
internal import UnixSignals

/// The gateway as a process: makes its parts in order, runs them, and takes them apart (`gateway.md` 1).
public struct Gateway: Sendable {
    /// Longest wait for open requests, and for sends in the background, at shutdown.
    static let shutdownTimeout = Duration.seconds(10)
    /// Longest wait for the collector of traces after that.
    private static let flushTimeout = Duration.seconds(3)

    private let configuration: GatewayConfiguration
    private let reader: EnvironmentReader
    private let logger: Logger

    /// A gateway that is not started yet.
    public init(configuration: GatewayConfiguration, reader: EnvironmentReader, logger: Logger) {
        self.configuration = configuration
        self.reader = reader
        self.logger = logger
    }

    /// Applies the database's migrations and returns.
    public func migrate() throws {
        guard let url = self.configuration.databaseURL else {
            throw StoreError.misconfigured("ASYA_DATABASE_URL is not set: there is nothing to migrate")
        }
        try PostgresStore.prepare(url: url, migrates: true)
    }

    /// Runs until a signal; throws when it cannot start.
    public func run() async throws {
        for warning in self.configuration.warnings { self.logger.warning("\(warning)") }
        for notice in self.configuration.notices { self.logger.info("\(notice)") }
        let metrics = GatewayMetrics()
        let exporter = try self.configuration.tracing.map {
            try SpanExporter($0, metrics: metrics, logger: self.logger)
        }
        // Its thread connects while the store is made ready.
        let queue = try self.makeQueue()
        let store = try self.makeStore(metrics)
        try await self.awaitConnection(queue)
        let tools = try self.loadTools()
        let credentials = try CredentialFiles.load(self.configuration.security)
        let service = EnvelopeService(
            catalog: ToolCatalog(tools.tools),
            store: store,
            queue: queue,
            metrics: metrics,
            logger: self.logger,
            callsPerSecond: self.configuration.callsPerSecond,
            tracer: exporter.map { CallTracer(system: self.configuration.queue.system, export: $0.export) },
            adoptsEnvelopes: self.configuration.adoptsEnvelopes
        )
        let metadataURL = self.configuration.http.publicURL.map { $0 + "/.well-known/oauth-protected-resource" }
        let services = GatewayServices(
            service: service,
            settings: self.configuration.http,
            authenticator: Authenticator(credentials, resourceMetadataURL: metadataURL),
            queue: queue,
            metrics: metrics,
            logger: self.logger
        )
        self.warnWhenOpen(services.authenticator)
        try await self.serve(services)
        await self.finish(services, store, queue)
        await exporter?.close(limit: Self.flushTimeout)
        self.logger.info("Stopped")
    }

    // MARK: Parts

    private func makeStore(_ metrics: GatewayMetrics) throws -> any EnvelopeStore {
        if let url = self.configuration.databaseURL {
            return try PostgresStore(
                url: url,
                migrates: self.configuration.migrates,
                maximumConnections: self.configuration.databaseMaximumConnections,
                ages: self.configuration.databaseConnectionAges,
                metrics: metrics,
                logger: self.logger
            )
        }
        let (path, isLasting) = StoreLocation.path(
            configured: self.configuration.storePath,
            port: self.configuration.port,
            environment: self.reader.text
        )
        if !isLasting {
            self.logger.warning(
                "The embedded store is in a temporary directory; set ASYA_GATEWAY_STORE_PATH",
                metadata: ["path": "\(path)"]
            )
        }
        self.logger.info("Using the embedded store", metadata: ["path": "\(path)"])
        return try SQLiteStore(path: path, metrics: metrics)
    }

    private func makeQueue() throws -> any QueueClient {
        switch self.configuration.queue {
        case .rabbitMQ(let text, let exchange):
            let url: AMQPURL
            do {
                url = try AMQPURL(parsing: text)
            } catch {
                throw QueueClientError.misconfigured("ASYA_RABBITMQ_URL is invalid: \(error)")
            }
            let settings = RabbitMQClientConfiguration(url: url, exchange: exchange)
            return try RabbitMQQueueClient(configuration: settings, logger: self.logger)
        case .sqs(let endpoint, let region): return self.makeSQS(endpoint: endpoint, region: region)
        case .embedded(let path): return try EmbeddedQueueClient(path: path)
        }
    }

    /// Contacts nothing: without a usable configuration the gateway starts all the same and every send fails.
    private func makeSQS(endpoint: String?, region: String) -> any QueueClient {
        do {
            let configuration = try SQSClientConfiguration.resolved(
                environment: self.reader,
                region: region,
                endpoint: endpoint
            )
            return SQSQueueClient(configuration: configuration, logger: self.logger)
        } catch {
            self.logger.warning("No queue system is configured; calls will fail", metadata: ["error": "\(error)"])
            return MissingQueueClient(reason: "\(error)")
        }
    }

    /// Five attempts, 1, 2, 4 and 8 s apart (`gateway.md` 1.2). Only a broker has to be there at the start.
    private func awaitConnection(_ client: any QueueClient) async throws {
        guard case .rabbitMQ = self.configuration.queue else { return }
        for pause in [1, 2, 4, 8] {
            do {
                return try await client.checkReadiness()
            } catch {
                self.logger.warning("Queue system is not reachable yet", metadata: ["error": "\(error)"])
                try await Task.sleep(for: .seconds(pause))
            }
        }
        try await client.checkReadiness()
    }

    private func loadTools() throws -> ToolConfiguration {
        guard let path = self.configuration.toolsPath else { return .builtIn }
        return try ToolConfiguration(path: path)
    }

    private func warnWhenOpen(_ authenticator: Authenticator) {
        let isLoopback = ["127.0.0.1", "::1", "localhost"].contains(self.configuration.host)
        guard !isLoopback else { return }
        if !authenticator.protectsClients {
            self.logger.warning(
                "Anybody who reaches this port may call tools; set ASYA_GATEWAY_TOKENS_FILE or ASYA_GATEWAY_JWKS_FILE",
                metadata: ["host": "\(self.configuration.host)"]
            )
        }
        if !authenticator.protectsSidecars, self.configuration.internalPort == nil {
            self.logger.warning(
                "Anybody who reaches this port may report progress; set ASYA_GATEWAY_INTERNAL_TOKENS_FILE",
                metadata: ["host": "\(self.configuration.host)"]
            )
        }
    }

    // MARK: Running

    private func serve(_ services: GatewayServices) async throws {
        let hasInternalPort = self.configuration.internalPort != nil
        let mcp = MCPEndpoint(services: services, taskLifetime: self.configuration.retention.terminalEnvelopes)
        let routes = Routes.all() + Routes.page + mcp.routes
        var running: [any Service] = [
            try self.application(
                services,
                routes,
                port: self.configuration.port,
                surface: hasInternalPort ? .clientsOnly : .all
            )
        ]
        if let port = self.configuration.internalPort {
            running.append(try self.application(services, routes, port: port, surface: .sidecarsOnly))
        }
        running.append(Housekeeping(services: services, retention: self.configuration.retention))
        running.append(
            FileWatch(
                services: services,
                toolsPath: self.configuration.toolsPath,
                security: self.configuration.security
            )
        )
        // Services end in reverse order: streams are told first, then the listeners wait for open requests.
        running.append(DrainOnShutdown(services: services, mcp: mcp))
        var settings = ServiceGroupConfiguration(
            services: running,
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: self.logger
        )
        settings.maximumGracefulShutdownDuration = Self.shutdownTimeout
        settings.maximumCancellationDuration = .seconds(1)
        try await ServiceGroup(configuration: settings).run()
    }

    private func application(
        _ services: GatewayServices,
        _ routes: [Route],
        port: Int,
        surface: Surface
    ) throws -> some ApplicationProtocol {
        var quiet = self.logger
        quiet.logLevel = max(quiet.logLevel, .warning)
        let logger = self.logger
        return Application(
            responder: GatewayResponder(routes: routes, services: services, surface: surface),
            server: try self.server(),
            configuration: ApplicationConfiguration(
                address: .hostname(self.configuration.host, port: port),
                serverName: nil,
                backlog: 1024
            ),
            onServerRunning: { channel in
                let address = channel.localAddress.map { "\($0)" } ?? ""
                logger.info("Listening", metadata: ["address": "\(address)", "surface": "\(surface)"])
            },
            logger: quiet
        )
    }

    /// Connections that are idle for longer are closed; a stream gives a sign of life far more often.
    private static let idleTimeout = TimeAmount.seconds(120)

    private func server() throws -> HTTPServerBuilder {
        let bodyLimit = self.configuration.http.maximumBodyByteCount
        let channel = HTTP1Channel.Configuration(
            additionalChannelHandlers: [DepartureHandler()],
            idleTimeout: Self.idleTimeout
        )
        let plain = HTTPServerBuilder { responder in
            LoopBoundChannel(base: HTTP1Channel(responder: responder, configuration: channel), bodyLimit: bodyLimit)
        }
        let security = self.configuration.security
        guard security.usesTLS else { return plain }
        guard let certificate = security.certificatePath, let key = security.keyPath else {
            throw StoreError.misconfigured(
                "TLS needs both ASYA_GATEWAY_TLS_CERT_FILE and ASYA_GATEWAY_TLS_KEY_FILE"
            )
        }
        let chain = try NIOSSLCertificate.fromPEMFile(certificate).map { NIOSSLCertificateSource.certificate($0) }
        let privateKey = try NIOSSLPrivateKey(file: key, format: .pem)
        let tls = TLSConfiguration.makeServerConfiguration(certificateChain: chain, privateKey: .privateKey(privateKey))
        return try .tls(plain, tlsConfiguration: tls)
    }

    /// After the listeners: sends in the background, then queue and store.
    private func finish(_ services: GatewayServices, _ store: any EnvelopeStore, _ queue: any QueueClient) async {
        let sender = services.service.sender
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            let once = OnceOnly(continuation)
            Task {
                await sender.drain()
                once.resume(())
            }
            Task {
                try await Task.sleep(for: Self.shutdownTimeout)
                once.resume(())
            }
        }
        await queue.close()
        await store.close()
    }
}
