internal import CPostgres
internal import Glibc
internal import Logging
internal import Support
internal import Synchronization

/// The thread that hears what other replicas changed. While it has no connection it asks everybody to look once a
/// second, so that updates cross replicas late but never get lost (`gateway.md` 25.1).
final class PostgresListener: Sendable {
    private static let tickMilliseconds: Int32 = 1000

    private let isClosed = Mutex(false)
    private let signal: EventSignal
    private let thread = Mutex<DedicatedThread?>(nil)
    private let metrics: GatewayMetrics

    /// Nil when the system has no threads or descriptors left.
    init?(
        url: String,
        replica: String,
        metrics: GatewayMetrics,
        logger: Logger,
        onChange: @escaping @Sendable (StoreChange) -> Void
    ) {
        self.metrics = metrics
        guard let signal = EventSignal() else { return nil }
        self.signal = signal
        let thread = DedicatedThread(name: "pg-listener") { [self] in
            self.run(url: url, replica: replica, logger: logger, onChange: onChange)
        }
        guard let thread else { return nil }
        self.thread.withLock { $0 = thread }
    }

    /// Ends the thread; it stops within a moment.
    func close() {
        self.isClosed.withLock { $0 = true }
        self.signal.signal()
        let thread = self.thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        thread?.join()
    }

    private func run(url: String, replica: String, logger: Logger, onChange: (StoreChange) -> Void) {
        while !self.isClosed.withLock({ $0 }) {
            do {
                let connection = try PostgresConnection(url: url)
                self.metrics.databaseConnections(changedBy: 1)
                defer { self.metrics.databaseConnections(changedBy: -1) }
                try connection.execute("LISTEN \(ReplicaNotification.channel)")
                // What happened before we listened is unknown.
                onChange(.unknown)
                try self.listen(connection, replica, onChange)
            } catch {
                logger.warning("No notifications from PostgreSQL", metadata: ["error": "\(error)"])
                self.signal.wait(milliseconds: Self.tickMilliseconds)
                onChange(.unknown)
            }
        }
    }

    private func listen(
        _ connection: PostgresConnection,
        _ replica: String,
        _ onChange: (StoreChange) -> Void
    ) throws(PostgresConnection.Failure) {
        while !self.isClosed.withLock({ $0 }) {
            for payload in try connection.notifications() {
                if let change = ReplicaNotification.change(in: payload, ownReplica: replica) { onChange(change) }
            }
            var descriptors = [
                pollfd(fd: connection.descriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: self.signal.descriptor, events: Int16(POLLIN), revents: 0),
            ]
            _ = poll(&descriptors, nfds_t(descriptors.count), Self.tickMilliseconds)
        }
    }
}
