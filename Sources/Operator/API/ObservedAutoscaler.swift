import Support

/// An HPA that KEDA made for an actor: `keda-hpa-<actor>`.
struct ObservedAutoscaler: CachedObject {
    static let namePrefix = "keda-hpa-"

    let key: ObjectKey
    let resourceVersion: String
    /// `status.desiredReplicas`; 0 and absent both mean "unknown" (operator.md 13).
    let desiredReplicas: Int?

    init?(_ object: JSONValue) {
        self.key = ObjectKey(of: object)
        guard self.key.name.hasPrefix(Self.namePrefix) else { return nil }
        self.resourceVersion = object["metadata"]?["resourceVersion"]?.string ?? ""
        self.desiredReplicas = object["status"]?["desiredReplicas"]?.integer.flatMap { $0 > 0 ? $0 : nil }
    }

    /// The actor it scales.
    var actorKey: ObjectKey {
        ObjectKey(namespace: self.key.namespace, name: String(self.key.name.dropFirst(Self.namePrefix.count)))
    }

    /// The key of an actor's autoscaler.
    static func key(of actor: ObjectKey) -> ObjectKey {
        ObjectKey(namespace: actor.namespace, name: Self.namePrefix + actor.name)
    }
}
