public import Support

extension AsyncActor {
    /// `spec.workload`. The pod template is kept whole as JSON; the parts this project looks at are typed beside it.
    public struct Workload: Equatable, Sendable {
        /// `Deployment` or `StatefulSet`.
        public var kind: String
        /// Number of replicas while scaling is off.
        public var replicas: Int
        /// First word of the runtime container's command.
        public var pythonExecutable: String
        /// `template` as written: an object with `metadata` and `spec`.
        public var template: JSONValue
        /// `template.spec.containers`, in order.
        public var containers: [PodContainer]
        /// `template.spec.initContainers`, in order.
        public var initContainers: [PodContainer]
        /// Names of `template.spec.volumes`, in order; empty texts for volumes without a name.
        public var volumeNames: [String]

        /// A workload around `template`, read as far as it has the right shape.
        public init(
            kind: String = "Deployment",
            replicas: Int = 1,
            pythonExecutable: String = "python3",
            template: JSONValue
        ) {
            self.kind = kind
            self.replicas = replicas
            self.pythonExecutable = pythonExecutable
            self.template = template
            let spec = template.members?["spec"]?.members ?? [:]
            self.containers = (spec["containers"]?.elements ?? []).map { PodContainer($0) }
            self.initContainers = (spec["initContainers"]?.elements ?? []).map { PodContainer($0) }
            self.volumeNames = (spec["volumes"]?.elements ?? []).map { $0.members?["name"]?.string ?? "" }
        }
    }
}

/// One container of the pod template: the fields this project reads, and the whole as JSON.
public struct PodContainer: Equatable, Sendable {
    /// Empty when absent.
    public var name: String
    /// Empty when absent.
    public var image: String
    /// Empty when absent.
    public var command: [String]
    /// Empty when absent.
    public var args: [String]
    /// The `env` list in order.
    public var env: [EnvironmentEntry]
    /// Where volumes are mounted, in order.
    public var mountPaths: [String]
    /// `resources.requests` as text.
    public var requests: [String: String]
    /// `resources.limits` as text.
    public var limits: [String: String]
    /// Everything as written.
    public var json: JSONValue

    /// The container in `json`; values of a wrong type count as absent.
    public init(_ json: JSONValue) {
        let members = json.members ?? [:]
        self.json = json
        self.name = members["name"]?.string ?? ""
        self.image = members["image"]?.string ?? ""
        self.command = (members["command"]?.elements ?? []).compactMap(\.string)
        self.args = (members["args"]?.elements ?? []).compactMap(\.string)
        self.env = (members["env"]?.elements ?? []).map { EnvironmentEntry($0) }
        self.mountPaths = (members["volumeMounts"]?.elements ?? []).map { $0.members?["mountPath"]?.string ?? "" }
        let resources = members["resources"]?.members ?? [:]
        self.requests = Self.quantities(resources["requests"])
        self.limits = Self.quantities(resources["limits"])
    }

    /// The literal value of a variable; of several entries the last counts, as in Kubernetes.
    public func literal(_ name: String) -> String? {
        self.env.last { $0.name == name }?.value
    }

    /// Whole GPUs the container may use: limits named like `nvidia.com/gpu` or `amd.com/gpu`.
    public var gpuCount: Int {
        self.limits.filter { $0.key.hasSuffix("/gpu") }.values.reduce(0) { $0 + (Int($1) ?? 0) }
    }

    private static func quantities(_ json: JSONValue?) -> [String: String] {
        (json?.members ?? [:]).compactMapValues { value in
            value.string ?? value.number.map { DecimalText.json($0) }
        }
    }
}

/// One entry of a core/v1 `env` list.
public struct EnvironmentEntry: Equatable, Sendable {
    /// The variable; empty when absent.
    public var name: String
    /// A literal value; nil when it comes from somewhere else. Absent in the manifest and without source: empty.
    public var value: String?
    /// `valueFrom` as written.
    public var valueFrom: JSONValue?

    /// A variable with a literal value.
    public init(name: String, value: String) {
        self.name = name
        self.value = value
        self.valueFrom = nil
    }

    /// The entry in `json`; values of a wrong type count as absent.
    public init(_ json: JSONValue) {
        self.name = json.members?["name"]?.string ?? ""
        let source = json.members?["valueFrom"].flatMap { $0 == .null ? nil : $0 }
        self.valueFrom = source
        self.value = source == nil ? json.members?["value"]?.string ?? "" : nil
    }

    /// The entry as JSON.
    public var json: JSONValue {
        var members: [String: JSONValue] = ["name": .string(self.name)]
        if let value { members["value"] = .string(value) }
        if let valueFrom { members["valueFrom"] = valueFrom }
        return .object(members)
    }
}
