import ActorResource
import Glibc
public import Logging
import NIOCore
import NIOPosix
import Support
import Synchronization

/// The operator as a list of its parts (operator.md 1): connects them, starts them in order, ends them in order.
public final class Operator: Sendable {
    /// How long running reconciles may take after a signal.
    static let shutdownLimit = Duration.seconds(30)

    let configuration: OperatorConfiguration
    let logger: Logger
    private let registry: TransportRegistry
    private let connection: ClusterConnection

    /// Reads what can be wrong before anything is started; exit code 1 for the caller when it throws.
    public init(configuration: OperatorConfiguration, environment: [String: String], logger: Logger) throws {
        self.configuration = configuration
        self.logger = logger
        self.connection = try ClusterConnection.find(flag: configuration.kubeconfigPath, environment: environment)
        self.registry = try TransportRegistry(parsing: configuration.transportText)
        // An operator test of the original's users looks for this line.
        logger.info(
            "Transport registry loaded",
            metadata: ["count": "\(self.registry.transports.count)", "server": "\(self.connection.server)"]
        )
        for (name, transport) in self.registry.transports where transport.queues.prefix != AsyncActor.queuePrefix {
            logger.warning(
                "queues.queuePrefix is followed by the operator alone: sidecars and the gateway use asya-<actor>",
                metadata: ["transport": "\(name)", "queuePrefix": "\(transport.queues.prefix)"]
            )
        }
    }

    /// Runs until a signal (returns 0) or the loss of leadership (returns 1).
    public func run() async throws -> Int32 {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let metrics = OperatorMetrics()
        let client = try APIClient(connection: self.connection, group: group, metrics: metrics)
        let parts = self.parts(client: client, group: group, metrics: metrics)
        let servers = try await self.startServers(parts, group: group)
        let code = await self.run(parts)
        for server in servers {
            // Nothing is left to do about a failure to close.
            try? await server.close()
        }
        await parts.queues.shutdown()
        await client.shutdown()
        try await group.shutdownGracefully()
        return code
    }

    // MARK: Parts

    /// What belongs to one run.
    struct Parts: Sendable {
        let client: APIClient
        let metrics: OperatorMetrics
        let workQueue: WorkQueue
        let caches: ClusterCaches
        let queues: QueueService
        let memory: ActorMemory
        let events: EventRecorder
        let reconciler: Reconciler
        let sync: SyncState
        let leadership: Leadership
    }

    var ownNamespace: String { self.configuration.podNamespace ?? self.connection.namespace }

    private func parts(client: APIClient, group: any EventLoopGroup, metrics: OperatorMetrics) -> Parts {
        let workQueue = WorkQueue(eventLoop: group.any())
        let caches = ClusterCaches(queue: workQueue)
        let secrets = SecretReader(
            client: client,
            fallbackNamespace: self.configuration.secretsNamespace ?? self.ownNamespace
        )
        let queues = QueueService(secrets: secrets, group: group, metrics: metrics, logger: self.logger)
        let memory = ActorMemory()
        let events = EventRecorder(client: client, host: self.configuration.podName, logger: self.logger)
        let reconciler = Reconciler(
            client: client,
            caches: caches,
            registry: self.registry,
            configuration: self.configuration,
            queues: queues,
            secrets: secrets,
            memory: memory,
            script: ScriptSource(path: self.configuration.scriptPath),
            events: events,
            wake: { workQueue.add($0) },
            logger: self.logger
        )
        return Parts(
            client: client,
            metrics: metrics,
            workQueue: workQueue,
            caches: caches,
            queues: queues,
            memory: memory,
            events: events,
            reconciler: reconciler,
            sync: SyncState(expected: Self.watchCount),
            leadership: Leadership()
        )
    }
}
