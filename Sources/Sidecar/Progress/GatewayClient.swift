import Support

/// The gateway's HTTP client: at most four keep-alive connections (`sidecar.md` 9.2), no queue of its own. Whoever
/// has something to send asks for capacity first and is told through `capacityFreed` when there is some again.
final class GatewayClient {
    /// Who asks: reports that nobody waits for leave one connection to the others.
    enum Priority {
        case urgent, background
    }

    static let connectionLimit = 4
    static let backgroundLimit = 3
    /// Per request, connecting included (section 9).
    static let requestLimit = Duration.seconds(5)

    let url: GatewayURL
    private let loop: EventLoop
    private var connections: [GatewayConnection] = []
    private var busyCount = 0
    private var busyBackgroundCount = 0
    /// Called after a request ended and its outcome was delivered.
    var capacityFreed: () -> Void = {}

    init(loop: EventLoop, url: GatewayURL) {
        self.loop = loop
        self.url = url
    }

    func hasCapacity(for priority: Priority) -> Bool {
        guard self.busyCount < Self.connectionLimit else { return false }
        return priority == .urgent || self.busyBackgroundCount < Self.backgroundLimit
    }

    /// Sends a request; only with capacity. `done` is called once, never inside this call.
    func send(
        _ request: [UInt8],
        priority: Priority,
        limit: Duration = GatewayClient.requestLimit,
        done: @escaping (GatewayOutcome) -> Void
    ) {
        precondition(self.hasCapacity(for: priority), "requests are sent when there is a connection for them")
        self.busyCount += 1
        if priority == .background { self.busyBackgroundCount += 1 }
        let started = self.loop.now
        self.send(request, limit: limit) { [weak self] ending in
            guard let self else { return }
            if case .stale = ending {
                // The keep-alive connection had ended unnoticed: the same attempt continues on a new one.
                let left = limit - min(self.loop.now - started, limit)
                self.send(request, limit: left, isRetry: true) { self.finish($0, priority, done) }
            } else {
                self.finish(ending, priority, done)
            }
        }
    }

    /// Ends all connections; outcomes of requests under way are not delivered any more.
    func close() {
        for connection in self.connections { connection.close() }
        self.connections = []
        self.busyCount = 0
        self.busyBackgroundCount = 0
    }

    private func send(
        _ request: [UInt8],
        limit: Duration,
        isRetry: Bool = false,
        ended: @escaping (GatewayConnection.Ending) -> Void
    ) {
        if !isRetry, let idle = self.connections.last(where: \.isIdle) {
            idle.send(request, limit: limit, ended: ended)
            return
        }
        self.makeRoom()
        do throws(LoopError) {
            let connection = try GatewayConnection(loop: self.loop, url: self.url) { [weak self] in
                self?.connections.removeAll(where: \.isClosed)
            }
            self.connections.append(connection)
            connection.send(request, limit: limit, ended: ended)
        } catch {
            self.loop.atTurnEnd { ended(.outcome(.failed(reason: "\(error)"))) }
        }
    }

    /// Idle connections count towards the limit too.
    private func makeRoom() {
        guard self.connections.count >= Self.connectionLimit,
            let index = self.connections.firstIndex(where: \.isIdle)
        else { return }
        self.connections.remove(at: index).close()
    }

    private func finish(
        _ ending: GatewayConnection.Ending,
        _ priority: Priority,
        _ done: (GatewayOutcome) -> Void
    ) {
        self.connections.removeAll(where: \.isClosed)
        self.busyCount -= 1
        if priority == .background { self.busyBackgroundCount -= 1 }
        switch ending {
        case .outcome(let outcome): done(outcome)
        case .stale: done(.failed(reason: "connection closed by the gateway"))
        }
        self.capacityFreed()
    }
}

/// Builds the requests the gateway gets.
extension GatewayURL {
    private var commonFields: String {
        "Host: \(self.hostHeader)\r\nUser-Agent: asya-sidecar/\(BuildVersion.current)\r\n"
    }

    func get(_ path: String) -> [UInt8] {
        Array("GET \(path) HTTP/1.1\r\n\(self.commonFields)Accept: */*\r\n\r\n".utf8)
    }

    func post(
        _ path: String,
        json body: [UInt8],
        extraHeaders: [(name: String, value: String)] = []
    ) -> [UInt8] {
        let extraFields = extraHeaders.map { "\($0.name): \($0.value)\r\n" }.joined()
        let head = """
            POST \(path) HTTP/1.1\r
            \(self.commonFields)\(extraFields)Content-Type: application/json\r
            Content-Length: \(body.count)\r
            \r

            """
        return Array(head.utf8) + body
    }
}
