import ActorResource
import Support

/// An AsyncActor as the cache keeps it: the parts of the metadata that matter, spec and status as compact JSON.
struct ObservedActor: CachedObject {
    let key: ObjectKey
    let uid: String
    let resourceVersion: String
    let generation: Int
    let creationTimestamp: String
    let isDeleting: Bool
    let finalizers: [String]
    /// Those of `asya.sh/`, and a role that somebody hopes for.
    let annotations: [String: String]
    let spec: [UInt8]
    let status: [UInt8]
    /// `status.status`, counted by each scrape of the metrics; empty before the first status.
    let state: String

    init?(_ object: JSONValue) {
        guard let metadata = object["metadata"], let uid = metadata["uid"]?.string else { return nil }
        self.key = ObjectKey(of: object)
        self.uid = uid
        self.resourceVersion = metadata["resourceVersion"]?.string ?? ""
        self.generation = metadata["generation"]?.integer ?? 0
        self.creationTimestamp = metadata["creationTimestamp"]?.string ?? ""
        self.isDeleting = metadata["deletionTimestamp"] != nil
        self.finalizers = (metadata["finalizers"]?.elements ?? []).compactMap(\.string)
        self.annotations = (metadata["annotations"]?.strings ?? [:]).filter {
            $0.key.hasPrefix("asya.sh/") || $0.key == DesiredServiceAccount.roleAnnotation
        }
        self.spec = (object["spec"] ?? .object([:])).canonicalBytes
        self.status = (object["status"] ?? .object([:])).canonicalBytes
        self.state = object["status"]?["status"]?.string ?? ""
    }

    /// Actors of one name share a queue name (operator.md OB7).
    var group: ObjectKey? { ObjectKey(namespace: "", name: self.key.name) }

    /// The typed actor.
    func decoded() throws(JSONParseError) -> AsyncActor {
        let spec = try JSONValue(parsing: String(decoding: self.spec, as: UTF8.self), byteLimit: self.spec.count)
        let object: JSONValue = [
            "metadata": [
                "name": .string(self.key.name), "namespace": .string(self.key.namespace), "uid": .string(self.uid),
                "generation": .integer(self.generation), "annotations": .strings(self.annotations),
            ],
            "spec": spec,
        ]
        return ActorDecoder.actor(object)
    }

    /// The status as it was stored.
    func decodedStatus() -> JSONValue {
        let text = String(decoding: self.status, as: UTF8.self)
        return (try? JSONValue(parsing: text, byteLimit: self.status.count)) ?? .object([:])  // We wrote these bytes.
    }

    /// What must be looked at quickly: everything but status and bookkeeping.
    func differsInSubstance(from other: ObservedActor) -> Bool {
        self.uid != other.uid || self.generation != other.generation || self.isDeleting != other.isDeleting
            || self.finalizers != other.finalizers || self.annotations != other.annotations
    }
}
