import Envelope
import Logging
import Support
import Testing

@testable import Sidecar

/// A logger that keeps nothing.
func silentLogger() -> Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }

@Suite struct SidecarMetricsTests {
    private func metrics(_ custom: [CustomMetricDefinition] = []) -> SidecarMetrics {
        SidecarMetrics(
            namespace: "asya_actor",
            queue: "a",
            transport: "rabbitmq",
            custom: custom,
            logger: silentLogger()
        )
    }

    private func page(_ metrics: SidecarMetrics) -> String {
        String(decoding: metrics.render(.prometheus), as: UTF8.self)
    }

    @Test("at the start only metrics without labels are on the page")
    func start() {
        let samples = self.page(self.metrics()).split(separator: "\n").filter { !$0.hasPrefix("#") }
        #expect(
            samples.map { String($0) } == [
                "asya_actor_active_messages 0", "asya_actor_build_info{version=\"\(BuildVersion.current)\"} 1",
                "asya_actor_gateway_reports_dropped_total 0", "asya_actor_in_flight_window 0",
                "asya_actor_transport_connected 0", "asya_actor_transport_reconnects_total 0",
            ]
        )
    }

    @Test("every metric of the specification has its labels")
    func labels() {
        let metrics = self.metrics()
        metrics.messagesReceived.increment()
        metrics.processed(.success).increment()
        metrics.processed(.emptyResponse).increment()
        metrics.processed(.endConsumed).increment()
        metrics.sentCounter(destinationQueue: "asya-b", messageType: "routing").increment()
        metrics.failed("parse_error").increment()
        metrics.runtimeErrors("timeout").increment()
        metrics.nacks("shutdown").increment()
        metrics.redelivered.increment()
        metrics.gatewayReports(kind: "final", result: "rejected").increment()
        metrics.processingDuration.observe(0.1)
        metrics.runtimeDuration.observe(0.1)
        metrics.receiveDuration.observe(0.1)
        metrics.sendDuration(destinationQueue: "asya-b").observe(0.1)
        metrics.confirmDuration.observe(0.1)
        metrics.receivedByteCount.observe(122)
        metrics.sentByteCount.observe(1e10)
        let page = self.page(metrics)
        for sample in [
            #"messages_received_total{queue="a",transport="rabbitmq"} 1"#,
            #"messages_processed_total{queue="a",status="success"} 1"#,
            #"messages_processed_total{queue="a",status="empty_response"} 1"#,
            #"messages_processed_total{queue="a",status="end_consumed"} 1"#,
            #"messages_sent_total{destination_queue="asya-b",message_type="routing"} 1"#,
            #"messages_failed_total{queue="a",reason="parse_error"} 1"#,
            #"runtime_errors_total{error_type="timeout",queue="a"} 1"#,
            #"nacks_total{cause="shutdown",queue="a"} 1"#, #"redelivered_total{queue="a"} 1"#,
            #"gateway_reports_total{kind="final",result="rejected"} 1"#,
            #"processing_duration_seconds_bucket{queue="a",le="120"} 1"#,
            #"runtime_execution_duration_seconds_bucket{queue="a",le="0.005"} 0"#,
            #"queue_receive_duration_seconds_bucket{queue="a",transport="rabbitmq",le="2"} 1"#,
            #"queue_send_duration_seconds_count{destination_queue="asya-b",transport="rabbitmq"} 1"#,
            #"publish_confirm_duration_seconds_sum{transport="rabbitmq"} 0.1"#,
            #"envelope_size_bytes_bucket{direction="received",le="1000"} 1"#,
            #"envelope_size_bytes_bucket{direction="sent",le="1e+09"} 0"#,
        ] {
            #expect(page.contains("\nasya_actor_\(sample)\n"), "\(sample)")
        }
    }

    @Test("the bucket counts of the specification")
    func buckets() {
        let metrics = self.metrics()
        metrics.processingDuration.observe(0)
        metrics.receiveDuration.observe(0)
        metrics.sendDuration(destinationQueue: "d").observe(0)
        metrics.sentByteCount.observe(0)
        let lines = self.page(metrics).split(separator: "\n")
        for (name, count) in [
            ("processing_duration_seconds", 15), ("queue_receive_duration_seconds", 13),
            ("queue_send_duration_seconds", 12), ("envelope_size_bytes", 9),
        ] {
            #expect(lines.filter { $0.hasPrefix("asya_actor_\(name)_bucket") }.count == count)
        }
    }

    @Test("families come in the order of their names")
    func order() {
        let metrics = self.metrics()
        for row in ["z", "a", "m"] { metrics.failed(row).increment() }
        let names = self.page(metrics).split(separator: "\n").filter { $0.hasPrefix("# TYPE") }
            .map { String($0.split(separator: " ")[2]) }
        #expect(names == names.sorted())
    }
}

