import Support

/// The plain form of a pipeline, `asya.yaml` (docs/reference/asya-yaml.md): a name and a handler per actor, the rest
/// optional. Each actor becomes the same `AsyncActor` that a custom resource would give.
struct PlainForm {
    /// One entry of `actors`.
    struct Actor {
        var actor: AsyncActor

        /// How a field of the custom resource is called in this form.
        func writtenPath(of path: FieldPath) -> FieldPath {
            let own = FieldPath("actors").member(self.actor.name)
            let names = path.components.compactMap { component in
                if case .name(let name) = component { return name }
                return nil
            }
            switch (names.first, names.dropFirst().first) {
            case ("spec", "scaling"): return FieldPath(own.components + path.components.dropFirst())
            case ("spec", "transport"): return "transport"
            case ("spec", "timeout") where names.last == "gracefulShutdown": return own.member("gracefulShutdown")
            case ("spec", "timeout"): return own.member("timeout")
            case ("spec", "workload") where names.last == "replicas": return own.member("replicas")
            case ("spec", "workload") where names.suffix(2) == ["env", "value"]: return own.member("handler")
            case ("spec", "workload") where names.contains("env"): return own.member("env")
            case ("metadata", "namespace"): return "namespace"
            default: return own
            }
        }
    }

    private(set) var actors: [Actor] = []
    private(set) var findings: [Finding]

    private let document: SourceNode

    init(_ document: SourceNode) {
        self.document = document
        self.findings = SchemaCheck.findings(in: document, by: .plainForm, unknownFields: .refused)
        for member in document["actors"]?.members ?? [] {
            let path = FieldPath("actors").member(member.name)
            if member.node.string == nil {
                let found = SchemaCheck.findings(in: document, at: path, by: .plainActor, unknownFields: .refused)
                self.findings += found
            }
            self.actors.append(Actor(actor: self.actor(member.name, member.node)))
        }
        if document["actors"]?.members?.isEmpty == true {
            let position = document.position(of: "actors")
            self.findings.append(Finding(.required, at: "actors", "names no actor", position: position))
        }
    }

    /// The actor's own setting, else the one for all actors.
    private func setting(_ name: String, _ node: SourceNode) -> SourceNode? {
        node[name] ?? self.document[name]
    }

    private func actor(_ name: String, _ node: SourceNode) -> AsyncActor {
        var annotations: [String: String] = [:]
        annotations[AsyncActor.workdirAnnotation] = self.setting("workdir", node)?.string
        annotations[AsyncActor.pythonAnnotation] = self.setting("python", node)?.string
        let timeout = AsyncActor.Timeout()
        return AsyncActor(
            metadata: AsyncActor.Metadata(
                name: name,
                namespace: self.document["namespace"]?.string ?? "",
                annotations: annotations
            ),
            spec: AsyncActor.Spec(
                transport: self.document["transport"]?.string ?? ActorValidation.TransportType.embedded.rawValue,
                timeout: AsyncActor.Timeout(
                    processing: self.setting("timeout", node).flatMap(Self.seconds) ?? timeout.processing,
                    gracefulShutdown: self.setting("gracefulShutdown", node).flatMap(Self.seconds)
                        ?? timeout.gracefulShutdown
                ),
                scaling: self.scaling(node),
                workload: AsyncActor.Workload(
                    replicas: self.setting("replicas", node)?.integer ?? 1,
                    template: .object(["spec": .object(["containers": .array([self.container(node)])])])
                )
            )
        )
    }

    private func scaling(_ node: SourceNode) -> AsyncActor.Scaling {
        guard var scaling = self.setting("scaling", node)?.json.members else {
            return ActorDecoder.scaling(nil, .schema)
        }
        // Whoever writes scaling wants it.
        if scaling["enabled"] == nil { scaling["enabled"] = .bool(true) }
        return ActorDecoder.scaling(SourceNode(.object(scaling)), .schema)
    }

    private func container(_ node: SourceNode) -> JSONValue {
        var members: [String: JSONValue] = ["name": .string(AsyncActor.runtimeContainerName)]
        members["image"] = self.setting("image", node)?.string.map { .string($0) }
        members["env"] = .array(self.environment(node).map(\.json))
        if let gpus = self.setting("gpu", node)?.integer, gpus > 0 {
            members["resources"] = .object(["limits": .object(["nvidia.com/gpu": .number(Double(gpus))])])
        }
        return .object(members)
    }

    private func environment(_ node: SourceNode) -> [EnvironmentEntry] {
        var entries: [EnvironmentEntry] = []
        if let handler = node.string ?? node["handler"]?.string {
            entries.append(EnvironmentEntry(name: "ASYA_HANDLER", value: handler))
        }
        if let mode = self.setting("mode", node)?.string {
            entries.append(EnvironmentEntry(name: "ASYA_HANDLER_MODE", value: mode))
        }
        for members in [self.document["env"]?.members ?? [], node["env"]?.members ?? []] {
            for member in members {
                entries.removeAll { $0.name == member.name }
                entries.append(EnvironmentEntry(name: member.name, value: member.node.text))
            }
        }
        return entries
    }

    /// Whole seconds of `90`, `90s` or `5m`; nil for anything else.
    static func seconds(_ node: SourceNode) -> Int? {
        if let number = node.integer { return number >= 0 ? number : nil }
        guard let duration = node.string.flatMap({ GoDuration(parsing: $0) }), duration.nanoseconds >= 0 else {
            return nil
        }
        // Kubernetes counts in seconds; half a second must not become none.
        return Int((duration.nanoseconds + 999_999_999) / 1_000_000_000)
    }
}

extension FieldSchema {
    /// Settings that may stand at the top for all actors, or at one actor.
    private static let plainSettings: [String: FieldSchema] = [
        "workdir": .text(minLength: 1), "python": .text(minLength: 1), "mode": .text(allowed: ["payload", "envelope"]),
        "env": .map(.scalar), "image": .text(), "gpu": .integer(minimum: 0), "replicas": .integer(minimum: 0),
        "timeout": .seconds, "gracefulShutdown": .seconds, "scaling": .scaling,
    ]

    /// The whole of `asya.yaml`.
    static let plainForm = FieldSchema.object(
        plainSettings.merging(
            ["transport": .text(minLength: 1), "namespace": .text(), "actors": .map(.any)],
            uniquingKeysWith: { own, _ in own }
        ),
        required: ["actors"]
    )

    /// An entry of `actors` that is more than the name of its handler.
    static let plainActor = FieldSchema.object(
        plainSettings.merging(["handler": .text(minLength: 1)], uniquingKeysWith: { own, _ in own }),
        required: ["handler"]
    )
}
