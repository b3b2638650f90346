import Testing
import Traces

@testable import Sidecar

@Suite("Hop tracer")
struct HopTracerTests {
    static let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    /// A fixture with a tracer, and the spans it made.
    private final class Recorder {
        let fixture: PipelineFixture
        var spans: [Span] = []

        init(_ fixture: PipelineFixture, hasGateway: Bool = false) {
            self.fixture = fixture
            fixture.pipeline.tracer = HopTracer(
                actorName: "own",
                queueName: "asya-own",
                system: "rabbitmq",
                hasGateway: hasGateway,
                export: { [unowned self] in self.spans += $0 }
            )
            fixture.clock.wallClock = 1_700_000_000_000_000_000
        }

        func pass(_ milliseconds: Int64) {
            self.fixture.clock.now = self.fixture.clock.now + .milliseconds(milliseconds)
            self.fixture.clock.wallClock += milliseconds * 1_000_000
        }

        /// Name and whole milliseconds of each span.
        var lengths: [String] { self.spans.map { "\($0.name) \(($0.end - $0.start) / 1_000_000)" } }
    }

    private static func envelope(_ headers: String) -> String {
        #"{"id":"x","route":{"actors":["own","next"],"current":0},"headers":\#(headers),"payload":1}"#
    }

    private static let traced = envelope(#"{"traceparent":"\#(traceparent)"}"#)

    @Test("a hop has a span with a part for each stage, below the span that the envelope names")
    func stages() throws {
        let recorder = Recorder(PipelineFixture())
        recorder.fixture.deliver(Self.traced)
        recorder.pass(3)
        recorder.fixture.endTurn()
        recorder.pass(20)
        recorder.fixture.reply(to: ["next"])
        recorder.pass(5)
        recorder.fixture.settle(0..<1, .accepted)
        #expect(recorder.lengths == ["process own 28", "wait 3", "runtime 20", "publish 5"])
        let hop = try #require(recorder.spans.first)
        #expect(hop.parentID?.hexadecimal == "00f067aa0ba902b7" && hop.kind == .consumer && hop.failure == nil)
        #expect(hop.start == 1_700_000_000_000_000_000)
        #expect(recorder.spans.allSatisfy { $0.traceID == hop.traceID })
        #expect(recorder.spans.dropFirst().allSatisfy { $0.parentID == hop.id })
        #expect(hop.attributes.contains(Span.Attribute("messaging.message.id", "x")))
        #expect(hop.attributes.contains(Span.Attribute("asya.publications", 1)))
    }

    @Test("with a gateway, what is waited for it is a part of its own")
    func gatewayPart() {
        let recorder = Recorder(PipelineFixture(), hasGateway: true)
        recorder.fixture.deliver(Self.traced)
        recorder.fixture.endTurn()
        recorder.fixture.reply(to: ["next"])
        recorder.fixture.settle(0..<1, .accepted)
        #expect(recorder.spans.map(\.name) == ["process own", "wait", "runtime", "gateway", "publish"])
    }

    @Test(
        "without a sampled context there are no spans",
        arguments: [
            "{}", #"{"traceparent":"nonsense"}"#, #"{"traceparent":7}"#,
            #"{"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"}"#,
        ]
    )
    func notSampled(headers: String) {
        let recorder = Recorder(PipelineFixture())
        recorder.fixture.deliver(Self.envelope(headers))
        recorder.fixture.endTurn()
        recorder.fixture.reply(to: ["next"])
        recorder.fixture.settle(0..<1, .accepted)
        #expect(recorder.fixture.broker.acknowledged == [1])
        #expect(recorder.spans.isEmpty)
    }

    @Test("the envelope's bytes are published with the context they came with")
    func bytesUnchanged() {
        let recorder = Recorder(PipelineFixture())
        recorder.fixture.deliver(Self.traced)
        recorder.fixture.endTurn()
        recorder.fixture.reply(to: ["next"])
        #expect(recorder.fixture.broker.published[0].body.contains(#"{"traceparent":"\#(Self.traceparent)"}"#))
    }

    @Test("an error reply is a failed hop")
    func errorReply() {
        let recorder = Recorder(PipelineFixture())
        recorder.fixture.deliver(Self.traced)
        recorder.fixture.endTurn()
        recorder.fixture.reply(#"[{"error":"processing_error"}]"#)
        recorder.fixture.settle(0..<1, .accepted)
        #expect(recorder.spans.first?.failure == "sent to the error end")
    }

    @Test("a message that is given back is one failed hop, and its next delivery another one")
    func givenBack() {
        let recorder = Recorder(PipelineFixture(isEndActor: true))
        recorder.fixture.deliver(Self.envelope(#"{"traceparent":"\#(Self.traceparent)"}"#))
        recorder.fixture.endTurn()
        recorder.fixture.reply(#"[{"error":"processing_error"}]"#)
        #expect(recorder.spans.filter { $0.kind == .consumer }.map(\.failure) == ["runtime_error"])
        recorder.pass(60_000)
        recorder.fixture.pipeline.tick()
        recorder.fixture.endTurn()
        #expect(recorder.spans.filter { $0.kind == .consumer }.count == 1)
    }

    @Test("a message that the handler never saw leaves no span")
    func neverStarted() {
        let recorder = Recorder(PipelineFixture())
        recorder.fixture.deliver(Self.traced)
        recorder.fixture.pipeline.drain()
        #expect(recorder.fixture.broker.released == [1])
        #expect(recorder.spans.isEmpty)
    }
}
