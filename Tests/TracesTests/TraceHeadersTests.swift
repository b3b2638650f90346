import Testing

@testable import Traces

@Suite("Trace headers")
struct TraceHeadersTests {
    static let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    private func read(_ json: String) -> TraceHeaders? {
        Array(json.utf8).withUnsafeBytes { TraceHeaders(headersJSON: $0) }
    }

    private func state(_ headers: TraceHeaders?) -> String? {
        headers.map { String(decoding: $0.tracestate, as: UTF8.self) }
    }

    @Test("both are found among other headers, the last of equal names counts, escapes are resolved")
    func found() throws {
        let headers = try #require(
            self.read(
                #"{"n":1,"traceparent":"x","tracestate":"a=\"1\"","o":{"traceparent":2},"traceparent":"\#(Self.parent)"}"#
            )
        )
        #expect(String(decoding: headers.traceparent, as: UTF8.self) == Self.parent)
        #expect(self.state(headers) == #"a="1""#)
        #expect(headers.context.isSampled && headers.context.parentID.hexadecimal == "00f067aa0ba902b7")
        #expect(self.read(#"{"traceparent":"\#(Self.parent.dropLast())\u0031"}"#) != nil)
    }

    @Test(
        "without a valid parent there is no trace",
        arguments: [
            "", "{}", "[]", "null", "{", #"{"tracestate":"a=1"}"#, #"{"traceparent":null}"#, #"{"traceparent":7}"#,
            #"{"traceparent":""}"#, #"{"traceparent":"nonsense","tracestate":"a=1"}"#,
            #"{"traceparent":"00-00000000000000000000000000000000-00f067aa0ba902b7-01"}"#,
            #"{"traceparent":"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}"#,
            #"{"Traceparent":"\#(parent)"}"#, #"{"traceparent":"\#(parent)","traceparent":"later"}"#,
            #"{"traceparent":"cc\#(parent.dropFirst(2))-é"}"#,
            #"{"traceparent":"cc\#(parent.dropFirst(2))-\#(String(repeating: "x", count: 100))"}"#,
        ]
    )
    func none(json: String) {
        #expect(self.read(json) == nil)
    }

    @Test(
        "a state that may not be passed on is left out",
        arguments: [
            (#""a=1,b=2""#, "a=1,b=2"), (#""a=\t""#, ""), (#""a=ü""#, ""), ("7", ""), (#""""#, ""),
            ("\"\(String(repeating: "x", count: 512))\"", String(repeating: "x", count: 512)),
            ("\"\(String(repeating: "x", count: 513))\"", ""),
        ]
    )
    func states(json: String, expected: String) {
        #expect(self.state(self.read(#"{"traceparent":"\#(Self.parent)","tracestate":\#(json)}"#)) == expected)
    }
}
