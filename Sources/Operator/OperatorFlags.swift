public import Logging

/// The command line (operator.md 1), in the spellings of Go's flag package: one dash or two, `=` or a space.
public struct OperatorFlags: Sendable, Equatable {
    /// What a command line asks for.
    public enum Outcome: Sendable, Equatable {
        /// Run with these.
        case run(OperatorFlags)
        /// Print the help and exit 0.
        case help
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
            if name == "help" || name == "h" { return .help }
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
    public static let help = """
        asya-operator: turns AsyncActor resources into running, scaling actors.

        Usage: asya-operator [flags]

          --metrics-bind-address string        address of /metrics; 0 switches it off (default ":8080")
          --health-probe-bind-address string   address of /healthz and /readyz (default ":8081")
          --webhook-bind-address string        address of the admission webhook, such as :9443; 0 switches it off
                                               (default "0")
          --webhook-cert-dir string            folder of its tls.crt and tls.key
                                               (default "/tmp/k8s-webhook-server/serving-certs")
          --leader-elect                       elect a leader among several replicas
          --runtime-namespace string           gets the asya-runtime ConfigMap at the start
                                               (default $ASYA_RUNTIME_NAMESPACE, else "asya")
          --max-concurrent-reconciles int      parallel reconciles
                                               (default $ASYA_MAX_CONCURRENT_RECONCILES, else 10)
          --kubeconfig string                  kubeconfig file (default $KUBECONFIG, the pod's service account,
                                               ~/.kube/config)
          --zap-log-level value                debug, info, error or a positive number (default "debug")
          --zap-encoder value                  json or console (default "json")
          --zap-devel, --zap-stacktrace-level, --zap-time-encoding
                                               accepted for compatibility

        Environment:
          ASYA_TRANSPORT_CONFIG                JSON: the transports actors may use
          ASYA_SIDECAR_IMAGE                   default sidecar image (default "asya-sidecar:latest")
          ASYA_SIDECAR_RESOURCES               JSON: the sidecar's resources when the actor has none
          ASYA_SIDECAR_HARDENING               true: the sidecar runs without privileges
          ASYA_NATIVE_SIDECAR                  true: the sidecar is an init container that restarts (Kubernetes 1.29)
          ASYA_GATEWAY_URL                     given to every sidecar
          ASYA_RUNTIME_SCRIPT_PATH             the runtime's script (default "/runtime/asya_runtime.py")
          ASYA_RUNTIME_ROLLOUT_ON_CHANGE       true: a changed script restarts the pods
          ASYA_RUNTIME_NAMESPACE               see --runtime-namespace
          ASYA_MAX_CONCURRENT_RECONCILES       see --max-concurrent-reconciles
          ASYA_QUEUE_HEALTH_CHECK_INTERVAL     look at all queues this often, such as 5m (default: never)
          ASYA_DISABLE_QUEUE_MANAGEMENT        true: never create, check or delete queues
          ASYA_SECRETS_NAMESPACE               where credentials are when the actor's namespace has none
                                               (default: the operator's own namespace)

        """
}
