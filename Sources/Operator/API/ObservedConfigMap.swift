import Support

/// The `asya-runtime` ConfigMap of a namespace: whether it holds what it should (operator.md 6).
struct ObservedConfigMap: CachedObject {
    let key: ObjectKey
    let resourceVersion: String
    /// Hash of the script; empty when there is none.
    let scriptHash: String
    /// Whether the three labels are right.
    let hasLabels: Bool

    init?(_ object: JSONValue) {
        self.key = ObjectKey(of: object)
        guard self.key.name == RuntimeConfigMap.name else { return nil }
        self.resourceVersion = object["metadata"]?["resourceVersion"]?.string ?? ""
        let script = object["data"]?[RuntimeConfigMap.dataKey]?.string
        self.scriptHash = script.map { ContentHash.text(of: Array($0.utf8)) } ?? ""
        let labels = object["metadata"]?["labels"]?.strings ?? [:]
        self.hasLabels = RuntimeConfigMap.labels.allSatisfy { labels[$0.key] == $0.value }
    }
}
