import Testing

@testable import Sidecar

/// The server on a real socket, its clients on the same loop.
@Suite struct MetricsServerTests {
    private final class Scene {
        let driver: TestLoop
        let server: MetricsServer
        var isReady = false
        var page: [UInt8] = Array("asya_actor_active_messages 0\n".utf8)

        /// The limits are long as a rule, so that a slow machine changes nothing.
        init(headLimit: Duration = .seconds(60)) throws {
            self.driver = try TestLoop()
            self.server = MetricsServer(
                loop: self.driver.loop,
                pool: SlabPool(),
                address: ListenAddress(host: "127.0.0.1", port: 0),
                logger: silentLogger(),
                limits: MetricsConnection.Limits(head: headLimit)
            )
            self.server.start(
                endpoints: MetricsEndpoints(
                    render: { [unowned self] _ in self.page },
                    isReady: { [unowned self] in self.isReady },
                    compress: { _ in Array("packed".utf8) }
                )
            )
        }

        func client() throws -> TestClient {
            TestClient(loop: self.driver.loop, port: try #require(self.server.port))
        }

        /// Sends and waits until `suffix` has arrived.
        func exchange(_ client: TestClient, _ request: String, until suffix: String) throws -> String {
            client.forget()
            client.send(request)
            #expect(try self.driver.run { client.text.hasSuffix(suffix) || client.isClosed })
            return client.text
        }
    }

    private static let end = " HTTP/1.1\r\nHost: a\r\n\r\n"

    @Test("the endpoints answer on one kept connection")
    func endpoints() throws {
        let scene = try Scene()
        let client = try scene.client()
        let page = try scene.exchange(client, "GET /metrics" + Self.end, until: "messages 0\n")
        #expect(page.hasPrefix("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"))
        #expect(page.contains("\r\nContent-Length: 29\r\n\r\nasya"))
        #expect(try scene.exchange(client, "GET /health" + Self.end, until: "\r\n\r\nOK").hasPrefix("HTTP/1.1 200"))
        #expect(try scene.exchange(client, "GET /ready" + Self.end, until: "not ready").hasPrefix("HTTP/1.1 503"))
        scene.isReady = true
        #expect(try scene.exchange(client, "GET /ready" + Self.end, until: "\r\n\r\nOK").hasPrefix("HTTP/1.1 200"))
        #expect(try scene.exchange(client, "GET /x" + Self.end, until: "not found\n").hasPrefix("HTTP/1.1 404"))
        let refused = try scene.exchange(client, "DELETE /metrics" + Self.end, until: "Not Allowed\n")
        #expect(refused.hasPrefix("HTTP/1.1 405") && refused.contains("\r\nAllow: GET, HEAD\r\n"))
        let head = try scene.exchange(client, "HEAD /metrics" + Self.end, until: "\r\n\r\n")
        #expect(head.contains("\r\nContent-Length: 29\r\n") && head.hasSuffix("\r\n\r\n"))
        #expect(!client.isClosed)
    }

    @Test("gzip and OpenMetrics when they are asked for")
    func formats() throws {
        let scene = try Scene()
        let client = try scene.client()
        let answer = try scene.exchange(
            client,
            "GET /metrics HTTP/1.1\r\nHost: a\r\nAccept: application/openmetrics-text;version=1.0.0\r\n"
                + "Accept-Encoding: gzip\r\n\r\n",
            until: "packed"
        )
        #expect(answer.contains("\r\nContent-Encoding: gzip\r\n"))
        #expect(answer.contains("Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"))
    }

    @Test("a request split at every byte gets the same answer")
    func split() throws {
        let scene = try Scene()
        let request = Array("GET /health HTTP/1.1\r\nHost: a\r\nAccept: text/plain\r\n\r\n".utf8)
        for index in 1..<request.count {
            let client = try scene.client()
            client.send(Array(request[..<index]))
            #expect(try scene.driver.run { client.isConnected })
            try scene.driver.run(for: .milliseconds(1))
            #expect(client.text == "")
            client.send(Array(request[index...]))
            #expect(try scene.driver.run { client.text.hasSuffix("\r\n\r\nOK") })
            client.close()
        }
        #expect(try scene.driver.run { scene.server.connectionCount == 0 })
    }

    @Test("pipelined requests are answered in order, also when the page is larger than the socket takes")
    func pipelined() throws {
        let scene = try Scene()
        scene.page = [UInt8](repeating: UInt8(ascii: "x"), count: 4 * 1024 * 1024)
        let client = try scene.client()
        client.isReading = false
        client.send("GET /metrics" + Self.end + "\r\nGET /health" + Self.end + "GET /nothing" + Self.end)
        try scene.driver.run(for: .milliseconds(50))
        client.startReading()
        #expect(try scene.driver.run { client.text.hasSuffix("404 page not found\n") })
        #expect(client.received.count > 4 * 1024 * 1024)
        #expect(client.text.contains("xHTTP/1.1 200 OK\r\n"))
    }

