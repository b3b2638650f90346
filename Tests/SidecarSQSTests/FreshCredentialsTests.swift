import AWS
import Logging
import Sidecar
import Support
import Testing

@testable import SidecarSQS

@Suite("FreshCredentials")
struct FreshCredentialsTests {
    private final class Fixture {
        let loop: EventLoop
        let http = FakeHTTP()
        let credentials: FreshCredentials
        var now: Int64 = 1_767_312_000
        var results: [Result<Credentials, CredentialError>] = []

        init(_ variables: [String: String]) throws {
            let loop = try EventLoop()
            self.loop = loop
            let chain = CredentialChain(
                environment: EnvironmentReader(variables),
                files: SharedConfiguration(credentials: nil, config: nil),
                region: "us-east-1"
            )
            var clock: () -> Int64 = { 0 }
            self.credentials = try FreshCredentials(
                loop: loop,
                http: self.http,
                source: try chain.source(),
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
                clock: { clock() }
            )
            clock = { [unowned self] in self.now }
        }

        static func container() throws -> Fixture {
            try Fixture(["AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://localhost/credentials"])
        }

        func ask() { self.credentials.whenAvailable { self.results.append($0) } }

        /// Turns the loop until the condition holds, with a limit.
        func run(until condition: @escaping () -> Bool) throws {
            let deadline = self.loop.now + .seconds(60)
            let ticker = try LoopTimer(loop: self.loop) {}
            self.loop.turnEnded = { [unowned self] in
                guard !condition(), self.loop.now < deadline else { return self.loop.stop() }
                ticker.start(after: .milliseconds(1))
            }
            ticker.start(after: .zero)
            self.loop.run()
        }

        func answer(_ key: String, status: Int = 200) {
            guard let pending = self.http.pending.first else { return }
            let text =
                #"{"AccessKeyId":"\#(key)","SecretAccessKey":"s","Token":"t","Expiration":"2026-01-02T01:00:00Z"}"#
            self.http.answer(pending.action, status: status, text)
        }
    }

    @Test("keys of the environment are there after the first question, without any request")
    func environment() throws {
        let fixture = try Fixture(["AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "s"])
        #expect(fixture.credentials.current == nil)
        fixture.ask()
        try fixture.run { !fixture.results.isEmpty }
        #expect(fixture.credentials.current?.accessKeyID == "AKID")
        #expect(fixture.http.pending.isEmpty)
    }

    @Test("everybody who waits hears of one fetch, which does not go through a proxy")
    func container() throws {
        let fixture = try Fixture.container()
        fixture.ask()
        fixture.ask()
        try fixture.run { !fixture.http.pending.isEmpty }
        #expect(fixture.http.pending.count == 1)
        #expect(fixture.http.pending.first?.request.usesProxy == false)
        fixture.answer("ASIA1")
        #expect(fixture.results.count == 2)
        #expect(fixture.credentials.current?.sessionToken == "t")
    }

    @Test("a failed fetch is told, and asked for again later")
    func failure() throws {
        let fixture = try Fixture.container()
        fixture.ask()
        try fixture.run { !fixture.http.pending.isEmpty }
        fixture.answer("", status: 500)
        #expect(fixture.results.count == 1)
        #expect(fixture.credentials.current == nil)
        fixture.ask()
        try fixture.run { fixture.results.count == 2 }
        #expect(fixture.http.pending.isEmpty, "not at once")
        fixture.now += 60
        fixture.ask()
        try fixture.run { !fixture.http.pending.isEmpty }
        fixture.answer("ASIA2")
        #expect(fixture.credentials.current?.accessKeyID == "ASIA2")
    }

    @Test("refused ones are not used any more, and others are fetched at once")
    func refused() throws {
        let fixture = try Fixture.container()
        fixture.ask()
        try fixture.run { !fixture.http.pending.isEmpty }
        fixture.answer("ASIA1")
        let first = try #require(fixture.credentials.current)
        fixture.credentials.refused(first)
        #expect(fixture.credentials.current == nil)
        #expect(fixture.http.pending.count == 1)
        fixture.answer("ASIA2")
        fixture.credentials.refused(first)
        #expect(fixture.credentials.current?.accessKeyID == "ASIA2", "a late refusal of the old ones")
    }
}
