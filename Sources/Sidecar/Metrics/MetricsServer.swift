import CUVShim
import Logging

/// The HTTP server for metrics and health (`sidecar.md` 10.1), on the loop thread beside the messages.
///
/// It renders only when asked, takes a bounded number of connections and gives each a bounded time; a failure to
/// listen is logged and nothing else. Requests never wait for one another except on the same connection.
final class MetricsServer {
    static let connectionLimit = 16
    /// For requests under way when the process ends.
    static let finishLimit = Duration.seconds(5)

    /// After the system refused to accept: without the pause the loop would spin.
    private static let acceptPause = Duration.seconds(1)

    private let loop: EventLoop
    private let pool: SlabPool
    private let address: ListenAddress
    private let logger: Logger
    private let limits: MetricsConnection.Limits
    private var listener: ListeningSocket?
    private var endpoints: MetricsEndpoints?
    private var connections: [MetricsConnection] = []
    private var timer: LoopTimer?
    private var armedFor = MonotonicTime.distantFuture
    private var resumeDeadline = MonotonicTime.distantFuture
    private var finished: (() -> Void)?
    private var finishDeadline = MonotonicTime.distantFuture

    init(
        loop: EventLoop,
        pool: SlabPool,
        address: ListenAddress,
        logger: Logger,
        limits: MetricsConnection.Limits = .init()
    ) {
        self.loop = loop
        self.pool = pool
        self.address = address
        self.logger = logger
        self.limits = limits
    }

    /// The port in use; nil when the server does not listen.
    var port: Int? { self.listener?.port }

    /// Connections that are open.
    var connectionCount: Int { self.connections.count }

    /// Listens. A failure is logged (`sidecar.md` section 3).
    func start(metrics: SidecarMetrics, isReady: @escaping () -> Bool) {
        self.start(
            endpoints: MetricsEndpoints(render: { metrics.render($0) }, isReady: isReady, compress: Self.gzipped)
        )
    }

    func start(endpoints: MetricsEndpoints) {
        self.endpoints = endpoints
        do {
            self.timer = try LoopTimer(loop: self.loop) { [unowned self] in
                self.armedFor = .distantFuture
                self.expire()
            }
            let listener = try ListeningSocket(loop: self.loop, address: self.address) { [unowned self] in
                self.accept()
            }
            self.listener = listener
            self.logger.debug("Metrics server listens", metadata: ["port": "\(listener.port)"])
        } catch {
            self.logger.error(
                "Metrics server cannot listen, continuing without",
                metadata: ["address": "\(self.address.host):\(self.address.port)", "error": "\(error)"]
            )
        }
    }

    /// Takes no further connections and calls `done` when the requests under way are answered, at the latest after
    /// `limit`.
    func finish(limit: Duration = MetricsServer.finishLimit, done: @escaping () -> Void) {
        self.listener = nil
        self.finished = done
        self.finishDeadline = self.loop.now + limit
        for connection in self.connections { connection.finish() }
        self.tidy()
    }

    /// Ends everything at once.
    func close() {
        self.listener = nil
        self.timer?.stop()
        for connection in self.connections { connection.close() }
        self.connections = []
        self.reportFinished()
    }

    /// At least one connection waits. One is taken per event, so that room is made only for connections that exist;
    /// the poll is level-triggered and calls again for the next.
    private func accept() {
        guard let endpoints = self.endpoints, let listener = self.listener else { return }
        guard self.makeRoom() else {
            listener.setAccepting(false)
            return
        }
        switch listener.accept() {
        case .connection(let descriptor):
            self.adopt(descriptor, endpoints)
        case .nothingWaits:
            break
        case .failed(let reason):
            self.logger.warning("Metrics connection not accepted", metadata: ["error": "\(reason)"])
            self.pauseAccepting(listener)
        }
    }

    private func adopt(_ descriptor: Int32, _ endpoints: MetricsEndpoints) {
        do throws(LoopError) {
            let connection = try MetricsConnection(
                loop: self.loop,
                pool: self.pool,
                descriptor: descriptor,
                endpoints: endpoints,
                limits: self.limits
            ) { [unowned self] in self.tidy() }
            self.connections.append(connection)
            self.arm()
        } catch {
            self.logger.warning("Metrics connection not accepted", metadata: ["error": "\(error)"])
        }
    }

    private func pauseAccepting(_ listener: ListeningSocket) {
        listener.setAccepting(false)
        self.resumeDeadline = self.loop.now + Self.acceptPause
        self.arm()
    }

    /// Whether one more connection fits, after closing the one that has been idle longest if need be: clients that
    /// only keep connections open must not keep others out.
    private func makeRoom() -> Bool {
        if self.connections.count < Self.connectionLimit { return true }
        let idle = self.connections.filter(\.isIdle)
        // One that has said nothing yet may be about to: those between two requests go first.
        let oldest = idle.min {
            ($0.isBetweenRequests ? 0 : 1, $0.deadline) < ($1.isBetweenRequests ? 0 : 1, $1.deadline)
        }
        guard let oldest else { return false }
        oldest.close()
        self.connections.removeAll { $0.isClosed }
        return true
    }

    /// After something changed on a connection.
    private func tidy() {
        let before = self.connections.count
        self.connections.removeAll { $0.isClosed }
        if self.connections.count < before { self.listener?.setAccepting(true) }
        if self.connections.isEmpty { self.reportFinished() }
        self.arm()
    }

    private func reportFinished() {
        let finished = self.finished
        self.finished = nil
        finished?()
    }

    private func expire() {
        let now = self.loop.now
        if self.finished != nil, self.finishDeadline <= now {
            self.close()
            return
        }
        if self.resumeDeadline <= now {
            self.resumeDeadline = .distantFuture
            self.listener?.setAccepting(true)
        }
        for connection in self.connections where connection.deadline <= now { connection.expire() }
        self.tidy()
    }

    /// One timer for all connections, at the earliest of their deadlines.
    private func arm() {
        var earliest = self.finished == nil ? self.resumeDeadline : min(self.resumeDeadline, self.finishDeadline)
        for connection in self.connections { earliest = min(earliest, connection.deadline) }
        guard earliest < self.armedFor else { return }
        self.armedFor = earliest
        self.timer?.start(after: earliest - self.loop.now)
    }

    private static func gzipped(_ page: [UInt8]) -> [UInt8]? {
        let packed = [UInt8](unsafeUninitializedCapacity: cuvshim_gzip_bound(page.count)) { buffer, count in
            let result = page.withUnsafeBytes {
                cuvshim_gzip($0.baseAddress, $0.count, buffer.baseAddress, buffer.count)
            }
            count = max(result, 0)
        }
        return packed.isEmpty ? nil : packed
    }
}
