import Envelope
import Logging
import Support

/// Every metric of the sidecar (`sidecar.md` 10.2, 10.3). What is counted per message is a resolved handle; the
/// labels of rare events are looked up.
final class SidecarMetrics {
    /// `status` of `messages_processed_total`.
    enum ProcessedStatus: String {
        case success
        case emptyResponse = "empty_response"
        case endConsumed = "end_consumed"
    }

    let messagesReceived: Counter
    let redelivered: Counter
    let receivedByteCount: Histogram
    let sentByteCount: Histogram
    let receiveDuration: Histogram
    let runtimeDuration: Histogram
    let processingDuration: Histogram
    let confirmDuration: Histogram
    let activeMessages: Gauge
    let inFlightWindow: Gauge
    let transportConnected: Gauge
    let transportReconnects: Counter
    let gatewayReportsDropped: Counter

    private let queue: String
    private let transport: String
    private var wasTransportConnected = false
    private let registry = MetricsRegistry()
    private let processedSuccess: Counter
    private let processedEmpty: Counter
    private let processedEnd: Counter
    private let sent: MetricFamily<Counter>
    private let failures: MetricFamily<Counter>
    private let sendDurations: MetricFamily<Histogram>
    private let runtimeFailures: MetricFamily<Counter>
    private let releases: MetricFamily<Counter>
    private let gatewayReports: MetricFamily<Counter>
    private let custom: CustomMetrics?

    convenience init(configuration: SidecarConfiguration, logger: Logger) {
        self.init(
            namespace: configuration.metricsNamespace,
            queue: configuration.actorName,
            transport: configuration.transport.rawValue,
            custom: configuration.customMetrics,
            logger: logger
        )
    }

    /// - Parameters:
    ///   - namespace: prefix of every name, without the underscore.
    ///   - queue: the actor's name, value of the label `queue`.
    init(
        namespace: String,
        queue: String,
        transport: String,
        custom definitions: [CustomMetricDefinition] = [],
        logger: Logger
    ) {
        let make = SidecarMetricFamilies(registry: self.registry, namespace: namespace, logger: logger)
        self.queue = queue
        self.transport = transport
        self.messagesReceived = make.counter(.messagesReceived).series([queue, transport])
        let processed = make.counter(.messagesProcessed)
        self.processedSuccess = processed.series([queue, ProcessedStatus.success.rawValue])
        self.processedEmpty = processed.series([queue, ProcessedStatus.emptyResponse.rawValue])
        self.processedEnd = processed.series([queue, ProcessedStatus.endConsumed.rawValue])
        self.sent = make.counter(.messagesSent)
        self.failures = make.counter(.messagesFailed)
        self.processingDuration = make.histogram(.processingDuration).series([queue])
        self.runtimeDuration = make.histogram(.runtimeDuration).series([queue])
        self.receiveDuration = make.histogram(.receiveDuration).series([queue, transport])
        self.sendDurations = make.histogram(.sendDuration)
        let sizes = make.histogram(.envelopeSize)
        self.receivedByteCount = sizes.series(["received"])
        self.sentByteCount = sizes.series(["sent"])
        self.activeMessages = make.gauge(.activeMessages).series([])
        self.runtimeFailures = make.counter(.runtimeErrors)
        self.transportConnected = make.gauge(.transportConnected).series([])
        self.transportReconnects = make.counter(.transportReconnects).series([])
        self.releases = make.counter(.nacks)
        self.redelivered = make.counter(.redelivered).series([queue])
        self.gatewayReports = make.counter(.gatewayReports)
        self.gatewayReportsDropped = make.counter(.gatewayReportsDropped).series([])
        self.inFlightWindow = make.gauge(.inFlightWindow).series([])
        self.confirmDuration = make.histogram(.confirmDuration).series([transport])
        make.gauge(.buildInfo).series([BuildVersion.current]).set(1)
        self.custom =
            definitions.isEmpty ? nil : CustomMetrics(definitions, registry: self.registry, logger: logger)
        self.showMetricsWithoutLabels()
    }

    /// What has no labels is there from the start (`sidecar.md` 10.2).
    private func showMetricsWithoutLabels() {
        self.activeMessages.show()
        self.inFlightWindow.show()
        self.transportConnected.show()
        self.transportReconnects.show()
        self.gatewayReportsDropped.show()
    }

    /// The page as of now.
    func render(_ format: ExpositionFormat) -> [UInt8] {
        self.registry.render(format)
    }

    /// For transports without connections of their own to count: reachable or not, as of the last call.
    func transportConnectionChanged(isConnected: Bool) {
        self.transportConnected.set(isConnected ? 1 : 0)
        if isConnected, self.wasTransportConnected { self.transportReconnects.increment() }
        self.wasTransportConnected = self.wasTransportConnected || isConnected
    }

    func processed(_ status: ProcessedStatus) -> Counter {
        switch status {
        case .success: self.processedSuccess
        case .emptyResponse: self.processedEmpty
        case .endConsumed: self.processedEnd
        }
    }

    /// For a destination; keep the result.
    func sentCounter(destinationQueue: String, messageType: String) -> Counter {
        self.sent.series([destinationQueue, messageType])
    }

    /// For a destination; keep the result.
    func sendDuration(destinationQueue: String) -> Histogram {
        self.sendDurations.series([destinationQueue, self.transport])
    }

    func failed(_ reason: String) -> Counter {
        self.failures.series([self.queue, reason])
    }

    func runtimeErrors(_ errorType: String) -> Counter {
        self.runtimeFailures.series([self.queue, errorType])
    }

    func nacks(_ cause: String) -> Counter {
        self.releases.series([self.queue, cause])
    }

    func gatewayReports(kind: String, result: String) -> Counter {
        self.gatewayReports.series([kind, result])
    }

    /// Values that a handler recorded travel with the reply's elements (`sidecar.md` 10.3). Costs nothing when no
    /// metric is configured.
    func applyCustomMetrics(of reply: RuntimeReply, in bytes: UnsafeRawBufferPointer) {
        guard let custom = self.custom else { return }
        if reply.elementCount <= 1 {
            if let range = reply.firstElement?.metricsRange { custom.apply(rangeOf: range, in: bytes) }
            return
        }
        for element in reply.elements(in: bytes) {
            if let range = element.metricsRange { custom.apply(rangeOf: range, in: bytes) }
        }
    }
}
