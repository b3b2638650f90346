import Support

/// The plan of a run as text or JSON, for `--dry-run`.
enum DryRun {
    /// One paragraph per actor. Values of variables are left out: they may be secrets.
    static func text(_ plans: [ActorPlan], transport: String, inherited: Set<String>) -> String {
        plans.map { plan in
            """
            \(plan.name)\(plan.isBuiltIn ? " (built in)" : "")
              queue      \(plan.queueName) (\(transport))
              replicas   \(self.replicas(plan.rule))
              handler    \(plan.runtimeEnvironment["ASYA_HANDLER"] ?? "")
              python     \(plan.python)
              workdir    \(plan.workdir)
              gpus       \(plan.gpuCount)
              timeout    \(GoDuration(plan.processingTimeout))
              variables  \(self.names(plan, inherited: inherited).joined(separator: " "))
            """
        }.joined(separator: "\n")
    }

    /// A line for the gateway.
    static func text(of gateway: GatewaySetup.Choice) -> String {
        switch gateway {
        case .none: "no gateway"
        case .missing(let reason): "no gateway: \(reason)"
        case .found(let program, let toolsPath):
            "gateway \(program), tools \(toolsPath ?? "are the actors, one for each")"
        }
    }

    /// One object per actor.
    static func json(_ plans: [ActorPlan], transport: String, inherited: Set<String>) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginArray()
        for plan in plans {
            writer.beginObject()
            let texts = [
                ("actor", plan.name), ("queue", plan.queueName), ("transport", transport),
                ("replicas", self.replicas(plan.rule)), ("handler", plan.runtimeEnvironment["ASYA_HANDLER"] ?? ""),
                ("python", plan.python), ("workdir", plan.workdir),
            ]
            for (name, text) in texts {
                writer.name(name)
                writer.string(text)
            }
            writer.name("gpus")
            writer.integer(plan.gpuCount)
            writer.name("timeoutSeconds")
            writer.number(plan.processingTimeout / .seconds(1))
            writer.name("builtIn")
            writer.bool(plan.isBuiltIn)
            writer.name("variables")
            writer.beginArray()
            for name in self.names(plan, inherited: inherited) { writer.string(name) }
            writer.endArray()
            writer.endObject()
        }
        writer.endArray()
        return writer.bytes
    }

    /// For instance `0…8, one per 5 messages, look every 10s, down to 0 after 1m0s`.
    static func replicas(_ rule: ScalingRule) -> String {
        switch rule {
        case .fixed(let replicas):
            return "\(replicas)"
        case .byDepth(let rule):
            return "\(rule.minReplicas)…\(rule.maxReplicas), one per \(rule.queueLength) messages, look every"
                + " \(GoDuration(rule.pollingInterval)), down after \(GoDuration(rule.cooldownPeriod))"
        }
    }

    /// The variables that the actor has beyond those of the shell.
    private static func names(_ plan: ActorPlan, inherited: Set<String>) -> [String] {
        plan.runtimeEnvironment.keys.filter { !inherited.contains($0) }.sorted()
    }
}
