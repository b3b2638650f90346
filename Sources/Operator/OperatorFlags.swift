public import Logging
import Support

/// The command line (operator.md 1), in the spellings of Go's flag package: one dash or two, `=` or a space.
public struct OperatorFlags: Sendable, Equatable {
    /// What a command line asks for.
    public enum Outcome: Sendable, Equatable {
        /// Run with these.
        case run(OperatorFlags)
        /// Print the help and exit 0.
        case help
        /// Print the reference page and exit 0.
        case reference
        /// Print the text and exit 2.
        case misuse(String)
    }

    /// `--metrics-bind-address`.
    public var metricsAddress = ":8080"
    /// `--health-probe-bind-address`.
    public var probeAddress = ":8081"
    /// `--webhook-bind-address`; `0` for no webhook.
    public var webhookAddress = "0"
    /// `--webhook-cert-dir`.
    public var webhookCertificateDirectory = "/tmp/k8s-webhook-server/serving-certs"
    /// `--leader-elect`.
    public var electsLeader = false
    /// `--runtime-namespace`.
    public var runtimeNamespace: String?
    /// `--max-concurrent-reconciles`.
    public var concurrency: Int?
    /// `--kubeconfig`.
    public var kubeconfig: String?
    /// `--zap-log-level`.
    public var logLevel = Logger.Level.debug
    /// `--zap-encoder`: JSON, or `key=value`.
    public var logsJSON = true

    private static let booleans: Set<String> = ["leader-elect", "zap-devel"]
    private static let names: Set<String> = [
        "metrics-bind-address", "health-probe-bind-address", "webhook-bind-address", "webhook-cert-dir",
        "runtime-namespace", "max-concurrent-reconciles", "kubeconfig", "zap-log-level", "zap-encoder",
        "zap-stacktrace-level", "zap-time-encoding",
    ]

    /// The defaults.
    public init() {}

