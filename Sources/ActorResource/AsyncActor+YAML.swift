import Support

extension AsyncActor {
    /// The custom resource as a YAML document that `kubectl apply` takes: fields in the order of the schema, those that
    /// have their default left out where the schema fills in the same. Nil for a text that YAML has no form for.
    public var yaml: String? { self.document.document }

    private var document: YAMLText {
        .mapping([
            ("apiVersion", .string(Self.apiVersion)), ("kind", .string(Self.kind)),
            ("metadata", self.metadata.document), ("spec", self.spec.document),
        ])
    }
}

extension AsyncActor.Metadata {
    fileprivate var document: YAMLText {
        var members: [(name: String, value: YAMLText)] = [("name", .string(self.name))]
        if !self.namespace.isEmpty { members.append(("namespace", .string(self.namespace))) }
        for (name, texts) in [("labels", self.labels), ("annotations", self.annotations)] where !texts.isEmpty {
            members.append((name, .mapping(texts.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })))
        }
        return .mapping(members)
    }
}

extension AsyncActor.Spec {
    fileprivate var document: YAMLText {
        var members: [(name: String, value: YAMLText)] = [("transport", .string(self.transport))]
        if let sidecar = self.sidecar.document { members.append(("sidecar", sidecar)) }
        if self.timeout != AsyncActor.Timeout() {
            let timeout: YAMLText = .mapping([
                ("processing", .plain("\(self.timeout.processing)")),
                ("gracefulShutdown", .plain("\(self.timeout.gracefulShutdown)")),
            ])
            members.append(("timeout", timeout))
        }
        if self.scaling.enabled { members.append(("scaling", self.scaling.document)) }
        members.append(("workload", self.workload.document))
        return .mapping(members)
    }
}

extension AsyncActor.Sidecar {
    /// Nil when everything is as by default.
    fileprivate var document: YAMLText? {
        var members: [(name: String, value: YAMLText)] = []
        if let image { members.append(("image", .string(image))) }
        if self.imagePullPolicy != AsyncActor.Sidecar().imagePullPolicy {
            members.append(("imagePullPolicy", .string(self.imagePullPolicy)))
        }
        if let resources { members.append(("resources", YAMLText(resources))) }
        if !self.env.isEmpty { members.append(("env", .sequence(self.env.map { YAMLText($0.json) }))) }
        return members.isEmpty ? nil : .mapping(members)
    }
}

extension AsyncActor.Scaling {
    fileprivate var document: YAMLText {
        var members: [(name: String, value: YAMLText)] = [
            ("enabled", .plain("true")), ("minReplicas", .plain("\(self.minReplicas)")),
            ("maxReplicas", .plain("\(self.maxReplicas)")), ("pollingInterval", .plain("\(self.pollingInterval)")),
        ]
        if let cooldownPeriod { members.append(("cooldownPeriod", .plain("\(cooldownPeriod)"))) }
        members.append(("queueLength", .plain("\(self.queueLength)")))
        if let advanced { members.append(("advanced", advanced.document)) }
        return .mapping(members)
    }
}

extension AsyncActor.Advanced {
    fileprivate var document: YAMLText {
        let texts = [
            ("formula", self.formula), ("target", self.target), ("activationTarget", self.activationTarget),
            ("metricType", self.metricType),
        ]
        var members: [(name: String, value: YAMLText)] = texts.compactMap { name, text in
            text.map { (name, .string($0)) }
        }
        if let restores = self.restoreToOriginalReplicaCount {
            members.append(("restoreToOriginalReplicaCount", .plain(restores ? "true" : "false")))
        }
        return .mapping(members)
    }
}

extension AsyncActor.Workload {
    fileprivate var document: YAMLText {
        let absent = AsyncActor.Workload(template: self.template)
        var members: [(name: String, value: YAMLText)] = []
        if self.kind != absent.kind { members.append(("kind", .string(self.kind))) }
        if self.replicas != absent.replicas { members.append(("replicas", .plain("\(self.replicas)"))) }
        if self.pythonExecutable != absent.pythonExecutable {
            members.append(("pythonExecutable", .string(self.pythonExecutable)))
        }
        members.append(("template", YAMLText(self.template)))
        return .mapping(members)
    }
}

extension YAMLText {
    /// JSON, whose members have no order: names first, as everybody writes them, the rest by the alphabet.
    init(_ json: JSONValue) {
        switch json {
        case .null: self = .plain("null")
        case .bool(let value): self = .plain(value ? "true" : "false")
        case .number(let value): self = .plain(DecimalText.json(value))
        case .string(let text): self = .string(text)
        case .array(let elements): self = .sequence(elements.map { YAMLText($0) })
        case .object(let members):
            let sorted = members.sorted { left, right in
                (left.key == "name" ? "" : left.key) < (right.key == "name" ? "" : right.key)
            }
            self = .mapping(sorted.map { ($0.key, YAMLText($0.value)) })
        }
    }
}
