import Logging

/// The table of the sidecar's metrics (`sidecar.md` 10.2): one row per name, from which the families are made and the
/// documentation can be.
struct SidecarMetricFamilies {
    /// One metric without its namespace.
    struct Row: Equatable {
        let name: String
        let help: String
        let labels: [String]
        var buckets: [Double] = []
    }

    private let registry: MetricsRegistry
    private let namespace: String
    private let overflowed: (String) -> Void

    init(registry: MetricsRegistry, namespace: String, logger: Logger) {
        self.registry = registry
        self.namespace = namespace
        self.overflowed = { name in
            logger.warning(
                "Too many label values for a metric, further ones are counted as other",
                metadata: ["metric": "\(name)"]
            )
        }
    }

    func counter(_ row: Row) -> MetricFamily<Counter> {
        self.registry.add(
            MetricFamily(
                counter: self.fullName(row),
                help: row.help,
                labels: row.labels,
                overflowed: self.overflowed
            )
        )
    }

    func gauge(_ row: Row) -> MetricFamily<Gauge> {
        self.registry.add(
            MetricFamily(gauge: self.fullName(row), help: row.help, labels: row.labels, overflowed: self.overflowed)
        )
    }

    func histogram(_ row: Row) -> MetricFamily<Histogram> {
        self.registry.add(
            MetricFamily(
                histogram: self.fullName(row),
                help: row.help,
                labels: row.labels,
                buckets: row.buckets,
                overflowed: self.overflowed
            )
        )
    }

    private func fullName(_ row: Row) -> String { "\(self.namespace)_\(row.name)" }
}

extension SidecarMetricFamilies.Row {
    private static let processingBuckets = [
        0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120,
    ]
    private static let receiveBuckets = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10]
    private static let sendBuckets = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5]
    private static let sizeBuckets = [1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9]

    static let messagesReceived = Self(
        name: "messages_received_total",
        help: "Messages received from the queue",
        labels: ["queue", "transport"]
    )
    static let messagesProcessed = Self(
        name: "messages_processed_total",
        help: "Messages processed successfully",
        labels: ["queue", "status"]
    )
    static let messagesSent = Self(
        name: "messages_sent_total",
        help: "Messages accepted by the transport",
        labels: ["destination_queue", "message_type"]
    )
    static let messagesFailed = Self(
        name: "messages_failed_total",
        help: "Messages that failed",
        labels: ["queue", "reason"]
    )
    static let processingDuration = Self(
        name: "processing_duration_seconds",
        help: "Time from taking up a message to its settlement",
        labels: ["queue"],
        buckets: processingBuckets
    )
    static let runtimeDuration = Self(
        name: "runtime_execution_duration_seconds",
        help: "Time of runtime calls",
        labels: ["queue"],
        buckets: processingBuckets
    )
    static let receiveDuration = Self(
        name: "queue_receive_duration_seconds",
        help: "Time until a message arrived from the queue",
        labels: ["queue", "transport"],
        buckets: receiveBuckets
    )
    static let sendDuration = Self(
        name: "queue_send_duration_seconds",
        help: "Time to publish a message, failures included",
        labels: ["destination_queue", "transport"],
        buckets: sendBuckets
    )
    static let envelopeSize = Self(
        name: "envelope_size_bytes",
        help: "Size of envelopes",
        labels: ["direction"],
        buckets: sizeBuckets
    )
    static let activeMessages = Self(
        name: "active_messages",
        help: "Messages being processed",
        labels: []
    )
    static let runtimeErrors = Self(
        name: "runtime_errors_total",
        help: "Failed runtime calls",
        labels: ["queue", "error_type"]
    )
    static let transportConnected = Self(
        name: "transport_connected",
        help: "Whether the transport is connected",
        labels: []
    )
    static let transportReconnects = Self(
        name: "transport_reconnects_total",
        help: "Connections re-established after a loss",
        labels: []
    )
    static let nacks = Self(
        name: "nacks_total",
        help: "Messages given back to the queue",
        labels: ["queue", "cause"]
    )
    static let redelivered = Self(
        name: "redelivered_total",
        help: "Messages received that had been delivered before",
        labels: ["queue"]
    )
    static let gatewayReports = Self(
        name: "gateway_reports_total",
        help: "Reports to the gateway by their end",
        labels: ["kind", "result"]
    )
    static let gatewayReportsDropped = Self(
        name: "gateway_reports_dropped_total",
        help: "Progress reports dropped because the queue was full",
        labels: []
    )
    static let inFlightWindow = Self(
        name: "in_flight_window",
        help: "Limit of unsettled messages in force",
        labels: []
    )
    static let confirmDuration = Self(
        name: "publish_confirm_duration_seconds",
        help: "Time until the transport confirmed a publication",
        labels: ["transport"],
        buckets: sendBuckets
    )
    static let buildInfo = Self(
        name: "build_info",
        help: "Always 1; the label tells the version",
        labels: ["version"]
    )

    /// Every row, for documentation and for telling custom metrics apart.
    static let all = [
        messagesReceived, messagesProcessed, messagesSent, messagesFailed, processingDuration, runtimeDuration,
        receiveDuration, sendDuration, envelopeSize, activeMessages, runtimeErrors, transportConnected,
        transportReconnects, nacks, redelivered, gatewayReports, gatewayReportsDropped, inFlightWindow,
        confirmDuration, buildInfo,
    ]
}
