import Support

/// An object as it should be: the fields that are applied, with the marks all owned objects have.
struct DesiredObject: Equatable, Sendable {
    let type: ResourceType
    let key: ObjectKey
    /// What is applied.
    let body: JSONValue

    /// An object that `owner` controls.
    init(
        _ type: ResourceType,
        name: String,
        owner: OwnerReference,
        labels: [String: String] = [:],
        annotations: [String: String] = [:],
        members: [String: JSONValue]
    ) {
        self.type = type
        self.key = ObjectKey(namespace: owner.key.namespace, name: name)
        var labels = labels
        labels[OwnedObject.actorLabel] = owner.key.name
        var metadata: [String: JSONValue] = [
            "name": .string(name), "namespace": .string(owner.key.namespace), "labels": .strings(labels),
            "ownerReferences": [owner.json],
        ]
        if !annotations.isEmpty { metadata["annotations"] = .strings(annotations) }
        var body = members
        body["apiVersion"] = .string(type.apiVersion)
        body["kind"] = .string(type.kind)
        body["metadata"] = .object(metadata)
        var marked = annotations
        marked[OwnedObject.appliedHashAnnotation] = ContentHash.text(of: JSONValue.object(body).canonicalBytes)
        metadata["annotations"] = .strings(marked)
        body["metadata"] = .object(metadata)
        self.body = .object(body)
    }

    /// What is applied before the object is complete: without the mark, so that the next run sees that it is not.
    var unmarkedBody: JSONValue {
        var metadata = self.body["metadata"] ?? .object([:])
        var annotations = metadata["annotations"] ?? .object([:])
        annotations.set(OwnedObject.appliedHashAnnotation, nil)
        metadata.set("annotations", annotations)
        var body = self.body
        body.set("metadata", metadata)
        return body
    }

    /// The mark that says which version of our own idea the object has.
    var appliedHash: String {
        self.body["metadata"]?["annotations"]?[OwnedObject.appliedHashAnnotation]?.string ?? ""
    }
}

/// Who an object belongs to.
struct OwnerReference: Equatable, Sendable {
    var key: ObjectKey
    var uid: String

    /// As Kubernetes wants it (operator.md 7).
    var json: JSONValue {
        [
            "apiVersion": .string(ResourceType.asyncActor.apiVersion),
            "kind": .string(ResourceType.asyncActor.kind),
            "name": .string(self.key.name),
            "uid": .string(self.uid),
            "controller": true, "blockOwnerDeletion": true,
        ]
    }
}
