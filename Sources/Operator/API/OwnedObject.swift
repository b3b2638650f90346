import Support

/// An object that belongs to an actor, as the caches keep it: what identifies it and what the operator compares with
/// its own idea of it. Neither status nor managedFields.
struct OwnedObject: CachedObject {
    /// The label by which owned objects and pods are found.
    static let actorLabel = "asya.sh/asya"
    /// Hash of what was applied; see `ObjectComparison`.
    static let appliedHashAnnotation = "asya.sh/applied-hash"
    /// The field manager of the original: its binary's name.
    static let originalManager = "manager"

    let key: ObjectKey
    let uid: String
    let resourceVersion: String
    /// The controller; `nil` when there is none.
    let controllerUID: String?
    /// The name of the controlling AsyncActor.
    let actorName: String?
    /// Labels, annotations, spec and data.
    let content: [UInt8]
    /// The original wrote it and its fields are still its own (operator.md 19.7). True until the take-over is complete,
    /// whatever we have applied meanwhile.
    let belongsToOriginal: Bool

    init?(_ object: JSONValue) {
        guard let metadata = object["metadata"], let uid = metadata["uid"]?.string else { return nil }
        self.key = ObjectKey(of: object)
        self.uid = uid
        self.resourceVersion = metadata["resourceVersion"]?.string ?? ""
        let controller = metadata["ownerReferences"]?.elements?.first { $0["controller"]?.boolean == true }
        self.controllerUID = controller?["uid"]?.string
        let isActor = controller?["kind"]?.string == ResourceType.asyncActor.kind
        self.actorName = isActor ? controller?["name"]?.string : nil
        self.content = Self.content(object).canonicalBytes
        self.belongsToOriginal = (metadata["managedFields"]?.elements ?? []).contains { Self.isOriginalEntry($0) }
    }

    /// Whether an entry of managedFields was made by the original's writes to the object itself. Many operators call
    /// their binary `manager`; only the original made the object, with its reference to the actor.
    static func isOriginalEntry(_ entry: JSONValue) -> Bool {
        entry["manager"]?.string == Self.originalManager && entry["operation"]?.string == "Update"
            && entry["subresource"] == nil && entry["fieldsV1"]?["f:metadata"]?["f:ownerReferences"] != nil
    }

    /// The parts of an object that desired objects have too. The number of replicas has a manager of its own.
    static func content(_ object: JSONValue) -> JSONValue {
        let metadata = object["metadata"]
        var spec = object["spec"]
        if spec?["template"] != nil { spec?.set("replicas", nil) }
        return .object(omittingNil: [
            "metadata": .object(omittingNil: [
                "labels": metadata?["labels"], "annotations": metadata?["annotations"],
                "ownerReferences": metadata?["ownerReferences"],
            ]),
            "spec": spec,
        ])
    }

    /// Whether our last apply has reached it.
    var isComplete: Bool {
        self.decodedContent["metadata"]?["annotations"]?[Self.appliedHashAnnotation] != nil
    }

    /// The content as JSON again.
    var decodedContent: JSONValue {
        let text = String(decoding: self.content, as: UTF8.self)
        return (try? JSONValue(parsing: text, byteLimit: self.content.count)) ?? .null  // We wrote these bytes.
    }

    /// Whether there is something to do about a change, or an appearance or disappearance.
    static func differ(_ old: OwnedObject?, _ new: OwnedObject?) -> Bool {
        old?.content != new?.content || old?.controllerUID != new?.controllerUID
            || old?.belongsToOriginal != new?.belongsToOriginal
    }

    /// The actor to wake when it changes.
    var actorKey: ObjectKey? {
        self.actorName.map { ObjectKey(namespace: self.key.namespace, name: $0) }
    }
}

/// A Deployment: the object, and the numbers of its status.
struct ObservedDeployment: CachedObject {
    /// Numbers as the API server gives them; absent means 0.
    struct Numbers: Equatable, Sendable {
        /// `spec.replicas`.
        var desired: Int?
        /// `status.replicas`.
        var total = 0
        /// `status.readyReplicas`.
        var ready = 0
        /// `status.updatedReplicas`.
        var updated = 0
        /// Whether the Deployment controller has seen the latest spec.
        var isObserved = true
    }

    let object: OwnedObject
    let numbers: Numbers

    var key: ObjectKey { self.object.key }
    var resourceVersion: String { self.object.resourceVersion }

    init?(_ value: JSONValue) {
        guard let object = OwnedObject(value) else { return nil }
        self.object = object
        let status = value["status"]
        self.numbers = Numbers(
            desired: value["spec"]?["replicas"]?.integer,
            total: status?["replicas"]?.integer ?? 0,
            ready: status?["readyReplicas"]?.integer ?? 0,
            updated: status?["updatedReplicas"]?.integer ?? 0,
            isObserved: (status?["observedGeneration"]?.integer ?? 0)
                >= (value["metadata"]?["generation"]?.integer ?? 0)
        )
    }

    /// The labels its selector asks for.
    var selectorLabels: [String: String] {
        self.object.decodedContent["spec"]?["selector"]?["matchLabels"]?.strings ?? [:]
    }
}
