import Support

/// A pod of an actor: whose it is and how it does.
struct ObservedPod: CachedObject {
    let key: ObjectKey
    let resourceVersion: String
    let actorKey: ObjectKey
    let assessment: PodAssessment

    init?(_ object: JSONValue) {
        guard let actor = object["metadata"]?["labels"]?[OwnedObject.actorLabel]?.string else { return nil }
        self.key = ObjectKey(of: object)
        self.resourceVersion = object["metadata"]?["resourceVersion"]?.string ?? ""
        self.actorKey = ObjectKey(namespace: self.key.namespace, name: actor)
        self.assessment = PodAssessment(object)
    }

    var group: ObjectKey? { self.actorKey }
}