@Suite struct CustomMetricsTests {
    private func metrics(_ json: String) throws -> SidecarMetrics {
        var warnings: [String] = []
        let definitions = try CustomMetricDefinition.parse(json, reserved: [], warnings: &warnings)
        return SidecarMetrics(
            namespace: "n",
            queue: "a",
            transport: "rabbitmq",
            custom: definitions,
            logger: silentLogger()
        )
    }

    private static let definitions = """
        [{"name":"images","type":"counter","help":"Images","labels":["model"]},
         {"name":"temp-c","type":"GAUGE"},{"name":"2nd","type":"Counter"},
         {"name":"size","type":"histogram","labels":["b","a"],"buckets":[1,10]}]
        """

    private func apply(_ metrics: SidecarMetrics, _ values: String) throws -> String {
        let reply = Array("[{\"route\":{\"actors\":[]},\"metrics\":\(values)}]".utf8)
        try reply.withUnsafeBytes { metrics.applyCustomMetrics(of: try RuntimeReply.scan($0), in: $0) }
        return String(decoding: metrics.render(.prometheus), as: UTF8.self)
    }

    @Test("without labels a metric is there from the start, under its sanitised name")
    func start() throws {
        let page = String(decoding: try self.metrics(Self.definitions).render(.prometheus), as: UTF8.self)
        #expect(page.contains("\ntemp_c 0\n"))
        #expect(page.contains("\n_2nd 0\n"))
        #expect(!page.contains("images"))
    }

    @Test("counters add, gauges set, histograms observe")
    func record() throws {
        let metrics = try self.metrics(Self.definitions)
        _ = try self.apply(
            metrics,
            #"[{"name":"images","value":2,"labels":{"model":"m"}},{"name":"temp-c","value":5}]"#
        )
        let page = try self.apply(
            metrics,
            """
            [{"name":"images","value":0.5,"labels":{"model":"m","extra":"x"}},{"name":"temp_c","value":-1.5},
             {"name":"size","value":3,"labels":{"a":"1","b":true}}]
            """
        )
        #expect(page.contains("\nimages{model=\"m\"} 2.5\n"))
        #expect(page.contains("\ntemp_c -1.5\n"))
        #expect(page.contains("\nsize_bucket{a=\"1\",b=\"true\",le=\"10\"} 1\n"))
    }

    @Test(
        "what makes no sense is ignored",
        arguments: [
            #"[{"name":"unknown","value":1}]"#, #"[{"name":"images","value":1}]"#,
            #"[{"name":"images","value":-1,"labels":{"model":"m"}}]"#, #"[{"name":"images","labels":{"model":"m"}}]"#,
            #"[{"name":"images","value":"1","labels":{"model":"m"}}]"#, "[1,null,[],{}]", "[]",
            #"[{"name":"images","value":1e999,"labels":{"model":"m"}}]"#,
            #"[{"name":"images","value":1,"labels":{"model":null}}]"#,
            #"[{"name":"images","value":1,"labels":{"model":[]}}]"#, #"[{"value":1}]"#,
        ]
    )
    func ignored(values: String) throws {
        let metrics = try self.metrics(Self.definitions)
        let before = String(decoding: metrics.render(.prometheus), as: UTF8.self)
        #expect(try self.apply(metrics, values) == before)
    }

    @Test("every element of a fan-out may carry values")
    func fanOut() throws {
        let metrics = try self.metrics(Self.definitions)
        let element = #"{"route":{"actors":[]},"metrics":[{"name":"2nd","value":1}]}"#
        let reply = Array("[\(element),\(element),{\"route\":{\"actors\":[]}}]".utf8)
        try reply.withUnsafeBytes { metrics.applyCustomMetrics(of: try RuntimeReply.scan($0), in: $0) }
        #expect(String(decoding: metrics.render(.prometheus), as: UTF8.self).contains("\n_2nd 2\n"))
    }

    @Test("the number of values in one reply is bounded")
    func bound() throws {
        let metrics = try self.metrics(Self.definitions)
        let values = [String](repeating: #"{"name":"2nd","value":1}"#, count: 5000).joined(separator: ",")
        #expect(try self.apply(metrics, "[\(values)]").contains("\n_2nd 1024\n"))
    }
}
