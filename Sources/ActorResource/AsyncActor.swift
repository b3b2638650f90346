public import Support

/// The custom resource AsyncActor, typed, with the defaults of its schema (crd.md sections 1 and 2). Made from YAML or
/// JSON by `ActorDecoder`; holds no reference to where it came from.
public struct AsyncActor: Equatable, Sendable {
    /// API group and version.
    public static let apiVersion = "asya.sh/v1alpha1"
    /// Kind.
    public static let kind = "AsyncActor"
    /// Kind of a list.
    public static let listKind = "AsyncActorList"
    /// Name of the container that runs the handler.
    public static let runtimeContainerName = "asya-runtime"
    /// Name of the container the operator injects.
    public static let sidecarContainerName = "asya-sidecar"
    /// Prefix of queue names (envelope.md section 4).
    public static let queuePrefix = "asya-"

    /// Name, labels and what the API server keeps about the object.
    public var metadata: Metadata
    /// What the user wants.
    public var spec: Spec

    /// An actor of these parts.
    public init(metadata: Metadata, spec: Spec) {
        self.metadata = metadata
        self.spec = spec
    }

    /// `metadata.name`.
    public var name: String { self.metadata.name }

    /// Name of the actor's queue.
    public var queueName: String { Self.queuePrefix + self.metadata.name }

    /// The only container named `asya-runtime`; the first when a faulty manifest has several.
    public var runtimeContainer: PodContainer? {
        self.spec.workload.containers.first { $0.name == Self.runtimeContainerName }
    }

    /// The parts of `metadata` that programs of this project read.
    public struct Metadata: Equatable, Sendable {
        /// Name, unique in its namespace.
        public var name: String
        /// Empty when the manifest leaves it to the caller.
        public var namespace: String
        /// Labels of the actor itself, not of its pods.
        public var labels: [String: String]
        /// Annotations of the actor itself.
        public var annotations: [String: String]
        /// Identity given by the API server.
        public var uid: String?
        /// Version of the spec.
        public var generation: Int?
        /// Version of the whole object.
        public var resourceVersion: String?
        /// Set while the actor is being deleted.
        public var deletionTimestamp: String?
        /// Who must agree before it is gone.
        public var finalizers: [String]

        /// A name, and nothing else unless given.
        public init(
            name: String,
            namespace: String = "",
            labels: [String: String] = [:],
            annotations: [String: String] = [:],
            uid: String? = nil,
            generation: Int? = nil,
            resourceVersion: String? = nil,
            deletionTimestamp: String? = nil,
            finalizers: [String] = []
        ) {
            self.name = name
            self.namespace = namespace
            self.labels = labels
            self.annotations = annotations
            self.uid = uid
            self.generation = generation
            self.resourceVersion = resourceVersion
            self.deletionTimestamp = deletionTimestamp
            self.finalizers = finalizers
        }
    }

    /// `spec`, crd.md section 2.
    public struct Spec: Equatable, Sendable {
        /// Name of a transport in the operator's configuration; locally also `embedded`.
        public var transport: String
        /// The injected container.
        public var sidecar: Sidecar
        /// Limits in time.
        public var timeout: Timeout
        /// KEDA settings; `asya up` follows them too.
        public var scaling: Scaling
        /// What runs.
        public var workload: Workload

        /// A specification of these parts.
        public init(
            transport: String,
            sidecar: Sidecar = Sidecar(),
            timeout: Timeout = Timeout(),
            scaling: Scaling = Scaling(),
            workload: Workload
        ) {
            self.transport = transport
            self.sidecar = sidecar
            self.timeout = timeout
            self.scaling = scaling
            self.workload = workload
        }
    }

    /// `spec.sidecar`.
    public struct Sidecar: Equatable, Sendable {
        /// Overrides the operator's default image.
        public var image: String?
        /// `Always`, `IfNotPresent` or `Never`.
        public var imagePullPolicy: String
        /// As written.
        public var resources: JSONValue?
        /// Appended after the operator's variables.
        public var env: [EnvironmentEntry]

        /// The schema's defaults unless told otherwise.
        public init(
            image: String? = nil,
            imagePullPolicy: String = "IfNotPresent",
            resources: JSONValue? = nil,
            env: [EnvironmentEntry] = []
        ) {
            self.image = image
            self.imagePullPolicy = imagePullPolicy
            self.resources = resources
            self.env = env
        }
    }

    /// `spec.timeout`, in seconds.
    public struct Timeout: Equatable, Sendable {
        /// One call of the handler; 0 = the sidecar's own default.
        public var processing: Int
        /// From SIGTERM to SIGKILL.
        public var gracefulShutdown: Int

        /// The schema's defaults unless told otherwise.
        public init(processing: Int = 300, gracefulShutdown: Int = 30) {
            self.processing = processing
            self.gracefulShutdown = gracefulShutdown
        }
    }

    /// `spec.scaling`.
    public struct Scaling: Equatable, Sendable {
        /// What the operator takes when `cooldownPeriod` is really absent (crd.md section 2).
        public static let cooldownWithoutSchema = 300

        /// Whether the number of replicas follows the queue.
        public var enabled: Bool
        /// Fewest replicas.
        public var minReplicas: Int
        /// Most replicas.
        public var maxReplicas: Int
        /// Seconds between two looks at the queue.
        public var pollingInterval: Int
        /// Seconds without a message before the last replica goes. Nil only when no schema filled it in.
        public var cooldownPeriod: Int?
        /// Messages per replica.
        public var queueLength: Int
        /// KEDA's scaling modifiers.
        public var advanced: Advanced?

        /// The schema's defaults unless told otherwise, but for `cooldownPeriod`: a bare value has none.
        public init(
            enabled: Bool = false,
            minReplicas: Int = 0,
            maxReplicas: Int = 50,
            pollingInterval: Int = 10,
            cooldownPeriod: Int? = nil,
            queueLength: Int = 5,
            advanced: Advanced? = nil
        ) {
            self.enabled = enabled
            self.minReplicas = minReplicas
            self.maxReplicas = maxReplicas
            self.pollingInterval = pollingInterval
            self.cooldownPeriod = cooldownPeriod
            self.queueLength = queueLength
            self.advanced = advanced
        }
    }

    /// `spec.scaling.advanced`.
    public struct Advanced: Equatable, Sendable {
        /// KEDA's formula over named triggers.
        public var formula: String?
        /// Target of the formula.
        public var target: String?
        /// When to leave zero.
        public var activationTarget: String?
        /// `AverageValue`, `Value` or `Utilization`.
        public var metricType: String?
        /// As in KEDA.
        public var restoreToOriginalReplicaCount: Bool?

        /// Everything absent unless given.
        public init(
            formula: String? = nil,
            target: String? = nil,
            activationTarget: String? = nil,
            metricType: String? = nil,
            restoreToOriginalReplicaCount: Bool? = nil
        ) {
            self.formula = formula
            self.target = target
            self.activationTarget = activationTarget
            self.metricType = metricType
            self.restoreToOriginalReplicaCount = restoreToOriginalReplicaCount
        }
    }
}
