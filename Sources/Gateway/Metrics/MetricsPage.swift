internal import Support

/// The gateway's metrics in Prometheus' text format. Pure.
///
/// Every help text says whether a number is about this replica or about all of them: sums over replicas are right for
/// the former only.
struct MetricsPage {
    /// What this replica counted.
    var state: GatewayMetrics.State
    /// From the store, of all replicas.
    var envelopesByStatus: [EnvelopeStatus: Int]
    var configurationGeneration: Int
    var process: ProcessUsage

    var text: String {
        var page = MetricsText()
        page.family("asya_gateway_build_info", "gauge", "1, with the version as a label.")
        page.sample("asya_gateway_build_info", [("version", BuildVersion.current)], 1)
        self.requests(&page)
        self.calls(&page)
        self.envelopes(&page)
        self.store(&page)
        self.queue(&page)
        self.streams(&page)
        self.rest(&page)
        return page.text
    }

    private func requests(_ page: inout MetricsText) {
        let name = "asya_gateway_requests_total"
        page.family(name, "counter", "HTTP requests to this replica by route and status code.")
        let requests = self.state.requests.sorted { ($0.key.route, $0.key.code) < ($1.key.route, $1.key.code) }
        for (key, count) in requests {
            page.sample(name, [("route", key.route), ("code", String(key.code))], count)
        }
        page.histograms(
            "asya_gateway_request_duration_seconds",
            "Time until the head of an answer of this replica, by route.",
            "route",
            self.state.requestSeconds
        )
        page.single(
            "asya_gateway_rate_limited_clients_total",
            "counter",
            "Requests that this replica refused because of ASYA_GATEWAY_CLIENT_RATE.",
            self.state.limitedClients
        )
    }

    private func calls(_ page: inout MetricsText) {
        page.counters(
            "asya_gateway_calls_total",
            "Tool calls to this replica that became envelopes.",
            "tool",
            self.state.calls
        )
        let refused = CallRefusal.allCases.map { ($0.rawValue, self.state.refusedCalls[$0] ?? 0) }
        page.counters(
            "asya_gateway_calls_refused_total",
            "Tool calls to this replica that became no envelope.",
            "reason",
            Dictionary(uniqueKeysWithValues: refused)
        )
    }

    private func envelopes(_ page: inout MetricsText) {
        page.family(
            "asya_gateway_envelopes",
            "gauge",
            "Envelopes in the store by status, of all replicas; at least 15 seconds between counts."
        )
        for status in EnvelopeStatus.allCases {
            page.sample("asya_gateway_envelopes", [("status", status.rawValue)], self.envelopesByStatus[status] ?? 0)
        }
        page.family(
            "asya_gateway_envelopes_ended_total",
            "counter",
            "Envelopes that this replica ended: by a report it took, a deadline, a failed send or a cancellation."
        )
        let ended = self.state.ages.sorted { left, right in
            (left.key.tool, left.key.status.rawValue) < (right.key.tool, right.key.status.rawValue)
        }
        for (key, ages) in ended {
            page.sample(
                "asya_gateway_envelopes_ended_total",
                [("tool", key.tool), ("status", key.status.rawValue)],
                ages.count
            )
        }
        page.family(
            "asya_gateway_envelope_age_seconds",
            "histogram",
            "Age at the end of the envelopes that this replica ended."
        )
        for (key, ages) in ended {
            page.series(
                "asya_gateway_envelope_age_seconds",
                [("tool", key.tool), ("status", key.status.rawValue)],
                ages
            )
        }
        page.histograms(
            "asya_gateway_queue_time_seconds",
            "Time from a call to the first actor's report that it took the message; of the reports to this replica.",
            "tool",
            self.state.queueSeconds
        )
        page.single(
            "asya_gateway_reports_ignored_total",
            "counter",
            "Reports to this replica on envelopes that had ended.",
            self.state.ignoredReports
        )
    }

    private func store(_ page: inout MetricsText) {
        page.histograms(
            "asya_gateway_store_duration_seconds",
            "Time of a request of this replica to its store, waiting included.",
            "operation",
            self.state.storeSeconds
        )
        page.counters(
            "asya_gateway_store_failures_total",
            "Requests of this replica that its store failed.",
            "operation",
            self.state.storeFailures
        )
        page.single(
            "asya_gateway_store_requests_active",
            "gauge",
            "Requests of this replica to its store that wait or run.",
            self.state.storeRequestsActive
        )
        guard let limit = self.state.databaseConnectionLimit else { return }
        page.single(
            "asya_gateway_database_connections",
            "gauge",
            "Connections of this replica to PostgreSQL.",
            self.state.databaseConnections
        )
        page.single(
            "asya_gateway_database_connections_limit",
            "gauge",
            "Most connections that this replica opens to PostgreSQL.",
            limit
        )
    }

    private func queue(_ page: inout MetricsText) {
        page.histogram(
            "asya_gateway_send_duration_seconds",
            "Time until a queue confirmed a message of this replica.",
            self.state.sendSeconds
        )
        page.single(
            "asya_gateway_send_failures_total",
            "counter",
            "Messages of this replica that no queue took.",
            self.state.sendFailures
        )
        page.single(
            "asya_gateway_sends_active",
            "gauge",
            "Messages of this replica on their way to a queue.",
            self.state.sendsActive
        )
        page.single(
            "asya_gateway_sends_limit",
            "gauge",
            "Messages that this replica sends at once; further ones wait in the store.",
            BackgroundSender.activeLimit
        )
    }

    private func streams(_ page: inout MetricsText) {
        page.family("asya_gateway_streams_open", "gauge", "Streams that clients have open to this replica.")
        for kind in GatewayMetrics.StreamKind.allCases {
            page.sample("asya_gateway_streams_open", [("kind", kind.rawValue)], self.state.streamsOpen[kind] ?? 0)
        }
        page.single(
            "asya_gateway_events_delivered_total",
            "counter",
            "Updates of envelopes that this replica wrote to streams.",
            self.state.eventsDelivered
        )
    }

    private func rest(_ page: inout MetricsText) {
        page.single(
            "asya_gateway_config_generation",
            "gauge",
            "Number of the tools configuration in use here; grows with every change.",
            self.configurationGeneration
        )
        page.single(
            "asya_gateway_config_failures_total",
            "counter",
            "Changed configurations that this replica refused.",
            self.state.configurationFailures
        )
        page.single(
            "asya_gateway_spans_dropped_total",
            "counter",
            "Trace spans of this replica that no collector took.",
            self.state.spansDropped
        )
        page.single("process_cpu_seconds_total", "counter", "Processor time of this process.", self.process.cpuSeconds)
        page.single(
            "process_resident_memory_bytes",
            "gauge",
            "Memory of this process.",
            self.process.residentByteCount
        )
        page.single(
            "process_start_time_seconds",
            "gauge",
            "When this process started, in seconds since 1970.",
            self.process.startedEpochSeconds
        )
    }
}
