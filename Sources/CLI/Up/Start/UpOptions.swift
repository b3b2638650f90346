public import LocalStore

/// What `asya up` was asked to do.
public struct UpOptions: Sendable {
    /// The queue systems that `--transport` takes.
    public enum Transport: String, Sendable, CaseIterable {
        /// One SQLite file on this machine.
        case embedded
        /// A RabbitMQ named by the `ASYA_RABBITMQ_…` variables.
        case rabbitmq
        /// SQS, or something that speaks its protocol, named by `ASYA_SQS_…` and `AWS_…` variables.
        case sqs
    }

    /// The gateway beside the actors.
    public struct Gateway: Sendable {
        /// Whether one is to run when its program is there.
        public var isWanted: Bool
        /// Its TCP port; nil = the usual one, or a free one when that is taken.
        public var port: Int?
        /// File or folder of tools; nil = `tools.yaml` beside the manifests, or a tool for each actor.
        public var toolsPath: String?

        /// Wanted, with everything chosen.
        public init(isWanted: Bool = true, port: Int? = nil, toolsPath: String? = nil) {
            self.isWanted = isWanted
            self.port = port
            self.toolsPath = toolsPath
        }
    }

    /// Files and folders of manifests; empty = `asya.yaml`, or the manifests of the current folder.
    public var manifests: [String]
    /// Where the embedded queues and everything else of the run are.
    public var place: StorePlace
    /// Overrides the manifests' `transport`, which names one of a cluster.
    public var transport: Transport
    /// GPUs to hand out; nil = as many as `nvidia-smi` lists.
    public var gpuCount: Int?
    /// The gateway beside the actors.
    public var gateway: Gateway
    /// Whether an actor restarts when its code changes.
    public var watches: Bool
    /// Only print what would be started.
    public var isDryRun: Bool
    /// One JSON object per line instead of text.
    public var writesJSON: Bool

    /// Embedded queues at `place`, and nothing special.
    public init(
        manifests: [String] = [],
        place: StorePlace,
        transport: Transport = .embedded,
        gpuCount: Int? = nil,
        gateway: Gateway = Gateway(),
        watches: Bool = false,
        isDryRun: Bool = false,
        writesJSON: Bool = false
    ) {
        self.manifests = manifests
        self.place = place
        self.transport = transport
        self.gpuCount = gpuCount
        self.gateway = gateway
        self.watches = watches
        self.isDryRun = isDryRun
        self.writesJSON = writesJSON
    }
}