    /// Reads the arguments, without the program's name.
    public static func parse(_ arguments: [String]) -> Outcome {
        var flags = OperatorFlags()
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            guard argument.hasPrefix("-"), argument != "-", argument != "--" else {
                return .misuse("unexpected argument '\(argument)'")
            }
            let text = argument.drop { $0 == "-" }
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let name = parts[0]
            if name == "help" || name == "h" { return parts.last == "markdown" ? .reference : .help }
            if self.booleans.contains(name) {
                guard let value = self.boolean(parts.count > 1 ? parts[1] : "true") else {
                    return .misuse("invalid boolean value for -\(name)")
                }
                if name == "leader-elect" { flags.electsLeader = value }
                continue
            }
            guard self.names.contains(name) else { return .misuse("flag provided but not defined: -\(name)") }
            guard let value = parts.count > 1 ? parts[1] : rest.popFirst() else {
                return .misuse("flag needs an argument: -\(name)")
            }
            if let problem = flags.set(name, value) { return .misuse(problem) }
        }
        return .run(flags)
    }

    private mutating func set(_ name: String, _ value: String) -> String? {
        switch name {
        case "metrics-bind-address": self.metricsAddress = value
        case "health-probe-bind-address": self.probeAddress = value
        case "webhook-bind-address": self.webhookAddress = value
        case "webhook-cert-dir": self.webhookCertificateDirectory = value
        case "runtime-namespace": self.runtimeNamespace = value.isEmpty ? nil : value
        case "kubeconfig": self.kubeconfig = value.isEmpty ? nil : value
        case "max-concurrent-reconciles":
            guard let number = Int(value) else { return "invalid value \"\(value)\" for flag -\(name): not a number" }
            self.concurrency = number
        case "zap-log-level":
            guard let level = Self.level(value) else {
                return "invalid value \"\(value)\" for flag -\(name): debug, info, error or a positive number"
            }
            self.logLevel = level
        case "zap-encoder":
            guard value == "json" || value == "console" else {
                return "invalid value \"\(value)\" for flag -\(name): json or console"
            }
            self.logsJSON = value == "json"
        default: break  // How the original's library formats stack traces and time: accepted, without effect.
        }
        return nil
    }

    private static func boolean(_ text: String) -> Bool? {
        switch text {
        case "1", "t", "T", "true", "TRUE", "True": true
        case "0", "f", "F", "false", "FALSE", "False": false
        default: nil
        }
    }

    private static func level(_ text: String) -> Logger.Level? {
        switch text {
        case "debug": .debug
        case "info": .info
        case "warn", "warning": .warning
        case "error": .error
        default: Int(text).flatMap { $0 > 0 ? ($0 > 1 ? .trace : .debug) : nil }
        }
    }

    /// The text of `--help`.
    public static var help: String { self.reference.plainText + "\n" }

    /// The text of `--help=markdown`.
    public static var markdown: String { self.reference.markdown }

    private static let reference = ProgramReference(
        program: "asya-operator",
        title: "Flags and variables of the operator",
        usage: "[flags] | check … | --help | --help=markdown",
        introduction: """
            Turns AsyncActor resources into running, scaling actors. Flags are written with one dash or two, values behind `=`
            or a space; durations are like 5m or 1.5s.
            """,
        sections: [
            ProgramReference.Section(title: "Flags", noun: "flag", rows: Self.flagRows),
            ProgramReference.Section(title: "Environment", noun: "variable", rows: Self.variableRows),
        ]
    )

    private static let flagRows = [
        EnvironmentVariableRow(
            name: "--metrics-bind-address",
            defaultText: ":8080",
            format: "`host:port` or `0`",
            text: "Address of /metrics; 0 switches it off."
        ),
        EnvironmentVariableRow(
            name: "--health-probe-bind-address",
            defaultText: ":8081",
            format: "`host:port`",
            text: "Address of /healthz and /readyz."
        ),
        EnvironmentVariableRow(
            name: "--webhook-bind-address",
            defaultText: "0",
            format: "`host:port` or `0`",
            text: "Address of the admission webhook, such as :9443; 0 switches it off."
        ),
        EnvironmentVariableRow(
            name: "--webhook-cert-dir",
            defaultText: "/tmp/k8s-webhook-server/serving-certs",
            format: "folder",
            text: "Folder of the webhook's tls.crt and tls.key; they are read again when they change."
        ),
        EnvironmentVariableRow(
            name: "--leader-elect",
            defaultText: "false",
            format: "boolean",
            text: "Elect a leader among several replicas."
        ),
        EnvironmentVariableRow(
            name: "--runtime-namespace",
            defaultText: "$ASYA_RUNTIME_NAMESPACE",
            text: "Gets the asya-runtime ConfigMap at the start; asya when neither is given."
        ),
        EnvironmentVariableRow(
            name: "--max-concurrent-reconciles",
            defaultText: "$ASYA_MAX_CONCURRENT_RECONCILES",
            format: "integer",
            text: "Parallel reconciles; 10 when neither is given."
        ),
        EnvironmentVariableRow(
            name: "--kubeconfig",
            defaultText: "$KUBECONFIG",
            format: "file",
            text: "How to reach the API server; else the pod's service account, else ~/.kube/config."
        ),
        EnvironmentVariableRow(
            name: "--zap-log-level",
            defaultText: "debug",
            format: "`debug`, `info`, `error` or a positive number",
            text: "Least important level that is logged."
        ),
        EnvironmentVariableRow(
            name: "--zap-encoder",
            defaultText: "json",
            format: "`json` or `console`",
            text: "Form of the log lines."
        ),
        EnvironmentVariableRow(
            name: "--zap-devel, --zap-stacktrace-level, --zap-time-encoding",
            text: "Accepted for compatibility, without effect."
        ),
    ]

    private static let variableRows = [
        EnvironmentVariableRow(
            name: "ASYA_TRANSPORT_CONFIG",
            format: "JSON",
            text: "The transports that actors may use."
        ),
        EnvironmentVariableRow(
            name: "ASYA_SIDECAR_IMAGE",
            defaultText: "asya-sidecar:latest",
            text: "Sidecar image of actors that name none."
        ),
        EnvironmentVariableRow(
            name: "ASYA_SIDECAR_RESOURCES",
            format: "JSON",
            text: "The sidecar's resources when the actor has none."
        ),
        EnvironmentVariableRow(
            name: "ASYA_SIDECAR_HARDENING",
            defaultText: "false",
            format: "boolean",
            text: "The sidecar runs without privileges."
        ),
        EnvironmentVariableRow(
            name: "ASYA_NATIVE_SIDECAR",
            defaultText: "false",
            format: "boolean",
            text: "The sidecar is an init container that restarts (Kubernetes 1.29)."
        ),
        EnvironmentVariableRow(name: "ASYA_GATEWAY_URL", text: "Given to every sidecar."),
        EnvironmentVariableRow(
            name: "ASYA_RUNTIME_SCRIPT_PATH",
            defaultText: "/runtime/asya_runtime.py",
            format: "file",
            text: "The runtime's script."
        ),
        EnvironmentVariableRow(
            name: "ASYA_RUNTIME_ROLLOUT_ON_CHANGE",
            defaultText: "false",
            format: "boolean",
            text: "A changed script restarts the pods."
        ),
        EnvironmentVariableRow(
            name: "ASYA_RUNTIME_NAMESPACE",
            defaultText: "asya",
            text: "See --runtime-namespace, which wins."
        ),
        EnvironmentVariableRow(
            name: "ASYA_MAX_CONCURRENT_RECONCILES",
            defaultText: "10",
            format: "integer",
            text: "See --max-concurrent-reconciles, which wins."
        ),
        EnvironmentVariableRow(
            name: "ASYA_QUEUE_HEALTH_CHECK_INTERVAL",
            format: "duration",
            text: "Look at all queues this often; never when unset."
        ),
        EnvironmentVariableRow(
            name: "ASYA_DISABLE_QUEUE_MANAGEMENT",
            defaultText: "false",
            format: "boolean",
            text: "Never create, check or delete queues."
        ),
        EnvironmentVariableRow(
            name: "ASYA_SECRETS_NAMESPACE",
            text: "Where credentials are when the actor's namespace has none; else the operator's own namespace."
        ),
    ]
}