    @Test(
        "bad requests get their status and the end of the connection",
        arguments: [
            ("nonsense\r\n\r\n", "400"), ("GET / HTTP/1.1\r\n\r\n", "400"),
            ("GET / HTTP/3.0\r\nHost: a\r\n\r\n", "505"),
            ("GET / HTTP/1.1\r\nHost: a\r\nX: " + String(repeating: "x", count: 9000) + "\r\n\r\n", "431"),
            (String(repeating: "x", count: 100_000), "431"),
            ("POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", "405"),
        ]
    )
    func bad(request: String, status: String) throws {
        let scene = try Scene()
        let client = try scene.client()
        client.send(request)
        #expect(try scene.driver.run { client.text.contains("\r\n\r\n") })
        #expect(client.text.hasPrefix("HTTP/1.1 \(status) "))
        #expect(client.text.contains("\r\nConnection: close\r\n"))
        #expect(try scene.driver.run { client.isClosed })
        #expect(try scene.driver.run { scene.server.connectionCount == 0 })
    }

    @Test("an unfinished request is answered when its time is over, a silent connection is closed then")
    func slow() throws {
        let scene = try Scene(headLimit: .milliseconds(300))
        let slow = try scene.client()
        let silent = try scene.client()
        slow.send("GET /metrics HTTP/1.1\r\nHos")
        let start = scene.driver.loop.now
        #expect(try scene.driver.run { slow.text.hasPrefix("HTTP/1.1 408 ") && silent.isClosed })
        #expect(scene.driver.loop.now - start > .milliseconds(290))
        #expect(silent.text == "")
    }

    @Test("beyond sixteen connections the longest idle one makes room, busy ones do not")
    func limit() throws {
        let scene = try Scene()
        var clients: [TestClient] = []
        for _ in 0..<16 { clients.append(try scene.client()) }
        for client in clients { client.send("GET /heal") }
        #expect(try scene.driver.run { scene.server.connectionCount == 16 })
        try scene.driver.run(for: .milliseconds(20))
        let late = try scene.client()
        late.send("GET /health" + Self.end)
        try scene.driver.run(for: .milliseconds(50))
        #expect(late.text == "")
        #expect(scene.server.connectionCount == 16)
        clients[3].send("th" + Self.end)
        #expect(try scene.driver.run { clients[3].text.hasSuffix("OK") })
        // The kept connection gives way only to a new arrival, and the one that waits is noticed when one ends.
        clients[5].close()
        #expect(try scene.driver.run { late.text.hasSuffix("OK") })
        let last = try scene.client()
        last.send("GET /health" + Self.end)
        #expect(try scene.driver.run { last.text.hasSuffix("OK") })
        #expect(try scene.driver.run { clients[3].isClosed })
        #expect(scene.server.connectionCount <= 16)
    }

    @Test("a failure to listen is survived")
    func occupied() throws {
        let scene = try Scene()
        let other = MetricsServer(
            loop: scene.driver.loop,
            pool: SlabPool(),
            address: ListenAddress(host: "127.0.0.1", port: try #require(scene.server.port)),
            logger: silentLogger()
        )
        other.start(endpoints: MetricsEndpoints(render: { _ in [] }, isReady: { true }, compress: { _ in nil }))
        #expect(other.port == nil)
        other.close()
    }

    @Test("the end waits for the request under way, and refuses new connections")
    func finish() throws {
        let scene = try Scene()
        let busy = try scene.client()
        let idle = try scene.client()
        _ = try scene.exchange(idle, "GET /health" + Self.end, until: "OK")
        busy.send("GET /health HT")
        try scene.driver.run(for: .milliseconds(30))
        var isFinished = false
        scene.server.finish { isFinished = true }
        try scene.driver.run(for: .milliseconds(30))
        #expect(!isFinished && idle.isClosed && scene.server.port == nil)
        busy.send("TP/1.1\r\nHost: a\r\n\r\n")
        #expect(try scene.driver.run { busy.text.hasSuffix("OK") })
        busy.close()
        #expect(try scene.driver.run { isFinished })
    }

    @Test("the end waits no longer than its limit")
    func finishLimit() throws {
        let scene = try Scene()
        let busy = try scene.client()
        busy.send("GET /health HT")
        try scene.driver.run(for: .milliseconds(30))
        var isFinished = false
        scene.server.finish(limit: .milliseconds(100)) { isFinished = true }
        #expect(try scene.driver.run { isFinished && busy.isClosed })
    }

    @Test("random bytes never break the server")
    func garbage() throws {
        let scene = try Scene()
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<40 {
            let client = try scene.client()
            client.send((0..<512).map { _ in UInt8.random(in: 0...255, using: &generator) } + Array("\r\n\r\n".utf8))
            #expect(try scene.driver.run { client.text.hasPrefix("HTTP/1.1 400 ") })
            client.close()
        }
        let client = try scene.client()
        #expect(try scene.exchange(client, "GET /health" + Self.end, until: "OK").hasPrefix("HTTP/1.1 200"))
    }
}
