/// Everything that is needed to run the pairs of one actor; made once at the start, printed by `--dry-run`.
struct ActorPlan: Equatable, Sendable {
    var name: String
    var queueName: String
    var rule: ScalingRule
    /// GPUs for each pair.
    var gpuCount: Int
    /// Limit of one call of the handler; decides how long a drain may take.
    var processingTimeout: Duration
    /// Absolute; holds the handler's code.
    var workdir: String
    /// Absolute path of the interpreter.
    var python: String
    /// Words behind the runtime script (`args` of the container).
    var arguments: [String]
    /// Complete environments but for what differs between pairs.
    var runtimeEnvironment: [String: String]
    var sidecarEnvironment: [String: String]
    /// Made by `asya up` because no manifest has this end actor.
    var isBuiltIn: Bool
}

extension ActorPlan {
    /// What the two processes of one pair are started with.
    struct Commands: Equatable, Sendable {
        var sidecar: ProcessCommand
        var runtime: ProcessCommand
    }

    /// The commands of one pair.
    ///
    /// - Parameters:
    ///   - socketDirectory: this pair's own.
    ///   - devices: the GPUs it was given; nil on a machine where nobody counts them.
    ///   - metricsPort: a free port of the loopback interface.
    ///   - gatewayURL: the gateway that runs beside the actors; it takes the place of any that a manifest names, which
    ///     is one of a cluster.
    func commands(
        toolkit: Toolkit,
        socketDirectory: String,
        devices: [Int]?,
        metricsPort: Int?,
        gatewayURL: String? = nil
    ) -> Commands {
        var runtime = self.runtimeEnvironment
        runtime["ASYA_SOCKET_DIR"] = socketDirectory
        if let devices {
            runtime["CUDA_VISIBLE_DEVICES"] = devices.map { "\($0)" }.joined(separator: ",")
        }
        var sidecar = self.sidecarEnvironment
        sidecar["ASYA_SOCKET_DIR"] = socketDirectory
        if let metricsPort {
            sidecar["ASYA_METRICS_ENABLED"] = "true"
            sidecar["ASYA_METRICS_ADDR"] = "127.0.0.1:\(metricsPort)"
        } else {
            sidecar["ASYA_METRICS_ENABLED"] = "false"
        }
        if let gatewayURL {
            sidecar["ASYA_GATEWAY_URL"] = gatewayURL
            // It starts at the same time; one that does not is given up soon, since pipelines need none.
            sidecar["ASYA_GATEWAY_READY_TIMEOUT"] = sidecar["ASYA_GATEWAY_READY_TIMEOUT"] ?? "10s"
        }
        return Commands(
            sidecar: ProcessCommand(
                arguments: [toolkit.sidecar],
                environment: sidecar,
                directory: self.workdir
            ),
            runtime: ProcessCommand(
                arguments: [self.python, toolkit.runtime] + self.arguments,
                environment: runtime,
                directory: self.workdir
            )
        )
    }
}

/// A process to start: absolute path first.
struct ProcessCommand: Equatable, Sendable {
    var arguments: [String]
    var environment: [String: String]
    var directory: String
}
