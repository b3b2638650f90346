import Testing

@testable import Traces

@Suite("Trace context")
struct TraceContextTests {
    static let valid = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    @Test("the standard's example is read and written back")
    func example() throws {
        let context = try #require(TraceContext(traceparent: Self.valid))
        #expect(context.traceID.hexadecimal == "4bf92f3577b34da6a3ce929d0e0e4736")
        #expect(context.parentID.hexadecimal == "00f067aa0ba902b7")
        #expect(context.isSampled)
        #expect(context.traceparent == Self.valid)
    }

    @Test("only the lowest flag means sampled", arguments: [("00", false), ("01", true), ("02", false), ("ff", true)])
    func flags(text: String, isSampled: Bool) {
        let context = TraceContext(traceparent: String(Self.valid.dropLast(2)) + text)
        #expect(context?.isSampled == isSampled)
    }

    @Test("a later version may have more behind the flags")
    func laterVersion() {
        #expect(TraceContext(traceparent: "cc" + Self.valid.dropFirst(2) + "-what-comes") != nil)
        #expect(TraceContext(traceparent: "cc" + Self.valid.dropFirst(2)) != nil)
    }

    @Test(
        "everything else is no context",
        arguments: [
            "", "00", "00-", String(valid.dropLast()), valid + "-", valid + "0", valid.uppercased(),
            "ff" + valid.dropFirst(2), "cc" + valid.dropFirst(2) + "0", "0g" + valid.dropFirst(2),
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473é-00f067aa0ba902b7-01",
        ]
    )
    func malformed(text: String) {
        #expect(TraceContext(traceparent: text) == nil)
    }

    @Test("random identifiers are never zero, even when the generator gives nothing but zeros")
    func randomIdentifiers() {
        var zeros = ZeroGenerator()
        #expect(SpanID.random(using: &zeros).rawValue != 0)
        #expect(TraceID.random(using: &zeros) != TraceID(high: 0, low: 0))
    }
}

private struct ZeroGenerator: RandomNumberGenerator {
    mutating func next() -> UInt64 { 0 }
}
