/// The gateway's metrics in Prometheus' text format. Pure.
enum MetricsPage {
    static func text(
        _ state: GatewayMetrics.State,
        envelopesByStatus: [EnvelopeStatus: Int],
        configurationGeneration: Int
    ) -> String {
        var page = MetricsText()
        self.requests(state, &page)
        self.envelopes(state, envelopesByStatus, &page)
        self.queue(state, &page)
        self.streams(state, &page)
        page.family("asya_gateway_config_generation", "gauge", "Number of the tools configuration in use.")
        page.sample("asya_gateway_config_generation", [], configurationGeneration)
        page.family("asya_gateway_config_failures_total", "counter", "Changed configurations that were refused.")
        page.sample("asya_gateway_config_failures_total", [], state.configurationFailures)
        return page.text
    }

    private static func requests(_ state: GatewayMetrics.State, _ page: inout MetricsText) {
        page.family("asya_gateway_requests_total", "counter", "HTTP requests by route and status code.")
        for (key, count) in state.requests.sorted(by: { ($0.key.route, $0.key.code) < ($1.key.route, $1.key.code) }) {
            page.sample("asya_gateway_requests_total", [("route", key.route), ("code", String(key.code))], count)
        }
        page.histograms(
            "asya_gateway_request_duration_seconds",
            "Time until the answer's head.",
            "route",
            state.requestSeconds
        )
        page.histograms(
            "asya_gateway_store_duration_seconds",
            "Time of a store request.",
            "operation",
            state.storeSeconds
        )
        page.family("asya_gateway_store_failures_total", "counter", "Store requests that failed.")
        for (operation, count) in state.storeFailures.sorted(by: { $0.key < $1.key }) {
            page.sample("asya_gateway_store_failures_total", [("operation", operation)], count)
        }
    }

    private static func envelopes(
        _ state: GatewayMetrics.State,
        _ byStatus: [EnvelopeStatus: Int],
        _ page: inout MetricsText
    ) {
        page.family("asya_gateway_calls_total", "counter", "Tool calls that became envelopes.")
        for (tool, count) in state.calls.sorted(by: { $0.key < $1.key }) {
            page.sample("asya_gateway_calls_total", [("tool", tool)], count)
        }
        page.family("asya_gateway_envelopes_ended_total", "counter", "Envelopes that reached a terminal status here.")
        for status in EnvelopeStatus.allCases where status.isTerminal {
            page.sample(
                "asya_gateway_envelopes_ended_total",
                [("status", status.rawValue)],
                state.ended[status] ?? 0
            )
        }
        page.family("asya_gateway_envelopes", "gauge", "Envelopes in the store by status.")
        for status in EnvelopeStatus.allCases {
            page.sample("asya_gateway_envelopes", [("status", status.rawValue)], byStatus[status] ?? 0)
        }
        page.family("asya_gateway_reports_ignored_total", "counter", "Reports on envelopes that had ended.")
        page.sample("asya_gateway_reports_ignored_total", [], state.ignoredReports)
    }

    private static func queue(_ state: GatewayMetrics.State, _ page: inout MetricsText) {
        page.histogram(
            "asya_gateway_send_duration_seconds",
            "Time until a queue confirmed a message.",
            state.sendSeconds
        )
        page.family("asya_gateway_send_failures_total", "counter", "Messages that no queue took.")
        page.sample("asya_gateway_send_failures_total", [], state.sendFailures)
        page.family("asya_gateway_sends_active", "gauge", "Messages on their way to a queue.")
        page.sample("asya_gateway_sends_active", [], state.sendsActive)
    }

    private static func streams(_ state: GatewayMetrics.State, _ page: inout MetricsText) {
        page.family("asya_gateway_streams_open", "gauge", "Open streams of updates.")
        page.sample("asya_gateway_streams_open", [], state.streamsOpen)
        page.family("asya_gateway_events_delivered_total", "counter", "Updates written to streams.")
        page.sample("asya_gateway_events_delivered_total", [], state.eventsDelivered)
    }
}

/// Writes families and samples.
struct MetricsText {
    private(set) var text = ""

    mutating func family(_ name: String, _ type: String, _ help: String) {
        self.text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
    }

    mutating func sample(_ name: String, _ labels: [(String, String)], _ value: Int) {
        self.line(name, labels, String(value))
    }

    mutating func histograms(_ name: String, _ help: String, _ label: String, _ byLabel: [String: Histogram]) {
        self.family(name, "histogram", help)
        for (value, histogram) in byLabel.sorted(by: { $0.key < $1.key }) {
            self.series(name, [(label, value)], histogram)
        }
    }

    mutating func histogram(_ name: String, _ help: String, _ histogram: Histogram) {
        self.family(name, "histogram", help)
        self.series(name, [], histogram)
    }

    private mutating func series(_ name: String, _ labels: [(String, String)], _ histogram: Histogram) {
        for (bound, count) in zip(Histogram.bounds, histogram.counts) {
            self.line("\(name)_bucket", labels + [("le", "\(bound)")], String(count))
        }
        self.line("\(name)_bucket", labels + [("le", "+Inf")], String(histogram.count))
        self.line("\(name)_sum", labels, String(Double(histogram.sumNanoseconds) / 1e9))
        self.line("\(name)_count", labels, String(histogram.count))
    }

    private mutating func line(_ name: String, _ labels: [(String, String)], _ value: String) {
        self.text += name
        if !labels.isEmpty {
            let pairs = labels.map { "\($0.0)=\"\(Self.escaped($0.1))\"" }
            self.text += "{" + pairs.joined(separator: ",") + "}"
        }
        self.text += " \(value)\n"
    }

    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\"": escaped += "\\\""
            case "\n": escaped += "\\n"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
