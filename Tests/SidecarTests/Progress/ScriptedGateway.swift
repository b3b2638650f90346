import Glibc
import Support
import Testing

@testable import Sidecar

/// A gateway on the test's own loop: records every request and answers as the script says.
final class ScriptedGateway {
    struct Request: Equatable {
        let method: String
        let path: String
        let body: String
        /// Which connection it came over, counted from 0.
        let connection: Int

        /// `progress`, `final`, `envelopes` or `health`.
        var kind: String { String(self.path.split(separator: "/").last ?? "") }
    }

    enum Answer {
        case status(Int)
        /// Bytes as they are, and whether the connection ends after them.
        case raw(String, closes: Bool)
        /// Nothing, ever.
        case hang
        case close
    }

    private(set) var requests: [Request] = []
    /// Decides about a request; the default accepts everything.
    var answer: (Request) -> Answer = { _ in .status(200) }
    private(set) var openConnectionCount = 0
    private(set) var largestConnectionCount = 0
    private(set) var acceptedCount = 0

    private let driver: TestLoop
    private var listener: ListeningSocket?
    private var connections: [Int: TestClient] = [:]
    private var consumed: [Int: Int] = [:]
    private var port = 0
    private var reservation: PortReservation?

    init(_ driver: TestLoop) throws {
        self.driver = driver
        try self.start()
    }

    /// Listens, on the same port as before when it was stopped.
    func start() throws {
        self.listener = try ListeningSocket(
            loop: self.driver.loop,
            address: ListenAddress(host: "127.0.0.1", port: self.port)
        ) { [unowned self] in self.accept() }
        self.port = self.listener?.port ?? 0
        self.reservation = nil
    }

    /// Refuses connections and ends the open ones.
    func stop() throws {
        self.listener = nil
        self.reservation = try PortReservation(port: self.port)
        for client in self.connections.values { client.close() }
        self.connections = [:]
    }

    var url: GatewayURL {
        get throws { try GatewayURL("http://127.0.0.1:\(self.port)/base/") }
    }

    func of(kind: String) -> [Request] { self.requests.filter { $0.kind == kind } }

    /// Ends the connections that wait for a next request, as servers do after a while.
    func closeIdleConnections() {
        for client in self.connections.values { client.close() }
        self.connections = [:]
    }

    /// Looks at what has arrived; called after every turn of the loop.
    func serve() {
        for (number, client) in self.connections.sorted(by: { $0.key < $1.key }) {
            while let request = self.nextRequest(number, client) {
                self.requests.append(request)
                self.answer(request, on: client)
            }
            if client.isClosed { self.connections[number] = nil }
        }
        self.largestConnectionCount = max(self.largestConnectionCount, self.connections.count)
    }

    private func accept() {
        while case .connection(let descriptor)? = self.listener?.accept() {
            guard let client = try? TestClient(loop: self.driver.loop, accepted: descriptor) else {
                Issue.record("no memory for a connection")
                return
            }
            self.connections[self.acceptedCount] = client
            self.consumed[self.acceptedCount] = 0
            self.acceptedCount += 1
        }
    }

    private func nextRequest(_ number: Int, _ client: TestClient) -> Request? {
        let bytes = Array(client.received[(self.consumed[number] ?? 0)...])
        var searched = 0
        guard let end = bytes.withUnsafeBytes({ HTTPHead.end(in: $0, searched: &searched) }) else { return nil }
        guard let head = bytes[..<end].withUnsafeBytes({ HTTPHead($0) }) else {
            Issue.record("malformed request")
            return nil
        }
        let length = head.values(of: "content-length").first.flatMap { Int($0) } ?? 0
        guard bytes.count >= end + length else { return nil }
        self.consumed[number, default: 0] += end + length
        let words = head.startLine.split(separator: " ").map { String($0) }
        #expect(words.last == "HTTP/1.1" && head.has("host"))
        if words[0] == "POST" { #expect(head.values(of: "content-type") == ["application/json"]) }
        let body = String(decoding: bytes[end..<end + length], as: UTF8.self)
        return Request(method: words[0], path: words[1], body: body, connection: number)
    }

    private func answer(_ request: Request, on client: TestClient) {
        switch self.answer(request) {
        case .status(let status): client.send("HTTP/1.1 \(status) X\r\nContent-Length: 2\r\n\r\n{}")
        case .raw(let text, let closes):
            client.send(text)
            if closes { client.close() }
        case .hang: break
        case .close: client.close()
        }
    }
}

/// Keeps a port of a listener that comes back from everybody else. Who connects is refused.
private final class PortReservation {
    private let descriptor: Int32

    init(port: Int) throws {
        self.descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(O_CLOEXEC), 0)
        // With it the listener can bind beside this socket, which never listens.
        var on: Int32 = 1
        setsockopt(self.descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(self.descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(status == 0, "the port is somebody else's already")
    }

    deinit { close(self.descriptor) }
}

/// A reporter and a gateway on one loop.
final class GatewayScene {
    let driver: TestLoop
    let gateway: ScriptedGateway
    let metrics: SidecarMetrics
    let reporter: ProgressReporter

    init() throws {
        self.driver = try TestLoop()
        self.gateway = try ScriptedGateway(self.driver)
        self.metrics = SidecarMetrics(namespace: "n", queue: "a", transport: "rabbitmq", logger: silentLogger())
        self.reporter = try ProgressReporter(
            loop: self.driver.loop,
            url: try self.gateway.url,
            metrics: self.metrics,
            logger: silentLogger()
        )
    }

    func run(limit: Duration = .seconds(30), until condition: @escaping () -> Bool) throws -> Bool {
        try self.driver.run(limit: limit) { [gateway = self.gateway] in
            gateway.serve()
            return condition()
        }
    }

    func run(for duration: Duration) throws {
        try self.driver.run(for: duration) { [gateway = self.gateway] in gateway.serve() }
    }

    func report(_ stage: ProgressStage, _ id: String) {
        Array(#"["a","b"]"#.utf8).withUnsafeBytes {
            self.reporter.reportProgress(stage, id: id, actorsJSON: $0, currentIndex: 0)
        }
    }

    func reportHop(_ id: String) {
        self.report(.received(messageByteCount: 122), id)
        self.report(.processing(actor: "a"), id)
        self.report(.completed(after: .milliseconds(37)), id)
    }

    func count(_ kind: String, _ result: String) -> Double {
        self.metrics.gatewayReports(kind: kind, result: result).value
    }
}
