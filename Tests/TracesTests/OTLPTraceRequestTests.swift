import Support
import Testing

@testable import Traces

@Suite("OTLP trace request")
struct OTLPTraceRequestTests {
    static let span = Span(
        traceID: TraceID(high: 1, low: 2),
        id: SpanID(rawValue: 3),
        parentID: SpanID(rawValue: 4),
        name: "process \"infer\"",
        kind: .consumer,
        start: 1_700_000_000_000_000_001,
        end: 1_700_000_000_500_000_000,
        attributes: [Span.Attribute("a", "b"), Span.Attribute("n", 7)],
        failure: "no room"
    )

    @Test("a span is written as the protocol's JSON encoding wants it")
    func encoding() throws {
        let bytes = OTLPTraceRequest.encode([Self.span], serviceName: "asya-infer")
        #expect(
            String(decoding: bytes, as: UTF8.self) == """
                {"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"asya-infer"}}]},\
                "scopeSpans":[{"scope":{"name":"asya","version":"\(BuildVersion.current)"},"spans":[{\
                "traceId":"00000000000000010000000000000002","spanId":"0000000000000003","parentSpanId":"0000000000000004",\
                "name":"process \\"infer\\"","kind":5,"startTimeUnixNano":"1700000000000000001",\
                "endTimeUnixNano":"1700000000500000000","attributes":[{"key":"a","value":{"stringValue":"b"}},\
                {"key":"n","value":{"intValue":"7"}}],"status":{"code":2,"message":"no room"}}]}]}]}
                """
        )
    }

    @Test("a span that ends before it starts has no length")
    func negativeLength() {
        var span = Self.span
        span = Span(
            traceID: span.traceID,
            id: span.id,
            parentID: nil,
            name: "x",
            kind: .internal,
            start: 10,
            end: 5
        )
        #expect(span.end == 10)
    }
}

@Suite("Span queue")
struct SpanQueueTests {
    @Test("what finds no room is dropped and counted once")
    func overflow() {
        var queue = SpanQueue(spanLimit: 2)
        for _ in 0..<5 { queue.append(OTLPTraceRequestTests.span) }
        #expect(queue.count == 2)
        #expect(queue.takeDroppedCount() == 3)
        #expect(queue.takeDroppedCount() == 0)
    }

    @Test("batches are bounded and in order")
    func batches() {
        var queue = SpanQueue()
        for number in 0..<(SpanQueue.batchLimit + 3) {
            var span = OTLPTraceRequestTests.span
            span.name = String(number)
            queue.append(span)
        }
        #expect(queue.hasFullBatch)
        let first = queue.takeBatch()
        #expect(first.count == SpanQueue.batchLimit)
        #expect(first.first?.name == "0")
        #expect(!queue.hasFullBatch)
        #expect(queue.takeBatch().map(\.name) == ["512", "513", "514"])
        #expect(queue.takeBatch().isEmpty)
    }
}

@Suite("Tracing configuration")
struct TracingConfigurationTests {
    private func configuration(_ variables: [String: String]) -> (TracingConfiguration?, [String]) {
        var reader = EnvironmentReader(variables)
        let configuration = TracingConfiguration(&reader, defaultServiceName: "asya-infer")
        return (configuration, reader.warnings)
    }

    @Test("without an endpoint, or switched off, nothing is traced")
    func off() {
        #expect(self.configuration([:]).0 == nil)
        let variables = ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_SDK_DISABLED": "true"]
        #expect(self.configuration(variables).0 == nil)
    }

    @Test(
        "the path is added to the base URL only",
        arguments: [
            (["OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"], "http://c:4318/v1/traces"),
            (["OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318/"], "http://c:4318/v1/traces"),
            (["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/x"], "http://c:4318/x"),
        ]
    )
    func endpoint(variables: [String: String], expected: String) {
        #expect(self.configuration(variables).0?.endpoint == expected)
    }

    @Test("headers are decoded; a malformed one is left out without being shown")
    func headers() {
        let (configuration, warnings) = self.configuration([
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_SERVICE_NAME": "mine",
            "OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Bearer%20abc, x-team = vision ,broken,a%3Ab=1,c=%zz,"
                + "d=a%0Ab,e=%+5",
        ])
        #expect(
            configuration?.headers == [
                .init(name: "Authorization", value: "Bearer abc"), .init(name: "x-team", value: "vision"),
                .init(name: "a%3Ab", value: "1"),
            ]
        )
        #expect(configuration?.serviceName == "mine")
        #expect(warnings.count == 4)
        #expect(!warnings.contains { $0.contains("broken") })
    }
}
