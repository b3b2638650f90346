import Foundation
import Logging
import Support
import Testing

@testable import Operator

@Suite("Transport configuration")
struct TransportConfigurationTests {
    @Test("nothing is no transport", arguments: ["", "  ", "{}", #"{"transports":null}"#, #"{"transports":{}}"#])
    func empty(text: String) throws {
        #expect(try TransportRegistry(parsing: text) == .empty)
    }

    @Test(
        "an unknown key is named, wherever it is, also in a disabled transport",
        arguments: [
            (#"{"transport":{}}"#, "transport"),
            (#"{"transports":{"q":{"type":"sqs","enabled":true,"cfg":{}}}}"#, "cfg"),
            (#"{"transports":{"q":{"type":"sqs","enabled":false,"config":{"reigon":"x"}}}}"#, "reigon"),
            (#"{"transports":{"q":{"type":"sqs","config":{"visibiltyTimeout":1}}}}"#, "visibiltyTimeout"),
            (#"{"transports":{"q":{"type":"rabbitmq","config":{"hsot":"x"}}}}"#, "hsot"),
            (#"{"transports":{"q":{"type":"rabbitmq","config":{"queues":{"dlq":{"enable":true}}}}}}"#, "enable"),
            (#"{"transports":{"q":{"type":"rabbitmq","config":{"passwordSecretRef":{"nam":"x"}}}}}"#, "nam"),
        ]
    )
    func unknownKey(text: String, key: String) {
        let error = #expect(throws: TransportConfigurationError.self) { try TransportRegistry(parsing: text) }
        #expect(error?.description.contains("\"\(key)\"") == true)
        #expect(error?.description.hasPrefix("failed to parse ") == true)
    }

    @Test("errors inside a transport name it and its type")
    func prefixes() {
        func text(_ config: String) -> String? {
            let error = #expect(throws: TransportConfigurationError.self) { try TransportRegistry(parsing: config) }
            return error?.description
        }
        #expect(
            text(#"{"transports":{"q":{"type":"kafka"}}}"#)
                == "failed to parse config for transport 'q': unsupported transport type: kafka"
        )
        let rabbit = text(#"{"transports":{"q":{"type":"rabbitmq","config":{"port":"x"}}}}"#)
        #expect(
            rabbit?.hasPrefix("failed to parse config for transport 'q': failed to parse RabbitMQ config: ") == true
        )
        let sqs = text(#"{"transports":{"q":{"type":"sqs","config":{"tags":{"a":1}}}}}"#)
        #expect(sqs?.hasPrefix("failed to parse config for transport 'q': failed to parse SQS config: ") == true)
        #expect(text("{")?.hasPrefix("failed to parse transport config: ") == true)
    }

    @Test("defaults are those of the contract, also when only dlq is configured")
    func defaults() throws {
        let plain = try Samples.rabbitMQ("{}")
        #expect(plain.queues == QueueSettings())
        #expect(plain.queues.createsQueues)
        let withDLQ = try Samples.rabbitMQ(#"{"queues":{"dlq":{"enabled":true,"maxRetryCount":0}}}"#)
        #expect(withDLQ.queues.createsQueues)
        #expect(withDLQ.queues.maxRetryCount == 3)
        #expect(withDLQ.queues.retentionDays == 14)
        guard case .rabbitMQ(let settings) = plain.broker else { return #expect(Bool(false)) }
        #expect(settings.exchange == "asya")
        #expect(settings.virtualHost == "/")
        #expect(settings.port == nil)
    }

    @Test("transports that cannot be used are explained with the original's words")
    func lookUp() throws {
        let registry = try TransportRegistry(parsing: #"{"transports":{"off":{"type":"sqs","enabled":false}}}"#)
        let disabled = #expect(throws: TransportConfigurationError.self) { try registry.lookUp("off") }
        #expect(disabled?.description == "transport 'off' is disabled in operator configuration")
        let missing = #expect(throws: TransportConfigurationError.self) { try registry.lookUp("on") }
        #expect(missing?.description == "transport 'on' not found in operator configuration")
    }

    @Test("several transports of one type have names of their own")
    func names() throws {
        let text = #"{"transports":{"fast":{"type":"rabbitmq","enabled":true,"config":{"host":"a"}}}}"#
        let transport = try TransportRegistry(parsing: text).lookUp("fast")
        #expect(transport.type == "rabbitmq")
        #expect(transport.queueName(actor: "x") == "asya-x")
    }
}

@Suite("Flags and environment")
struct OperatorConfigurationTests {
    @Test("flags are read with one dash or two, with = or a space")
    func spellings() {
        let expected = OperatorFlags.parse([
            "--metrics-bind-address=:1", "--leader-elect", "--max-concurrent-reconciles=4",
        ])
        #expect(
            OperatorFlags.parse([
                "-metrics-bind-address", ":1", "-leader-elect=true", "-max-concurrent-reconciles", "4",
            ])
                == expected
        )
        guard case .run(let flags) = expected else { return #expect(Bool(false)) }
        #expect(flags.metricsAddress == ":1")
        #expect(flags.electsLeader)
        #expect(flags.concurrency == 4)
        #expect(flags.logsJSON)
    }

    @Test("what the original's chart passes is accepted")
    func chart() {
        let arguments = [
            "--leader-elect", "--zap-log-level=info", "--zap-devel=false", "--zap-encoder=console",
            "--zap-stacktrace-level=panic", "--zap-time-encoding=iso8601",
        ]
        guard case .run(let flags) = OperatorFlags.parse(arguments) else { return #expect(Bool(false)) }
        #expect(flags.logLevel == .info)
        #expect(!flags.logsJSON)
    }

    @Test(
        "misuse is explained",
        arguments: [
            (["--nope"], "flag provided but not defined: -nope"),
            (["--kubeconfig"], "flag needs an argument: -kubeconfig"),
            (["--leader-elect=maybe"], "invalid boolean value for -leader-elect"),
            (["word"], "unexpected argument 'word'"),
        ]
    )
    func misuse(arguments: [String], text: String) {
        #expect(OperatorFlags.parse(arguments) == .misuse(text))
    }

    @Test("help is asked for", arguments: ["-h", "--help", "-help"])
    func help(argument: String) {
        #expect(OperatorFlags.parse([argument]) == .help)
    }

    @Test("variables fall back as the contract says")
    func environment() {
        func configuration(_ environment: [String: String], _ flags: OperatorFlags = OperatorFlags())
            -> OperatorConfiguration
        {
            OperatorConfiguration(flags: flags, environment: environment, hostName: "h")
        }
        let plain = configuration([:])
        #expect(plain.concurrency == 10)
        #expect(plain.runtimeNamespace == "asya")
        #expect(plain.queueCheckInterval == nil)
        #expect(plain.managesQueues)
        #expect(configuration(["ASYA_MAX_CONCURRENT_RECONCILES": "x"]).concurrency == 10)
        #expect(configuration(["ASYA_MAX_CONCURRENT_RECONCILES": "-3"]).concurrency == 1)
        #expect(configuration(["ASYA_QUEUE_HEALTH_CHECK_INTERVAL": "1h30m"]).queueCheckInterval == .seconds(5400))
        let bad = configuration(["ASYA_QUEUE_HEALTH_CHECK_INTERVAL": "soon"])
        #expect(bad.queueCheckInterval == .seconds(300))
        #expect(bad.warnings.count == 1)
        #expect(configuration(["ASYA_DISABLE_QUEUE_MANAGEMENT": "1"]).managesQueues)
        #expect(!configuration(["ASYA_DISABLE_QUEUE_MANAGEMENT": "true"]).managesQueues)
        var flags = OperatorFlags()
        flags.runtimeNamespace = "flag"
        flags.concurrency = 0
        let both = configuration(["ASYA_RUNTIME_NAMESPACE": "env"], flags)
        #expect(both.runtimeNamespace == "flag")
        #expect(both.concurrency == 1)
    }
}

@Suite("Kubeconfig")
struct KubeconfigTests {
    private static let text = """
        apiVersion: v1
        kind: Config
        current-context: one
        contexts:
        - {name: one, context: {cluster: c, user: u, namespace: ns}}
        - {name: two, context: {cluster: c, user: exec}}
        clusters:
        - {name: c, cluster: {server: "https://h:6443/", certificate-authority-data: Y2E=}}
        users:
        - {name: u, user: {token: secret}}
        - name: exec
          user:
            exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: ./get-token, args: [a, b], env: [{name: X, value: "1"}]}
        """

    @Test("the current context counts")
    func current() throws {
        let connection = try Kubeconfig(text: Self.text, directory: "/d").connection()
        #expect(connection.server == "https://h:6443")
        #expect(connection.namespace == "ns")
        #expect(connection.credential == .token("secret"))
        #expect(connection.authorityPEM == Array("ca".utf8))
    }

    @Test("an exec plugin is relative to the file")
    func exec() throws {
        let connection = try Kubeconfig(text: Self.text, directory: "/d").connection(context: "two")
        #expect(
            connection.credential
                == .exec(
                    ExecPlugin(
                        command: "/d/./get-token",
                        arguments: ["a", "b"],
                        environment: ["X": "1"],
                        apiVersion: "client.authentication.k8s.io/v1beta1"
                    )
                )
        )
    }

    @Test(
        "what is missing is named",
        arguments: [
            ("", "not a mapping"), ("a: 1", "current-context"), ("current-context: x", "'x' in contexts"),
            ("[", "kubeconfig"),
        ]
    )
    func missing(text: String, part: String) {
        let error = #expect(throws: ClusterConfigurationError.self) {
            try Kubeconfig(text: text, directory: "/d").connection()
        }
        #expect(error?.description.contains(part) == true)
    }

    @Test("what a plugin prints is a token and maybe the end of its life")
    func pluginAnswer() throws {
        let text = #"{"kind":"ExecCredential","status":{"token":"t"}}"#
        #expect(try ExecPlugin.answer(Array(text.utf8), now: .now) == .init(token: "t"))
        #expect(throws: ClusterConfigurationError.self) { try ExecPlugin.answer(Array("{}".utf8), now: .now) }
    }

    @Test("a plugin is run with its arguments and variables; one that hangs is ended")
    func pluginRuns() async throws {
        var plugin = ExecPlugin(
            command: "sh",
            arguments: ["-c", #"echo "{\"status\":{\"token\":\"$X-$0\"}}""#, "a"],
            environment: ["X": "1"],
            apiVersion: "client.authentication.k8s.io/v1"
        )
        #expect(try await plugin.run(timeLimit: .seconds(60)).token == "1-a")
        plugin.arguments = ["-c", "exec sleep 600"]
        await #expect(throws: ClusterConfigurationError.self) { try await plugin.run(timeLimit: .milliseconds(50)) }
        plugin.command = "/no/such/program"
        await #expect(throws: ClusterConfigurationError.self) { try await plugin.run(timeLimit: .seconds(60)) }
    }

    @Test("without anything there is an error that says what to set")
    func nothing() {
        let error = #expect(throws: ClusterConfigurationError.self) {
            try ClusterConnection.find(flag: nil, environment: [:])
        }
        #expect(error?.description.contains("--kubeconfig") == true)
    }
}
