import CUVShim
import Glibc
package import Logging
import Support

/// The sidecar: one actor's queue on one side, its runtime's socket on the other.
///
/// This is the composition root. Its parts, in the order in which a message meets them: `Transport`, `Pipeline`,
/// `RuntimeClient`, `Pipeline` again, `Transport` again; beside them the gateway's reporter, the metrics server and
/// the signals. Everything lives on the thread that calls `run()`.
public final class Sidecar {
    /// How far the start has come (`sidecar.md` section 3), or the end.
    private enum Phase {
        case starting, consuming, draining, closing, ended
    }

    /// How long the broker may take to confirm that it has seen the last acknowledgements.
    private static let closeLimit = Duration.seconds(2)
    /// How long the last progress reports may take at a shutdown.
    private static let lastReportsLimit = Duration.seconds(1)
    /// `/ready` turns to 503 when the broker has taken no publications for this long.
    private static let blockedLimit = Duration.seconds(10)

    private let configuration: SidecarConfiguration
    private let logger: Logger
    private let loop: EventLoop
    private let transport: any Transport
    private let runtime: RuntimeClient
    private let gateway: ProgressReporter?
    private let traceExporter: TraceExporter?
    private let metrics: SidecarMetrics
    private let metricsServer: MetricsServer?
    private let pipeline: Pipeline
    private var signals: [SignalWatcher] = []
    private var wakeTimer: LoopTimer?
    private var armedFor = MonotonicTime.distantFuture
    private var shutdownTimer: LoopTimer?
    private var gatewayCheck: GatewayCheck?

    private var phase = Phase.starting
    private var isTransportUp = false
    private var isGatewayUp: Bool
    private var unavailableSince: MonotonicTime?
    private var exitStatus: Int32 = 0

    /// Puts the parts together; nothing is connected yet.
    ///
    /// - Parameter sqs: makes the SQS transport, for programs that have it.
    package init(configuration: SidecarConfiguration, logger: Logger, sqs: TransportFactory? = nil) throws {
        cuvshim_ignore_sigpipe()
        let loop = try EventLoop()
        let pool = SlabPool()
        self.configuration = configuration
        self.logger = logger
        self.loop = loop
        let metrics = SidecarMetrics(configuration: configuration, logger: logger)
        self.metrics = metrics
        self.transport = try Self.makeTransport(configuration, loop, pool, metrics, logger, sqs)
        self.runtime = try RuntimeClient(
            loop: loop,
            pool: pool,
            directory: configuration.socketDirectory,
            readyTimeout: configuration.runtimeReadyTimeout
        )
        self.gateway = try configuration.gatewayURL.map {
            try ProgressReporter(loop: loop, url: $0, metrics: metrics, logger: logger)
        }
        self.traceExporter = try configuration.tracing.map {
            try TraceExporter(loop: loop, settings: $0, logger: logger)
        }
        self.isGatewayUp = self.gateway == nil
        self.metricsServer =
            configuration.metricsEnabled
            ? MetricsServer(loop: loop, pool: pool, address: configuration.metricsAddress, logger: logger) : nil
        self.pipeline = Pipeline(
            rules: configuration.rules,
            limits: configuration.limits,
            window: configuration.window,
            deadLetterQueue: configuration.deadLetterQueue,
            pool: pool,
            parts: Pipeline.Parts(
                transport: self.transport,
                runtime: self.runtime,
                gateway: self.gateway,
                metrics: self.metrics,
                clock: loop,
                log: PipelineLog(logger: logger, clock: { uv_hrtime() }),
                tracer: self.traceExporter.map { HopTracer(configuration, export: $0.export) },
                random: SystemRandomNumberGenerator()
            )
        )
        self.pipeline.owner = self
        self.wakeTimer = try LoopTimer(loop: loop) { [unowned self] in
            self.armedFor = .distantFuture
            self.pipeline.tick()
        }
        self.shutdownTimer = try LoopTimer(loop: loop) { [unowned self] in
            self.forceEnd(reason: "Shutdown took too long, releasing everything")
        }
    }

    /// Runs until a signal or a failure ends the process.
    ///
    /// - Returns: the exit status of `sidecar.md` section 12.
    public func run() -> Int32 {
        self.logger.info(
            "Starting sidecar",
            metadata: [
                "actor": "\(self.configuration.actorName)", "transport": "\(self.configuration.transport.rawValue)",
            ]
        )
        do {
            for number in [SIGTERM, SIGINT] {
                self.signals.append(
                    try SignalWatcher(loop: self.loop, signal: number) { [unowned self] in self.signalled() }
                )
            }
        } catch {
            self.logger.error("Cannot watch signals", metadata: ["error": "\(error)"])
            return 1
        }
        self.loop.turnEnded = { [unowned self] in self.endTurn() }
        self.metricsServer?.start(metrics: self.metrics, isReady: { [unowned self] in self.isReady })
        self.transport.start()
        self.runtime.start()
        self.checkGateway()
        self.loop.run()
        return self.exitStatus
    }

    // MARK: Start

    private func checkGateway() {
        guard let gateway = self.gateway else { return }
        self.gatewayCheck = GatewayCheck(
            reporter: gateway,
            timeout: self.configuration.gatewayReadyTimeout
        ) { [unowned self] isUp in
            self.gatewayCheck = nil
            guard isUp else {
                self.fail("Gateway did not become ready in time")
                return
            }
            self.isGatewayUp = true
        }
    }

