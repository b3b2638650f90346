import AWS
import Sidecar
import Testing

@testable import SidecarSQS

@Suite("ServiceCaller")
struct ServiceCallerTests {
    private final class Fixture {
        let loop: EventLoop
        let http = FakeHTTP()
        let credentials: FakeCredentials
        let caller: ServiceCaller
        var results: [Result<[UInt8], RequestFailure>] = []

        init(key: String? = "AKID") throws {
            let loop = try EventLoop()
            self.loop = loop
            self.credentials = try FakeCredentials(key)
            self.caller = ServiceCaller(
                loop: loop,
                http: self.http,
                credentials: self.credentials,
                endpoint: .regional(service: "sqs", region: "us-east-1"),
                region: "us-east-1",
                clock: { 1_767_312_000 }
            )
        }

        var isWanted = true

        func call() {
            let body = RequestBuffer()
            body.append("{}")
            let options = ServiceCaller.Options(isStillWanted: { self.isWanted })
            self.caller.call(.sendMessage, body: body, options: options) { self.results.append($0) }
        }

        /// Turns the loop until a request waits.
        func waitForRequest() throws {
            let deadline = self.loop.now + .seconds(60)
            let ticker = try LoopTimer(loop: self.loop) {}
            self.loop.turnEnded = { [unowned self] in
                if !self.http.pending.isEmpty || self.loop.now > deadline {
                    self.loop.stop()
                } else {
                    ticker.start(after: .milliseconds(1))
                }
            }
            ticker.start(after: .zero)
            self.loop.run()
        }

        var signedDate: String? { self.field("X-Amz-Date") }

        func field(_ name: String) -> String? {
            self.http.pending.first?.request.signedHeaders?.fields.first { $0.name == name }?.value
        }
    }

    private func refusal(_ code: String) -> String { #"{"__type":"x#\#(code)","message":"m"}"# }

    @Test("signs and gives back what the service says")
    func success() throws {
        let fixture = try Fixture()
        fixture.call()
        #expect(fixture.signedDate == "20260102T000000Z")
        #expect(fixture.field("Authorization")?.contains("Credential=AKID/20260102/us-east-1/sqs/") == true)
        fixture.http.answer("SendMessage", "{}")
        #expect(fixture.results == [.success(Array("{}".utf8))])
    }

    @Test("tries a request again after a fault of service or connection, four times in all")
    func retries() throws {
        let fixture = try Fixture()
        fixture.call()
        fixture.http.answer("SendMessage", status: 500, "oops")
        try fixture.waitForRequest()
        fixture.http.fail("SendMessage")
        try fixture.waitForRequest()
        fixture.http.answer("SendMessage", status: 400, self.refusal("RequestThrottled"))
        try fixture.waitForRequest()
        #expect(fixture.results.isEmpty)
        fixture.http.answer("SendMessage", status: 503, self.refusal("ServiceUnavailable"))
        #expect(fixture.results.count == 1)
        #expect(fixture.caller.requestCount == 4)
    }

    @Test("does not begin again what is not wanted any more")
    func notWanted() throws {
        let fixture = try Fixture()
        fixture.isWanted = false
        fixture.call()
        fixture.http.answer("SendMessage", status: 500, "oops")
        #expect(fixture.results.count == 1)
        #expect(fixture.http.pending.isEmpty)
    }

    @Test("does not repeat what would be refused again")
    func permanent() throws {
        let fixture = try Fixture()
        fixture.call()
        fixture.http.answer("SendMessage", status: 403, self.refusal("AccessDeniedException"))
        #expect(fixture.results.count == 1)
        #expect(fixture.http.pending.isEmpty)
    }

    @Test("corrects the clock by the service's and signs again at once")
    func skew() throws {
        let fixture = try Fixture()
        fixture.call()
        fixture.http.answer(
            "SendMessage",
            status: 403,
            date: "Fri, 02 Jan 2026 01:00:00 GMT",
            self.refusal("RequestTimeTooSkewed")
        )
        #expect(fixture.signedDate == "20260102T010000Z")
        fixture.http.answer("SendMessage", "{}")
        #expect(fixture.results.count == 1)
        fixture.call()
        #expect(fixture.signedDate == "20260102T010000Z", "the correction stays")
    }

    @Test("asks for other credentials when they have expired, and goes on with them")
    func expired() throws {
        let fixture = try Fixture()
        fixture.credentials.next = try Credentials(accessKeyID: "NEW", secretAccessKey: "s", sessionToken: "token")
        fixture.call()
        fixture.http.answer("SendMessage", status: 403, self.refusal("ExpiredTokenException"))
        #expect(fixture.credentials.refusedKeys == ["AKID"])
        #expect(fixture.field("Authorization")?.contains("Credential=NEW/") == true)
        #expect(fixture.field("X-Amz-Security-Token") == "token")
    }

    @Test("requests wait for the first credentials together, and fail together when there are none")
    func waiting() throws {
        let fixture = try Fixture(key: nil)
        fixture.call()
        fixture.call()
        #expect(fixture.http.pending.isEmpty)
        #expect(fixture.credentials.waiting.count == 1)
        fixture.credentials.arrive(.failure(.noSource))
        #expect(fixture.results.count == 2)
        fixture.call()
        fixture.credentials.arrive(.success(try Credentials(accessKeyID: "A", secretAccessKey: "s")))
        #expect(fixture.http.pending.count == 1)
    }

    @Test("after close nothing is answered any more")
    func closed() throws {
        let fixture = try Fixture()
        fixture.call()
        fixture.caller.close()
        fixture.http.answer("SendMessage", "{}")
        #expect(fixture.results.isEmpty)
        #expect(fixture.http.isClosed)
    }
}
