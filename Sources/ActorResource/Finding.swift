/// One thing that is wrong with a manifest: which rule, which field, where, and what to do.
public struct Finding: Equatable, Sendable, CustomStringConvertible {
    /// How bad it is.
    public enum Severity: String, Sendable, CaseIterable {
        /// Kubernetes, the operator or `asya up` refuses the actor.
        case error
        /// It is accepted, but probably not what was meant.
        case warning
    }

    /// How bad it is.
    public var severity: Severity
    /// The rule that was broken.
    public var rule: ActorRule
    /// The field at fault, from the root of its document.
    public var path: FieldPath
    /// What is wrong; for the operator's rules the exact text of `operator.md` section 5.
    public var message: String
    /// Where the field, or its nearest parent, was written.
    public var position: SourcePosition?

    /// A finding about `path`.
    public init(
        _ rule: ActorRule,
        at path: FieldPath,
        _ message: String,
        severity: Severity = .error,
        position: SourcePosition? = nil
    ) {
        self.severity = severity
        self.rule = rule
        self.path = path
        self.message = message
        self.position = position
    }

    /// `file:line:column: error: spec.transport: is required`.
    public var description: String {
        let place = self.position.map { "\($0): " } ?? ""
        let field = self.path.components.isEmpty ? "" : "\(self.path): "
        return "\(place)\(self.severity.rawValue): \(field)\(self.message)"
    }
}

/// The rules a manifest is checked against: who enforces them, and a name for programs.
public enum ActorRule: String, Sendable, CaseIterable {
    // Reading the file.
    /// The text is not YAML.
    case syntax
    /// A limit of this reader: bytes, nesting, documents, values.
    case limit
    /// A mapping with the same key twice.
    case duplicateKey = "duplicate-key"
    /// The document is no actor and no plain form.
    case unknownDocument = "unknown-document"

    // The schema of the custom resource (crd.md section 2), enforced by the API server.
    /// A required field is absent.
    case required
    /// A value of another type.
    case type
    /// A value that is none of the allowed ones.
    case enumeration = "enum"
    /// A number below its minimum.
    case minimum
    /// A value outside of the format, e.g. a quantity.
    case format
    /// A name Kubernetes refuses.
    case name
    /// A field that does not exist.
    case unknownField = "unknown-field"

    // operator.md section 5, in the operator's order.
    /// A container named `asya-sidecar`.
    case reservedContainer = "reserved-container"
    /// An init container named `asya-sidecar`.
    case reservedInitContainer = "reserved-init-container"
    /// `asya-runtime` with a command of its own.
    case runtimeCommand = "runtime-command"
    /// Not exactly one container `asya-runtime`.
    case runtimeContainer = "runtime-container"

    // crd.md B3.
    /// A negative timeout.
    case timeoutRange = "timeout-range"
    /// A polling interval or cool-down outside of its range.
    case scalingRange = "scaling-range"
    /// More replicas at least than at most.
    case replicaRange = "replica-range"
    /// A formula without a target.
    case formulaTarget = "formula-target"

    // crd.md B4.
    /// A volume name that the operator uses.
    case reservedVolume = "reserved-volume"
    /// A mount at a place the operator uses.
    case reservedMount = "reserved-mount"
    /// Two containers of one name.
    case duplicateContainer = "duplicate-container"
    /// A container without a name.
    case containerName = "container-name"
    /// A container without an image.
    case containerImage = "container-image"
    /// `ASYA_SOCKET_DIR` set on the runtime container.
    case socketDirectory = "socket-directory"
    /// A pod template with more levels than the operator reads.
    case nesting
    /// An actor name that cannot be a label value.
    case nameLength = "name-length"
    /// An actor name that cannot name a queue of the transport.
    case queueName = "queue-name"

    // Only said by `asya validate`.
    /// A kind of workload the operator does not support.
    case workloadKind = "workload-kind"
    /// The runtime container names no handler.
    case handler
    /// What it names is nothing that Python could import.
    case handlerName = "handler-name"
    /// Limits below requests.
    case resources
    /// Less time to stop than to process.
    case gracefulShutdown = "graceful-shutdown"
    /// The same actor twice.
    case duplicateActor = "duplicate-actor"
}
