/// One type of objects and where the API serves them.
public struct ResourceType: Hashable, Sendable {
    /// The API group; empty for the core group.
    public let group: String
    /// The version within the group.
    public let version: String
    /// The name in paths, such as `deployments`.
    public let plural: String
    /// The `kind` in objects, such as `Deployment`.
    public let kind: String

    /// The value of `apiVersion` in objects.
    public var apiVersion: String { self.group.isEmpty ? self.version : "\(self.group)/\(self.version)" }

    private var root: String {
        self.group.isEmpty ? "/api/\(self.version)" : "/apis/\(self.group)/\(self.version)"
    }

    /// Where objects are listed and created: of one namespace, or of all.
    public func collectionPath(namespace: String? = nil) -> String {
        namespace.map { "\(self.root)/namespaces/\($0)/\(self.plural)" } ?? "\(self.root)/\(self.plural)"
    }

    /// Where one object lives. Names are restricted by the API server to characters that need no escaping.
    public func path(_ key: ObjectKey, subresource: String? = nil) -> String {
        let object = "\(self.collectionPath(namespace: key.namespace))/\(key.name)"
        return subresource.map { "\(object)/\($0)" } ?? object
    }
}

extension ResourceType {
    static let asyncActor = ResourceType(
        group: "asya.sh",
        version: "v1alpha1",
        plural: "asyncactors",
        kind: "AsyncActor"
    )
    static let deployment = ResourceType(group: "apps", version: "v1", plural: "deployments", kind: "Deployment")
    static let pod = ResourceType(group: "", version: "v1", plural: "pods", kind: "Pod")
    static let configMap = ResourceType(group: "", version: "v1", plural: "configmaps", kind: "ConfigMap")
    static let secret = ResourceType(group: "", version: "v1", plural: "secrets", kind: "Secret")
    static let event = ResourceType(group: "", version: "v1", plural: "events", kind: "Event")
    static let serviceAccount = ResourceType(
        group: "",
        version: "v1",
        plural: "serviceaccounts",
        kind: "ServiceAccount"
    )
    static let scaledObject = ResourceType(
        group: "keda.sh",
        version: "v1alpha1",
        plural: "scaledobjects",
        kind: "ScaledObject"
    )
    static let triggerAuthentication = ResourceType(
        group: "keda.sh",
        version: "v1alpha1",
        plural: "triggerauthentications",
        kind: "TriggerAuthentication"
    )
    static let lease = ResourceType(group: "coordination.k8s.io", version: "v1", plural: "leases", kind: "Lease")
    static let podDisruptionBudget = ResourceType(
        group: "policy",
        version: "v1",
        plural: "poddisruptionbudgets",
        kind: "PodDisruptionBudget"
    )

    /// The versions of the autoscaler in the order of preference: `v2` since Kubernetes 1.23, `v1` everywhere.
    /// Only `status.desiredReplicas` is read, which all of them have.
    static let horizontalPodAutoscalers = ["v2", "v1"].map { version in
        ResourceType(
            group: "autoscaling",
            version: version,
            plural: "horizontalpodautoscalers",
            kind: "HorizontalPodAutoscaler"
        )
    }
}
