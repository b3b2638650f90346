public import Support

/// Reads the custom resource into `AsyncActor`. Values of a wrong type count as absent, so that the rest can still be
/// checked; `SchemaCheck` has reported them.
public enum ActorDecoder {
    /// Where defaults come from.
    public enum Defaults: Sendable {
        /// Those of the schema, as for a manifest that is about to be applied.
        case schema
        /// Only what is present: for an object the API server has filled in already. An absent `cooldownPeriod` stays
        /// absent (crd.md section 2).
        case stored
    }

    /// The actor in `json`.
    public static func actor(_ json: JSONValue, defaults: Defaults = .stored) -> AsyncActor {
        self.actor(SourceNode(json), defaults: defaults)
    }

    /// The actor in `node`.
    public static func actor(_ node: SourceNode, defaults: Defaults) -> AsyncActor {
        AsyncActor(metadata: self.metadata(node["metadata"]), spec: self.spec(node["spec"], defaults))
    }

    private static func metadata(_ node: SourceNode?) -> AsyncActor.Metadata {
        AsyncActor.Metadata(
            name: node?["name"]?.string ?? "",
            namespace: node?["namespace"]?.string ?? "",
            labels: self.texts(node?["labels"]),
            annotations: self.texts(node?["annotations"]),
            uid: node?["uid"]?.string,
            generation: node?["generation"]?.integer,
            resourceVersion: node?["resourceVersion"]?.string,
            deletionTimestamp: node?["deletionTimestamp"]?.string,
            finalizers: (node?["finalizers"]?.elements ?? []).compactMap(\.string)
        )
    }

    private static func texts(_ node: SourceNode?) -> [String: String] {
        let pairs = (node?.members ?? []).compactMap { member in member.node.string.map { (member.name, $0) } }
        return Dictionary(pairs, uniquingKeysWith: { _, last in last })
    }

    private static func spec(_ node: SourceNode?, _ defaults: Defaults) -> AsyncActor.Spec {
        let timeout = AsyncActor.Timeout()
        return AsyncActor.Spec(
            transport: node?["transport"]?.string ?? "",
            sidecar: self.sidecar(node?["sidecar"]),
            timeout: AsyncActor.Timeout(
                processing: node?["timeout"]?["processing"]?.integer ?? timeout.processing,
                gracefulShutdown: node?["timeout"]?["gracefulShutdown"]?.integer ?? timeout.gracefulShutdown
            ),
            scaling: self.scaling(node?["scaling"], defaults),
            workload: self.workload(node?["workload"])
        )
    }

    private static func sidecar(_ node: SourceNode?) -> AsyncActor.Sidecar {
        AsyncActor.Sidecar(
            image: node?["image"]?.string,
            imagePullPolicy: node?["imagePullPolicy"]?.string ?? AsyncActor.Sidecar().imagePullPolicy,
            resources: node?["resources"]?.json,
            env: (node?["env"]?.elements ?? []).map { EnvironmentEntry($0.json) }
        )
    }

    static func scaling(_ node: SourceNode?, _ defaults: Defaults) -> AsyncActor.Scaling {
        let absent = AsyncActor.Scaling()
        let cooldown: Int? =
            switch defaults {
            case .schema: Self.schemaCooldown
            case .stored: nil
            }
        return AsyncActor.Scaling(
            enabled: node?["enabled"]?.bool ?? absent.enabled,
            minReplicas: node?["minReplicas"]?.integer ?? absent.minReplicas,
            maxReplicas: node?["maxReplicas"]?.integer ?? absent.maxReplicas,
            pollingInterval: node?["pollingInterval"]?.integer ?? absent.pollingInterval,
            cooldownPeriod: node?["cooldownPeriod"]?.integer ?? cooldown,
            queueLength: node?["queueLength"]?.integer ?? absent.queueLength,
            advanced: node?["advanced"].map { advanced in
                AsyncActor.Advanced(
                    formula: advanced["formula"]?.string,
                    target: advanced["target"]?.string,
                    activationTarget: advanced["activationTarget"]?.string,
                    metricType: advanced["metricType"]?.string,
                    restoreToOriginalReplicaCount: advanced["restoreToOriginalReplicaCount"]?.bool
                )
            }
        )
    }

    /// Default of `spec.scaling.cooldownPeriod` in the schema.
    static let schemaCooldown = 60

    private static func workload(_ node: SourceNode?) -> AsyncActor.Workload {
        AsyncActor.Workload(
            kind: node?["kind"]?.string ?? "Deployment",
            replicas: node?["replicas"]?.integer ?? 1,
            pythonExecutable: node?["pythonExecutable"]?.string ?? "python3",
            template: node?["template"]?.json ?? .object([:])
        )
    }
}
