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
    }

    /// Refuses connections and ends the open ones.
    func stop() {
        self.listener = nil
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
        let end = self.driver.loop.now + duration
        _ = try self.run(limit: duration + .seconds(5)) { [loop = self.driver.loop] in loop.now >= end }
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
