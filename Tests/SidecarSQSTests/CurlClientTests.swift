import AWS
import Dispatch
import FakeEndpoint
import Sidecar
import Testing

@testable import SidecarSQS

/// Against a server that answers one request per connection.
@Suite("CurlClient")
struct CurlClientTests {
    private final class Fixture {
        let loop: EventLoop
        let client: CurlClient
        private(set) var results: [Result<HTTPAnswer, HTTPFailure>] = []

        init() throws {
            let loop = try EventLoop()
            self.loop = loop
            self.client = try CurlClient(loop: loop, caFile: nil, userAgent: "asya-test/1")
        }

        func start(_ request: HTTPRequest) {
            self.client.start(request) { self.results.append($0) }
        }

        /// Turns the loop until there are so many results, or for a while when fewer come.
        func run(_ count: Int, limit: Duration = .seconds(60)) throws {
            let deadline = self.loop.now + limit
            let ticker = try LoopTimer(loop: self.loop) {}
            self.loop.turnEnded = { [unowned self] in
                self.client.flush()
                if self.results.count >= count || self.loop.now > deadline {
                    self.loop.stop()
                } else {
                    ticker.start(after: .milliseconds(1))
                }
            }
            ticker.start(after: .zero)
            self.loop.run()
        }

        func answer(_ request: HTTPRequest) throws -> Result<HTTPAnswer, HTTPFailure> {
            let count = self.results.count
            self.start(request)
            #expect(self.results.count == count, "an answer comes later than the call returns")
            try self.run(count + 1)
            return try #require(self.results.last)
        }
    }

    private func request(
        _ endpoint: FakeEndpoint,
        _ method: HTTPRequest.Method = .post,
        body: String? = "body",
        timeout: Duration = .seconds(60)
    ) -> HTTPRequest {
        var request = HTTPRequest(method: method, url: endpoint.url + "/path", timeout: timeout, usesProxy: false)
        request.headers = ["Authorization: s3cret"]
        request.body = body.map {
            let buffer = RequestBuffer()
            buffer.append(Array($0.utf8))
            return buffer
        }
        return request
    }

    /// Answers nothing until the gate opens.
    private func silentEndpoint(until gate: DispatchSemaphore) throws -> FakeEndpoint {
        try FakeEndpoint { _, _ in
            _ = gate.wait(timeout: .now() + 10)
            return nil
        }
    }

    @Test("a request arrives as it was given, an answer with the headers that are looked at")
    func exchange() throws {
        let headers = ["Date": "Thu, 01 Jan 2026 00:00:00 GMT", "x-AMZN-Query-Error": "Code;Sender", "Dated": "no"]
        let endpoint = try FakeEndpoint { _, _ in .init(status: 403, headers: headers, body: "refused") }
        let answer = try Fixture().answer(self.request(endpoint)).get()
        #expect(answer.status == 403 && String(decoding: answer.body, as: UTF8.self) == "refused")
        #expect(answer.date == headers["Date"] && answer.queryError == "Code;Sender")
        let seen = try #require(endpoint.requests.first)
        #expect(seen.method == "POST" && seen.path == "/path" && seen.body == "body")
        #expect(seen.headers["authorization"] == "s3cret" && seen.headers["user-agent"] == "asya-test/1")
        #expect(seen.headers["expect"] == nil && seen.headers["content-length"] == "4")
    }

    @Test("an answer leaves nothing to the next one on the same handle")
    func reuse() throws {
        let endpoint = try FakeEndpoint { _, number in
            number == 1
                ? .init(headers: ["Date": "d", "x-amzn-query-error": "q"], body: "long body") : .init(body: "b")
        }
        let fixture = try Fixture()
        _ = try fixture.answer(self.request(endpoint))
        let second = try fixture.answer(self.request(endpoint, .get, body: nil)).get()
        #expect(String(decoding: second.body, as: UTF8.self) == "b" && second.date == nil && second.queryError == nil)
        _ = try fixture.answer(self.request(endpoint, .put, body: nil))
        _ = try fixture.answer(self.request(endpoint))
        #expect(endpoint.requests.map(\.method) == ["POST", "GET", "PUT", "POST"])
        #expect(endpoint.requests.map(\.body) == ["body", "", "", "body"])
    }

    @Test("many requests at a time are all answered, each with its own answer")
    func many() throws {
        let endpoint = try FakeEndpoint { request, _ in .init(body: request.body) }
        let fixture = try Fixture()
        for number in 0..<40 { fixture.start(self.request(endpoint, body: "n\(number)")) }
        try fixture.run(40)
        let bodies = try fixture.results.map { String(decoding: try $0.get().body, as: UTF8.self) }
        #expect(Set(bodies) == Set((0..<40).map { "n\($0)" }))
    }

    @Test("an answer above its limit is a failure, and the client goes on")
    func tooLong() throws {
        let endpoint = try FakeEndpoint { _, _ in .init(body: String(repeating: "x", count: 100_000)) }
        let fixture = try Fixture()
        var request = self.request(endpoint)
        request.answerByteLimit = 99_999
        let refused = try fixture.answer(request)
        #expect(throws: HTTPFailure(reason: "the answer is too long")) { try refused.get() }
        request.answerByteLimit = 100_000
        #expect(try fixture.answer(request).get().body.count == 100_000)
    }

    @Test("a broken connection and a server that is not there are failures whose text holds nothing of the request")
    func broken() throws {
        let endpoint = try FakeEndpoint { _, _ in nil }
        let fixture = try Fixture()
        var requests = [self.request(endpoint), self.request(endpoint)]
        requests[1].url = "http://127.0.0.1:1/"
        for request in requests {
            guard case .failure(let failure) = try fixture.answer(request) else {
                Issue.record("an answer without a server")
                continue
            }
            #expect(!failure.reason.isEmpty && !failure.reason.contains("s3cret") && !failure.reason.contains("body"))
        }
    }

    @Test("a request ends with its time, others go on")
    func timeout() throws {
        let gate = DispatchSemaphore(value: 0)
        let silent = try self.silentEndpoint(until: gate)
        defer { gate.signal() }
        let endpoint = try FakeEndpoint { _, _ in .init(body: "fine") }
        let fixture = try Fixture()
        fixture.start(self.request(silent, timeout: .milliseconds(200)))
        fixture.start(self.request(endpoint))
        try fixture.run(2)
        var statuses: [Int] = []
        var failures: [String] = []
        for result in fixture.results {
            switch result {
            case .success(let answer): statuses.append(answer.status)
            case .failure(let failure): failures.append(failure.reason.lowercased())
            }
        }
        #expect(statuses == [200])
        #expect(failures.count == 1 && failures[0].contains("timeout"))
    }

    @Test("closing ends every request without an answer, and later ones fail")
    func closing() throws {
        let gate = DispatchSemaphore(value: 0)
        let silent = try self.silentEndpoint(until: gate)
        defer { gate.signal() }
        let endpoint = try FakeEndpoint { _, _ in .init() }
        let fixture = try Fixture()
        fixture.start(self.request(silent))
        try fixture.run(1, limit: .milliseconds(50))
        fixture.client.close()
        #expect(fixture.results.isEmpty)
        fixture.start(self.request(endpoint))
        try fixture.run(1)
        #expect(fixture.results.count == 1)
        guard case .failure? = fixture.results.first else {
            Issue.record("a closed client sends nothing")
            return
        }
        #expect(endpoint.requests.isEmpty)
    }
}
