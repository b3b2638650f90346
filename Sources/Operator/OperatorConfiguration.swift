public import Support

/// Everything flags and environment say (operator.md 1), read once.
public struct OperatorConfiguration: Sendable {
    /// Where the original mounts the script.
    static let defaultScriptPath = "/runtime/asya_runtime.py"
    static let defaultConcurrency = 10
    /// More workers than this would only wait for the API server.
    static let concurrencyLimit = 256
    static let fallbackHealthInterval = Duration.seconds(300)

    /// Address of `/metrics`; `nil` switches it off.
    public var metricsAddress: String?
    /// Address of the probes; `nil` switches them off.
    public var probeAddress: String?
    /// The admission webhook; `nil` switches it off.
    public var webhook: Webhook?
    /// Whether to elect a leader.
    public var electsLeader: Bool
    /// Gets the ConfigMap at the start.
    public var runtimeNamespace: String
    /// Parallel reconciles.
    public var concurrency: Int
    /// The flag; empty means unset.
    public var kubeconfigPath: String?
    /// The text of `ASYA_TRANSPORT_CONFIG`.
    public var transportText: String
    /// What reconciles need.
    public var settings: ActorSettings
    /// The runtime's script.
    public var scriptPath: String
    /// Between two looks at all queues; `nil` for none.
    public var queueCheckInterval: Duration?
    /// Whether queues are made, checked and deleted.
    public var managesQueues: Bool
    /// Where credentials are looked for when the actor's namespace has none; `nil` for the operator's own.
    public var secretsNamespace: String?
    /// The operator's own namespace, when it is known.
    public var podNamespace: String?
    /// Who we are in the Lease and in events.
    public var podName: String
    /// Things worth a line in the log.
    public var warnings: [String] = []

    /// Where the admission webhook listens, and the folder of its certificate (operator.md OB13).
    public struct Webhook: Sendable, Equatable {
        /// Such as `:9443`.
        public var address: String
        /// Has `tls.crt` and `tls.key`.
        public var certificateDirectory: String
    }

    /// Reads flags and variables; an unusable variable falls back as operator.md 1 says.
    public init(flags: OperatorFlags, environment: [String: String], hostName: String) {
        func text(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        var warnings: [String] = []

        self.metricsAddress = flags.metricsAddress == "0" ? nil : flags.metricsAddress
        self.probeAddress = flags.probeAddress == "0" ? nil : flags.probeAddress
        if flags.webhookAddress != "0", !flags.webhookAddress.isEmpty {
            self.webhook = Webhook(
                address: flags.webhookAddress,
                certificateDirectory: flags.webhookCertificateDirectory
            )
        }
        self.electsLeader = flags.electsLeader
        self.runtimeNamespace = flags.runtimeNamespace ?? text("ASYA_RUNTIME_NAMESPACE") ?? "asya"
        let concurrency =
            flags.concurrency
            ?? text("ASYA_MAX_CONCURRENT_RECONCILES").map { Int($0) ?? Self.defaultConcurrency }
            ?? Self.defaultConcurrency
        self.concurrency = min(max(concurrency, 1), Self.concurrencyLimit)
        self.kubeconfigPath = flags.kubeconfig
        self.transportText = text("ASYA_TRANSPORT_CONFIG") ?? ""
        self.scriptPath = text("ASYA_RUNTIME_SCRIPT_PATH") ?? Self.defaultScriptPath
        self.queueCheckInterval = text("ASYA_QUEUE_HEALTH_CHECK_INTERVAL").map { text in
            guard let duration = GoDuration(parsing: text)?.duration, duration > .zero else {
                warnings.append("ASYA_QUEUE_HEALTH_CHECK_INTERVAL is not a positive duration (such as 5m), using 5m")
                return Self.fallbackHealthInterval
            }
            return duration
        }
        self.managesQueues = environment["ASYA_DISABLE_QUEUE_MANAGEMENT"] != "true"
        self.secretsNamespace = text("ASYA_SECRETS_NAMESPACE")
        self.podNamespace = text("POD_NAMESPACE")
        self.podName = text("POD_NAME") ?? hostName
        self.settings = ActorSettings(environment: environment, warnings: &warnings)
        for name in ["ASYA_RUNTIME_SOURCE", "ASYA_RUNTIME_LOCAL_PATH", "ASYA_RUNTIME_GITHUB_RELEASE"]
        where text(name) != nil {
            warnings.append("\(name) is accepted for compatibility and has no effect")
        }
        self.warnings = warnings
    }
}

/// What of the operator's configuration shapes the objects of an actor.
public struct ActorSettings: Sendable, Equatable {
    /// The sidecar's image unless the actor names one.
    public var sidecarImage = "asya-sidecar:latest"
    /// Given to every sidecar; wins over the actor's own.
    public var gatewayURL = ""
    /// The sidecar's resources unless the actor has some.
    public var sidecarResources: JSONValue?
    /// Sidecars as init containers that are restarted (clusters from 1.29).
    public var usesNativeSidecar = false
    /// Drop privileges of the sidecar (operator.md OB16).
    public var hardensSidecar = false
    /// Put the hash of the script on the pod template, which rolls the pods when it changes (operator.md OB15).
    public var rollsOutScript = false

    /// The defaults.
    public init() {}

    init(environment: [String: String], warnings: inout [String]) {
        func text(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        self.sidecarImage = text("ASYA_SIDECAR_IMAGE") ?? self.sidecarImage
        self.gatewayURL = text("ASYA_GATEWAY_URL") ?? ""
        self.usesNativeSidecar = text("ASYA_NATIVE_SIDECAR") == "true"
        self.hardensSidecar = text("ASYA_SIDECAR_HARDENING") == "true"
        self.rollsOutScript = text("ASYA_RUNTIME_ROLLOUT_ON_CHANGE") == "true"
        if let resources = text("ASYA_SIDECAR_RESOURCES") {
            if let value = try? JSONValue(parsing: resources), value.members != nil {  // Otherwise: the warning below.
                self.sidecarResources = value.members?.isEmpty == true ? nil : value
            } else {
                warnings.append("ASYA_SIDECAR_RESOURCES is not a JSON object, using none")
            }
        }
    }
}
