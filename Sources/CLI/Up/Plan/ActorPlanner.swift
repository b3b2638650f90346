import ActorResource
import Support

/// Translates manifests into plans: what the operator injects into a pod (`operator.md` section 7.1), for processes.
struct ActorPlanner {
    /// How much longer a sidecar may take to end than its handler may run: publishing and settling the result.
    static let settlingTime: Duration = .seconds(5)
    /// The sidecar's own default, for manifests with `timeout.processing: 0`.
    static let defaultProcessingTimeout: Duration = .seconds(300)

    private static let leaseVariable = "ASYA_EMBEDDED_VISIBILITY_TIMEOUT"
    private static let lease = "10s"

    /// Variables that say how the queues are reached, `ASYA_TRANSPORT` first.
    var transportEnvironment: [String: String]
    /// The environment of `asya up`: processes inherit it, as commands of a shell do.
    var caller: [String: String]
    var pythons: PythonSearch
    /// GPUs of this machine; nil when nobody counts them.
    var gpuCount: Int?
    private(set) var warnings: [String] = []

    init(
        transportEnvironment: [String: String],
        caller: [String: String],
        pythons: PythonSearch,
        gpuCount: Int?
    ) {
        self.transportEnvironment = transportEnvironment
        self.caller = caller
        self.pythons = pythons
        self.gpuCount = gpuCount
    }

    /// The plan of one manifest that lies in `folder` (absolute).
    ///
    /// - Parameter isBuiltIn: the actor is ours; its folder is made when the run begins.
    mutating func plan(
        _ actor: AsyncActor,
        folder: String,
        isBuiltIn: Bool = false
    ) throws(UpError) -> ActorPlan {
        guard let container = actor.runtimeContainer else {
            throw UpError("actor \(actor.name): the pod template has no container \(AsyncActor.runtimeContainerName)")
        }
        let workdir = actor.localWorkdir(relativeTo: folder)
        guard isBuiltIn || self.pythons.isDirectory(workdir) else {
            throw UpError(
                "actor \(actor.name): there is no folder \(workdir); correct the annotation"
                    + " \(AsyncActor.workdirAnnotation)"
            )
        }
        let gpuCount = try self.gpuCount(of: container, actor: actor)
        let timeout = actor.spec.timeout.processing
        return ActorPlan(
            name: actor.name,
            queueName: actor.queueName,
            rule: Self.rule(of: actor.spec),
            gpuCount: gpuCount,
            processingTimeout: timeout > 0 ? .seconds(timeout) : Self.defaultProcessingTimeout,
            workdir: workdir,
            python: try self.pythons.path(
                of: actor.localPython(relativeTo: folder),
                workdir: workdir,
                actor: actor.name
            ),
            arguments: container.args,
            runtimeEnvironment: try self.runtimeEnvironment(actor, container, workdir: workdir),
            sidecarEnvironment: self.sidecarEnvironment(actor, container),
            isBuiltIn: isBuiltIn
        )
    }

    /// `spec.scaling` and `workload.replicas` in the autoscaler's form.
    static func rule(of spec: AsyncActor.Spec) -> ScalingRule {
        let scaling = spec.scaling
        guard scaling.enabled else { return .fixed(replicas: spec.workload.replicas) }
        return .byDepth(
            ScalingRule.DepthRule(
                minReplicas: scaling.minReplicas,
                maxReplicas: scaling.maxReplicas,
                queueLength: scaling.queueLength,
                pollingInterval: .seconds(max(scaling.pollingInterval, 1)),
                cooldownPeriod: .seconds(scaling.cooldownPeriod ?? AsyncActor.Scaling.cooldownWithoutSchema)
            )
        )
    }

    static func isEndActor(_ name: String) -> Bool { name == "happy-end" || name == "error-end" }

    /// GPUs for each pair: none on a machine where none were found, so that code with a fallback can be tried there.
    private mutating func gpuCount(of container: PodContainer, actor: AsyncActor) throws(UpError) -> Int {
        let wanted = container.gpuCount
        guard wanted > 0 else { return 0 }
        guard let available = self.gpuCount else {
            self.warnings.append(
                "actor \(actor.name) asks for \(wanted) GPUs; none was found here (no nvidia-smi), so it runs without."
                    + " --gpus N says how many there are"
            )
            return 0
        }
        guard wanted <= available else {
            throw UpError(
                "actor \(actor.name) asks for \(wanted) GPUs and this machine has \(available);"
                    + " lower the limit in the manifest, or correct --gpus"
            )
        }
        return wanted
    }

    private mutating func runtimeEnvironment(
        _ actor: AsyncActor,
        _ container: PodContainer,
        workdir: String
    ) throws(UpError) -> [String: String] {
        let own = ContainerEnvironment(container.env, actor: actor, caller: self.caller)
        self.warnings += own.warnings
        guard !(own.variables["ASYA_HANDLER"] ?? "").isEmpty else {
            throw UpError(
                "actor \(actor.name): ASYA_HANDLER is not set in the env of container asya-runtime;"
                    + " give it module.function or module.Class.method"
            )
        }
        // Settings of another actor or of the shell must not leak into a handler.
        var variables = self.caller.filter { !$0.key.hasPrefix("ASYA_") }
        variables.merge(own.variables) { _, new in new }
        // Images have their code on PYTHONPATH or in the working directory, which a script's path does not include.
        let path = variables["PYTHONPATH"] ?? ""
        variables["PYTHONPATH"] = path.isEmpty ? workdir : "\(workdir):\(path)"
        if Self.isEndActor(actor.name) { variables["ASYA_ENABLE_VALIDATION"] = "false" }
        return variables
    }

    private mutating func sidecarEnvironment(_ actor: AsyncActor, _ container: PodContainer) -> [String: String] {
        let timeout = actor.spec.timeout.processing
        var variables = self.caller
        // Quieter than in a cluster (`info`): a terminal shows what handlers say.
        variables["ASYA_LOG_LEVEL"] = self.caller["ASYA_LOG_LEVEL"] ?? "warn"
        variables["ASYA_GATEWAY_URL"] = self.caller["ASYA_GATEWAY_URL"] ?? container.literal("ASYA_GATEWAY_URL")
        variables["ASYA_ACTOR_NAME"] = actor.name
        variables["ASYA_ACTOR_HAPPY_END"] = "happy-end"
        variables["ASYA_ACTOR_ERROR_END"] = "error-end"
        variables["ASYA_IS_END_ACTOR"] = Self.isEndActor(actor.name) ? "true" : nil
        variables["ASYA_RUNTIME_TIMEOUT"] = timeout > 0 ? "\(timeout)s" : nil
        variables.merge(self.transportEnvironment) { _, new in new }
        // A sidecar that was killed is back within seconds here; its message should not wait much longer.
        variables[Self.leaseVariable] = self.caller[Self.leaseVariable] ?? Self.lease
        // A pair that is not wanted any more finishes its message, however long the handler is allowed to take.
        let limit = timeout > 0 ? Duration.seconds(timeout) : Self.defaultProcessingTimeout
        variables["ASYA_SHUTDOWN_TIMEOUT"] = "\(GoDuration(limit + Self.settlingTime))"
        let own = ContainerEnvironment(actor.spec.sidecar.env, actor: actor, caller: self.caller)
        self.warnings += own.warnings
        variables.merge(own.variables) { _, new in new }
        return variables
    }
}
