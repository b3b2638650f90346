import Synchronization
import Testing
import Traces

@testable import Gateway

@Suite("Call tracer")
struct CallTracerTests {
    private final class Sink: Sendable {
        private let kept = Mutex<[Span]>([])
        var spans: [Span] { self.kept.withLock { $0 } }
        func keep(_ span: Span) { self.kept.withLock { $0.append(span) } }
    }

    private let sink = Sink()
    private var tracer: CallTracer { CallTracer(system: "embedded", export: self.sink.keep) }

    private static let trace = "4bf92f3577b34da6a3ce929d0e0e4736"

    private func context(_ traceparent: String?) -> CallContext {
        var headers = ["tracestate": TraceHeaders.json("vendor=1"), "baggage": TraceHeaders.json("a=b")]
        if let traceparent { headers["traceparent"] = TraceHeaders.json(traceparent) }
        return CallContext(headers: headers)
    }

    private func parent(_ context: CallContext) -> TraceContext? {
        context.headers["traceparent"]?.document?.root.string.flatMap { TraceContext(traceparent: $0) }
    }

    @Test("a sampled context goes on with the call as its span")
    func continuing() throws {
        var context = self.context("00-\(Self.trace)-00f067aa0ba902b7-01")
        self.tracer.begin(&context, tool: "echo", route: "/mcp")
        let parent = try #require(self.parent(context))
        #expect(parent.traceID.hexadecimal == Self.trace)
        #expect(parent.isSampled)
        #expect(context.headers["tracestate"] == TraceHeaders.json("vendor=1"))
        context.span?.became(envelopeID: "e-1")
        context.span?.end()
        let span = try #require(self.sink.spans.first)
        #expect(span.name == "call echo")
        #expect(span.kind == .server)
        #expect(span.id == parent.parentID)
        #expect(span.parentID?.hexadecimal == "00f067aa0ba902b7")
        #expect(span.attributes.contains(Span.Attribute("messaging.message.id", "e-1")))
        #expect(span.failure == nil)
    }

    @Test("a context that is not sampled is passed on as it is")
    func unsampled() {
        let given = self.context("00-\(Self.trace)-00f067aa0ba902b7-00")
        var context = given
        self.tracer.begin(&context, tool: "echo", route: "/mcp")
        #expect(context.headers == given.headers)
        #expect(context.span == nil)
    }

    @Test("without a usable context a trace begins", arguments: [nil, "", "00-zz-xx-01", "garbage", "a, b"])
    func beginning(_ traceparent: String?) throws {
        var context = self.context(traceparent)
        self.tracer.begin(&context, tool: "echo", route: "/tools/call")
        #expect(try #require(self.parent(context)).isSampled)
        #expect(context.headers["tracestate"] == nil, "it belonged to another trace")
        #expect(context.headers["baggage"] != nil)
        context.span?.end()
        #expect(self.sink.spans.first?.parentID == nil)
    }

    @Test("a refusal is the span's failure, and an unknown tool names nothing")
    func failures() {
        var context = self.context(nil)
        self.tracer.begin(&context, tool: "whatever-a-client-invents", route: "/tools/call")
        context.span?.failed(.unknownTool)
        context.span?.end()
        #expect(self.sink.spans.first?.name == "call")
        #expect(self.sink.spans.first?.failure == "unknown_tool")
        #expect(self.sink.spans.first.map { "\($0)".contains("invents") } == false)
    }

    @Test("a message's span hangs under the call, also when it is sent after a restart")
    func publication() throws {
        var context = self.context(nil)
        self.tracer.begin(&context, tool: "echo", route: "/tools/call")
        let parent = try #require(self.parent(context))
        var record = EnvelopeRecord(state: EnvelopeState(id: "e", actors: ["first"]), payload: .null)
        record.headers = RawJSON(checking: #"{"traceparent":"\#(parent.traceparent)"}"#)
        let restarted = CallTracer(system: "rabbitmq", export: self.sink.keep)
        restarted.publication(of: record, byteCount: 77, to: "first")?.end(failure: "queue is closed")
        let span = try #require(self.sink.spans.last)
        #expect(span.name == "publish first")
        #expect(span.kind == .producer)
        #expect(span.traceID == parent.traceID)
        #expect(span.parentID == parent.parentID)
        #expect(span.attributes.contains(Span.Attribute("messaging.destination.name", "asya-first")))
        #expect(span.failure == "queue is closed")
    }

    @Test("envelopes outside of a trace have no spans", arguments: ["null", "{}", #"{"traceparent":7}"#])
    func untraced(_ headers: String) {
        var record = EnvelopeRecord(state: EnvelopeState(id: "e", actors: ["first"]), payload: .null)
        record.headers = RawJSON(checking: headers)
        #expect(self.tracer.publication(of: record, byteCount: 1, to: "first") == nil)
    }
}