    /// Consumes as soon as broker, runtime and gateway are there; they are waited for at the same time.
    private func consumeWhenReady() {
        guard self.phase == .starting, self.isTransportUp, self.isGatewayUp, self.runtime.isAvailable else { return }
        self.phase = .consuming
        self.logger.info("Ready, consuming", metadata: ["queue": "\(self.configuration.queueName)"])
        self.pipeline.startReceiving()
    }

    private var isReady: Bool {
        guard self.phase == .consuming, self.transport.isConnected, self.runtime.isAvailable else { return false }
        guard let since = self.unavailableSince else { return true }
        return self.loop.now - since < Self.blockedLimit
    }

    // MARK: Each turn

    private func endTurn() {
        self.consumeWhenReady()
        self.pipeline.endTurn()
        self.noteAvailability()
        if let deadline = self.pipeline.nextDeadline, deadline < self.armedFor {
            self.armedFor = deadline
            self.wakeTimer?.start(after: deadline - self.loop.now)
        }
    }

    private func noteAvailability() {
        if self.transport.canPublish {
            self.unavailableSince = nil
        } else if self.unavailableSince == nil {
            self.unavailableSince = self.loop.now
        }
    }

    // MARK: End

    private func signalled() {
        switch self.phase {
        case .starting:
            self.logger.info("Signal received before start-up was complete")
            self.end(status: 0)
        case .consuming:
            self.logger.info("Signal received, finishing the running call")
            self.phase = .draining
            self.shutdownTimer?.start(after: self.configuration.shutdownTimeout)
            self.pipeline.drain()
        case .draining, .closing:
            self.forceEnd(reason: "Second signal, releasing everything")
        case .ended:
            break
        }
    }

    /// Releases everything and ends with status 1.
    private func forceEnd(reason: String) {
        guard self.phase != .ended else { return }
        self.logger.error("\(reason)")
        self.pipeline.abandon()
        self.end(status: 1)
    }

    private func fail(_ text: String, metadata: Logger.Metadata = [:]) {
        self.logger.error("\(text)", metadata: metadata)
        self.end(status: 1)
    }

    /// Closes the connections in an orderly way; `transportClosed` follows.
    private func end(status: Int32) {
        guard self.phase != .ended else { return }
        if self.phase != .closing || status != 0 { self.exitStatus = status }
        guard self.phase != .closing else { return }
        self.phase = .closing
        self.shutdownTimer?.stop()
        self.runtime.close()
        self.transport.close(limit: Self.closeLimit)
    }

    private static func makeTransport(
        _ configuration: SidecarConfiguration,
        _ loop: EventLoop,
        _ pool: SlabPool,
        _ metrics: SidecarMetrics,
        _ logger: Logger,
        _ sqs: TransportFactory?
    ) throws -> any Transport {
        switch configuration.transport {
        case .rabbitmq:
            return try RabbitMQTransport(
                loop: loop,
                pool: pool,
                configuration: configuration.rabbitMQ(),
                metrics: metrics,
                logger: logger
            )
        case .embedded:
            return try EmbeddedTransport(
                loop: loop,
                pool: pool,
                configuration: configuration.embedded(),
                metrics: metrics,
                logger: logger
            )
        case .sqs:
            guard let sqs else {
                throw ConfigurationError.invalid(
                    variable: "ASYA_TRANSPORT",
                    problem: "is sqs, which this program does not have; it is in asya-sidecar-sqs"
                )
            }
            return try sqs(
                TransportContext(
                    loop: loop,
                    pool: pool,
                    configuration: configuration,
                    logger: logger,
                    connectionChanged: { metrics.transportConnectionChanged(isConnected: $0) }
                )
            )
        }
    }
}

extension Sidecar: PipelineOwner {
    func transportStarted() {
        self.isTransportUp = true
    }

    func transportFailedToStart(reason: String) {
        // Later than at the start there may be deliveries in our hands.
        if self.phase != .starting { self.pipeline.abandon() }
        self.fail(
            self.configuration.transport == .embedded ? "Cannot use the queue file" : "Cannot connect to the broker",
            metadata: ["error": "\(reason)"]
        )
    }

    func pipelineDrained() {
        self.logger.info("Drained")
        self.sendLastReports { [unowned self] in
            self.sendLastSpans { [unowned self] in self.end(status: 0) }
        }
    }

    private func sendLastReports(done: @escaping () -> Void) {
        guard let gateway = self.gateway else { return done() }
        gateway.whenIdle(limit: Self.lastReportsLimit, done: done)
    }

    private func sendLastSpans(done: @escaping () -> Void) {
        guard let exporter = self.traceExporter else { return done() }
        exporter.whenIdle(limit: Self.lastReportsLimit, done: done)
    }

    func pipelineFailed() {
        self.pipeline.abandon()
        self.end(status: 1)
    }

    func transportClosed() {
        guard self.phase != .ended else { return }
        self.phase = .ended
        guard let server = self.metricsServer else {
            self.loop.stop()
            return
        }
        server.finish { [unowned self] in self.loop.stop() }
    }
}

extension EventLoop: PipelineClock {
    var wallClock: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
