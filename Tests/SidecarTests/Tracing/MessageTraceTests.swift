import Testing
import Traces

@testable import Sidecar

/// What a transport that carries traces beside the body is given.
@Suite("Trace of a message")
struct MessageTraceTests {
    private static let inBody = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    private static let carried = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    private static let ofHandler = "00-0af7651916cd43dd8448eb211c80319c-1111111111111111-01"

    private static func headers(_ parent: String) -> String { #"{"traceparent":"\#(parent)"}"# }

    private func fixture(headers: String?, carries carried: String? = nil) -> PipelineFixture {
        let fixture = PipelineFixture()
        fixture.broker.carriesTraces = true
        let member = headers.map { #","headers":\#($0)"# } ?? ""
        fixture.deliver(
            #"{"id":"x","route":{"actors":["own","next"],"current":0}\#(member),"payload":1}"#,
            trace: carried.flatMap { TraceHeaders(traceparent: Array($0.utf8)) }
        )
        fixture.endTurn()
        return fixture
    }

    private func published(_ fixture: PipelineFixture) -> [String?] {
        fixture.broker.traces.map { $0.map { String(decoding: $0.traceparent, as: UTF8.self) } }
    }

    private func reply(_ headers: String?) -> String {
        let member = headers.map { #","headers":\#($0)"# } ?? ""
        return #"[{"payload":1,"route":{"actors":["own","next"],"current":1}\#(member)}]"#
    }

    @Test(
        "an envelope belongs to the trace of its headers, otherwise to that of the delivery",
        arguments: [
            (nil, nil, nil, nil),
            (headers(inBody), nil, nil, inBody),
            (headers(inBody), carried, nil, inBody),
            (nil, carried, nil, carried),
            (headers("nonsense"), carried, nil, carried),
            (nil, carried, headers(ofHandler), ofHandler),
            (headers(inBody), carried, headers(ofHandler), ofHandler),
            (headers(inBody), carried, "{}", nil),
            (nil, carried, "{}", carried),
            (nil, carried, #"{"n":1}"#, carried),
        ] as [(String?, String?, String?, String?)]
    )
    func elements(body: String?, beside: String?, reply: String?, expected: String?) {
        let fixture = self.fixture(headers: body, carries: beside)
        fixture.reply(self.reply(reply))
        #expect(self.published(fixture) == [expected])
    }

    @Test(
        "error envelopes and empty results belong to the trace of the delivery",
        arguments: ["[]", #"[{"error":"e"}]"#]
    )
    func endActors(reply: String) {
        let fixture = self.fixture(headers: nil, carries: Self.carried)
        fixture.reply(reply)
        #expect(self.published(fixture) == [Self.carried])
    }

    @Test("a transport that carries none is given none")
    func notCarried() {
        let fixture = self.fixture(headers: Self.headers(Self.inBody))
        fixture.broker.carriesTraces = false
        fixture.reply(self.reply(nil))
        #expect(self.published(fixture) == [nil])
    }

    @Test("the trace beside the body is the parent of the hop's span when the body names none")
    func span() {
        var spans: [Span] = []
        let fixture = self.fixture(headers: nil, carries: Self.carried)
        fixture.pipeline.tracer = HopTracer(
            actorName: "own",
            queueName: "asya-own",
            system: "aws_sqs",
            hasGateway: false,
            export: { spans += $0 }
        )
        fixture.reply(self.reply(nil))
        fixture.settle(0..<1, .accepted)
        #expect(spans.first?.parentID?.hexadecimal == "b7ad6b7169203331")
        #expect(spans.first?.traceID.hexadecimal == "0af7651916cd43dd8448eb211c80319c")
    }
}
