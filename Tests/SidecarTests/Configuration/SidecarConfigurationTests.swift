import LocalQueue
import Support
import Testing
import Traces

@testable import Sidecar

@Suite struct SidecarConfigurationTests {
    private func read(_ variables: [String: String] = [:]) throws -> SidecarConfiguration {
        var all = ["ASYA_ACTOR_NAME": "my-actor"]
        all.merge(variables) { _, new in new }
        return try SidecarConfiguration(EnvironmentReader(all))
    }

    @Test("the defaults of the specification")
    func defaults() throws {
        let configuration = try self.read()
        #expect(configuration.actorName == "my-actor")
        #expect(configuration.queueName == "asya-my-actor")
        #expect(configuration.transport == .rabbitmq)
        #expect(configuration.socketDirectory == "/var/run/asya")
        #expect(configuration.runtimeTimeout == .seconds(300))
        #expect(configuration.runtimeReadyTimeout == .seconds(300))
        #expect(configuration.happyEnd == "happy-end")
        #expect(configuration.errorEnd == "error-end")
        #expect(!configuration.isEndActor)
        #expect(configuration.gatewayURL == nil)
        #expect(configuration.gatewayReadyTimeout == .seconds(60))
        #expect(
            configuration.rabbitMQSettings
                == .init(
                    url: nil,
                    host: "localhost",
                    port: 5672,
                    username: "guest",
                    password: "guest",
                    exchange: "asya",
                    prefetch: nil
                )
        )
        #expect(
            configuration.sqsSettings
                == .init(
                    endpoint: nil,
                    region: "us-east-1",
                    visibilityTimeoutSeconds: 600,
                    waitTimeSeconds: 20,
                    maxMessages: nil,
                    maxMessageByteCount: 1_048_576,
                    caFile: nil
                )
        )
        #expect(configuration.queueRetryMaxAttempts == 10)
        #expect(configuration.queueRetryBackoff == .seconds(1))
        #expect(configuration.maxDeliveries == 0)
        #expect(configuration.deadLetterQueue == nil)
        #expect(configuration.metricsEnabled)
        #expect(configuration.metricsAddress == ListenAddress(host: "", port: 8080))
        #expect(configuration.metricsNamespace == "asya_actor")
        #expect(configuration.customMetrics.isEmpty)
        #expect(configuration.maxInFlightByteCount == 16_777_216)
        #expect(configuration.shutdownTimeout == .seconds(25))
        #expect(!configuration.enforcesDeadline)
        #expect(configuration.warnings.isEmpty)
    }

    @Test(
        "what cannot be started with is an error that names the variable",
        arguments: [
            (["ASYA_ACTOR_NAME": ""], "ASYA_ACTOR_NAME is required"),
            (["ASYA_TRANSPORT": "kafka"], "ASYA_TRANSPORT must be rabbitmq, sqs or embedded"),
            (["ASYA_RUNTIME_TIMEOUT": "0"], "ASYA_RUNTIME_TIMEOUT must be greater than 0"),
            (["ASYA_RUNTIME_TIMEOUT": "-1s"], "ASYA_RUNTIME_TIMEOUT must be greater than 0"),
            (["ASYA_GATEWAY_URL": "gateway:80"], "ASYA_GATEWAY_URL must start with http:// or https://"),
            (["ASYA_CUSTOM_METRICS": "[{"], "ASYA_CUSTOM_METRICS is not valid JSON: unexpected end at offset 2"),
            (["ASYA_CUSTOM_METRICS": "{}"], "ASYA_CUSTOM_METRICS is not a JSON array"),
        ] as [([String: String], String)]
    )
    func errors(variables: [String: String], text: String) {
        do {
            _ = try self.read(variables)
            Issue.record("accepted")
        } catch {
            #expect("\(error)" == text)
        }
    }

    @Test(
        "what is odd is a warning",
        arguments: [
            ["ASYA_RUNTIME_TIMEOUT": "soon"], ["ASYA_RUNTIME_TIMEOUT": "26m"], ["ASYA_RABBITMQ_PORT": "0"],
            ["ASYA_RABBITMQ_PREFETCH": "-1"], ["ASYA_SQS_WAIT_TIME_SECONDS": "60"], ["ASYA_LOG_LEVEL": "loud"],
            ["ASYA_SQS_VISIBILITY_TIMEOUT": "99999"], ["ASYA_QUEUE_RETRY_MAX_ATTEMPTS": "0"],
            ["ASYA_METRICS_ADDR": "8080"], ["ASYA_METRICS_NAMESPACE": "my-ns"], ["ASYA_IS_END_ACTOR": "maybe"],
            ["ASYA_QUEUE_RETRY_BACKOFF": "0s"], ["ASYA_CUSTOM_METRICS": #"[{"name":"a","type":"summary"}]"#],
        ]
    )
    func warnings(variables: [String: String]) throws {
        let configuration = try self.read(variables)
        #expect(configuration.warnings.count == 1)
        let name = try #require(variables.keys.first)
        #expect(configuration.warnings.allSatisfy { $0.contains(name) })
    }

    @Test("a timeout of 25 minutes is no reason to warn, nor is a long one on SQS")
    func consumerTimeout() throws {
        #expect(try self.read(["ASYA_RUNTIME_TIMEOUT": "25m"]).warnings.isEmpty)
        #expect(try self.read(["ASYA_RUNTIME_TIMEOUT": "2h", "ASYA_TRANSPORT": "sqs"]).warnings.isEmpty)
    }

    @Test(
        "the visibility timeout",
        arguments: [
            ("300s", "", 600), ("300s", "0", 600), ("400ms", "0", 300), ("500ms", "0", 1), ("1500ms", "", 3),
            ("20h", "", 43_200), ("1s", "45", 45), ("2562047h", "", 43_200),
        ]
    )
    func visibility(timeout: String, configured: String, seconds: Int) throws {
        let configuration = try self.read([
            "ASYA_RUNTIME_TIMEOUT": timeout, "ASYA_SQS_VISIBILITY_TIMEOUT": configured, "ASYA_TRANSPORT": "sqs",
        ])
        #expect(configuration.sqsSettings.visibilityTimeoutSeconds == seconds)
    }

    @Test("the embedded transport needs a file; the rest has defaults")
    func embedded() throws {
        #expect(throws: ConfigurationError.missing(variable: "ASYA_EMBEDDED_PATH")) {
            try self.read(["ASYA_TRANSPORT": "embedded"])
        }
        let variables = ["ASYA_TRANSPORT": "embedded", "ASYA_EMBEDDED_PATH": "/q.db"]
        let configuration = try self.read(variables)
        #expect(
            configuration.embeddedSettings
                == .init(path: "/q.db", synchronous: .full, visibilityTimeout: .seconds(30), prefetch: nil)
        )
        let embedded = try configuration.embedded()
        #expect(embedded.queueName == "asya-my-actor" && embedded.maximumHold == .seconds(300 * 3 + 120))
        let other = try self.read(
            variables.merging(
                [
                    "ASYA_EMBEDDED_SYNCHRONOUS": "NORMAL", "ASYA_EMBEDDED_VISIBILITY_TIMEOUT": "5s",
                    "ASYA_EMBEDDED_PREFETCH": "3", "ASYA_MAX_INFLIGHT_BYTES": "1000",
                ]
            ) { _, new in new }
        )
        #expect(other.embeddedSettings.synchronous == .normal && other.window.messageCount == 3)
        #expect(try other.embedded().claimByteCount == 1000)
        let warned = try self.read(variables.merging(["ASYA_EMBEDDED_SYNCHRONOUS": "maybe"]) { _, new in new })
        #expect(warned.embeddedSettings.synchronous == .full && warned.warnings.count == 1)
    }

    @Test("a waiting time of 0 means 20")
    func waitTime() throws {
        #expect(try self.read(["ASYA_SQS_WAIT_TIME_SECONDS": "0"]).sqsSettings.waitTimeSeconds == 20)
        #expect(try self.read(["ASYA_SQS_WAIT_TIME_SECONDS": "99"]).sqsSettings.waitTimeSeconds == 20)
        #expect(try self.read(["ASYA_SQS_WAIT_TIME_SECONDS": "3"]).sqsSettings.waitTimeSeconds == 3)
    }

    @Test("secrets never appear in warnings")
    func secrets() throws {
        let configuration = try self.read([
            "ASYA_RABBITMQ_PASSWORD": "hunter2", "ASYA_RABBITMQ_URL": "amqp://u:hunter2@h",
            "ASYA_RABBITMQ_PORT": "hunter2",
        ])
        #expect(configuration.warnings.allSatisfy { !$0.contains("hunter2") })
        #expect(configuration.rabbitMQSettings.password == "hunter2")
    }

    @Test("the table has one row for each variable of the specification")
    func rows() {
        let names = SidecarConfiguration.Variables.rows.map(\.name)
        #expect(Set(names).count == names.count)
        // Those of section 2, the three of AWS's own that stand in 7.1 or are needed with them, the limit of SQS that AWS
        // moved, and OpenTelemetry's.
        #expect(names.count == 38 + 3 + 1 + TracingConfiguration.rows.count)
        #expect(SidecarConfiguration.Variables.rows.allSatisfy { !$0.text.isEmpty && $0.text.hasSuffix(".") })
    }

    @Test(
        "listening addresses",
        arguments: [
            (":8080", ListenAddress(host: "", port: 8080)), ("127.0.0.1:0", ListenAddress(host: "127.0.0.1", port: 0)),
            ("[::1]:9", ListenAddress(host: "::1", port: 9)),
            ("localhost:80", ListenAddress(host: "localhost", port: 80)),
            ("8080", nil), ("", nil), (":", nil), (":x", nil), (":65536", nil), (":-1", nil), (":+1", nil),
            ("::1:9", nil),
            ("[::1]", nil), ("[]:9", nil), ("a b:9", nil),
        ] as [(String, ListenAddress?)]
    )
    func addresses(text: String, address: ListenAddress?) {
        #expect(ListenAddress(parsing: text) == address)
    }
}

