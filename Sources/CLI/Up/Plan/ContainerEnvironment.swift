import ActorResource
import Support

/// The `env` list of a container as it is on this machine: literal values, references to earlier variables, and what
/// can be known of `valueFrom` without a cluster.
struct ContainerEnvironment: Equatable, Sendable {
    private(set) var variables: [String: String] = [:]
    /// One sentence for each variable that has no value here.
    private(set) var warnings: [String] = []

    /// Resolves `entries` in order; of equal names the last counts, as in Kubernetes.
    ///
    /// - Parameter caller: the environment of `asya up`. A variable that a manifest takes from a Secret or ConfigMap is
    ///   taken from there.
    init(_ entries: [EnvironmentEntry], actor: AsyncActor, caller: [String: String]) {
        for entry in entries where !entry.name.isEmpty {
            if let value = entry.value {
                self.variables[entry.name] = Self.expanded(value, self.variables)
            } else if let value = Self.fieldValue(entry.valueFrom, actor: actor) ?? caller[entry.name] {
                self.variables[entry.name] = value
            } else if !Self.isOptional(entry.valueFrom) {
                self.warnings.append(
                    "actor \(actor.name): \(entry.name) comes from a Secret, ConfigMap or pod field, which do not exist"
                        + " here; export \(entry.name) to give it a value"
                )
            }
        }
    }

    /// `$(NAME)` becomes the value of an earlier variable, `$$` a dollar sign; unknown names stay (core/v1 `EnvVar`).
    static func expanded(_ text: String, _ variables: [String: String]) -> String {
        guard text.contains("$") else { return text }
        var result = ""
        var rest = Substring(text)
        while let dollar = rest.firstIndex(of: "$") {
            result += rest[..<dollar]
            rest = rest[rest.index(after: dollar)...]
            if rest.first == "$" {
                result += "$"
                rest = rest.dropFirst()
            } else if rest.first == "(", let end = rest.firstIndex(of: ")"),
                let value = variables[String(rest[rest.index(after: rest.startIndex)..<end])]
            {
                result += value
                rest = rest[rest.index(after: end)...]
            } else {
                result += "$"
            }
        }
        return result + rest
    }

    private static func fieldValue(_ source: JSONValue?, actor: AsyncActor) -> String? {
        let path = source?.members?["fieldRef"]?.members?["fieldPath"]?.string
        switch path {
        case "metadata.name": return actor.name
        case "metadata.namespace": return actor.metadata.namespace.isEmpty ? "default" : actor.metadata.namespace
        case "status.podIP", "status.hostIP": return "127.0.0.1"
        default: return nil
        }
    }

    private static func isOptional(_ source: JSONValue?) -> Bool {
        let kinds = ["secretKeyRef", "configMapKeyRef"]
        return kinds.contains { source?.members?[$0]?.members?["optional"] == .bool(true) }
    }
}