@Suite struct CustomMetricDefinitionTests {
    private func parse(_ text: String, reserved: [String] = []) throws -> (
        definitions: [CustomMetricDefinition], warnings: [String]
    ) {
        var warnings: [String] = []
        let definitions = try CustomMetricDefinition.parse(text, reserved: reserved, warnings: &warnings)
        return (definitions, warnings)
    }

    @Test("definitions are read, with defaults")
    func read() throws {
        let result = try self.parse(
            #"[{"name":"a","type":"HISTOGRAM"},{"name":"b.c","type":"gauge","help":"B","labels":["x"],"more":1}]"#
        )
        #expect(
            result.definitions == [
                CustomMetricDefinition(
                    configuredName: "a",
                    name: "a",
                    kind: .histogram(buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]),
                    help: "",
                    labels: []
                ),
                CustomMetricDefinition(configuredName: "b.c", name: "b_c", kind: .gauge, help: "B", labels: ["x"]),
            ]
        )
        #expect(try self.parse("null").definitions.isEmpty)
        #expect(try self.parse("[]").definitions.isEmpty)
    }

    @Test(
        "mistakes are errors",
        arguments: [
            "[1]", #"[{"type":"counter"}]"#, #"[{"name":"","type":"counter"}]"#, #"[{"name":1,"type":"counter"}]"#,
            #"[{"name":"a","type":"counter"},{"name":"a","type":"gauge"}]"#,
            #"[{"name":"a-b","type":"counter"},{"name":"a.b","type":"gauge"}]"#,
            #"[{"name":"h","type":"histogram"},{"name":"h_count","type":"gauge"}]"#,
            #"[{"name":"h","type":"histogram","buckets":[2,1]}]"#,
            #"[{"name":"h","type":"histogram","buckets":["1"]}]"#,
            #"[{"name":"a","type":"counter","labels":["x","x"]}]"#, #"[{"name":"a","type":"counter","labels":["1x"]}]"#,
            #"[{"name":"a","type":"counter","labels":["__x"]}]"#, #"[{"name":"a","type":"counter","labels":["le"]}]"#,
            #"[{"name":"a","type":"counter","labels":"x"}]"#,
            #"[{"name":"asya_actor_active_messages","type":"gauge"}]"#,
        ]
    )
    func mistakes(text: String) {
        #expect(throws: ConfigurationError.self) {
            try self.parse(text, reserved: ["asya_actor_active_messages"])
        }
    }

    @Test("an unknown type is skipped with a warning")
    func unknownType() throws {
        let result = try self.parse(#"[{"name":"a","type":"summary"},{"name":"a","type":"counter"}]"#)
        #expect(result.definitions.map(\.name) == ["a"])
        #expect(result.warnings.count == 1)
    }

    @Test(
        "names are sanitised",
        arguments: [("a-b.c", "a_b_c"), ("9a", "_9a"), ("a:b", "a:b"), ("ä", "_"), ("A1", "A1"), ("-1", "_1")]
    )
    func sanitised(name: String, result: String) {
        #expect(CustomMetricDefinition.sanitised(name) == result)
    }

    @Test("the sidecar's own names are reserved, those of histogram samples too")
    func reserved() throws {
        for name in ["asya_actor_active_messages", "asya_actor_processing_duration_seconds_count"] {
            #expect(throws: ConfigurationError.self) {
                try SidecarConfiguration(
                    EnvironmentReader([
                        "ASYA_ACTOR_NAME": "a", "ASYA_CUSTOM_METRICS": #"[{"name":"\#(name)","type":"gauge"}]"#,
                    ])
                )
            }
        }
    }
}
