import Envelope
import Testing

/// envelope.md 7.
@Suite("RuntimeReply")
struct RuntimeReplyTests {
    /// The disposition as a word, and the error's text when the reply is invalid.
    static func judge(_ text: String) -> String {
        withExactBytes(text) { bytes in
            do throws(ReplyError) {
                let reply = try RuntimeReply.scan(bytes)
                switch reply.disposition {
                case .empty: return "empty"
                case .failed(let element): return "failed " + (element.errorToken?.string(in: bytes) ?? "")
                case .missingRoute: return "missing route"
                case .success: return "success \(reply.elementCount)"
                }
            } catch {
                return error.description
            }
        }
    }

    @Test(
        "what a reply means",
        arguments: [
            ("[]", "empty"), ("null", "empty"), (" [ ] ", "empty"), ("\nnull ", "empty"),
            (#"[{"route":{}}]"#, "success 1"), (#"[{"route":{"actors":["a"],"current":1},"payload":1}]"#, "success 1"),
            (#"[{"route":{}},{"route":{}} , {"route":{}}]"#, "success 3"), ("[{}]", "missing route"),
            ("[null]", "missing route"), (#"[{"route":null,"payload":1}]"#, "missing route"),
            (#"[{"route":{}},{}]"#, "missing route"), (#"[{"error":"x"}]"#, "failed x"),
            (#"[{"error":""}]"#, "missing route"), (#"[{"error":"","route":{}}]"#, "success 1"),
            (#"[{"error":null,"route":{}}]"#, "success 1"),
            (#"[{"route":{}},{"error":"y"},{"error":"z"}]"#, "failed y"),
            (#"[{},{"error":"y"}]"#, "failed y"), (#"[{"error":"x","route":5,"headers":[],"payload":1}]"#, "failed x"),
            (#"[{"error":"x","details":null}]"#, "failed x"), (#"[{"\u0065rror":"\u0078"}]"#, "failed x"),
            (#"[{"error":"x","error":""}]"#, "missing route"), (#"[{"route":{},"headers":null}]"#, "success 1"),
            (#"[{"route":{},"metrics":5,"unknown":[]}]"#, "success 1"),
        ]
    )
    func judges(reply: String, meaning: String) {
        #expect(Self.judge(reply) == meaning)
    }

    @Test(
        "invalid replies",
        arguments: [
            ("{}", "the top-level value is not an array"), ("5", "the top-level value is not an array"),
            ("\"x\"", "the top-level value is not an array"), ("true", "the top-level value is not an array"),
            ("", "unexpected end of input at offset 0"), ("[", "unexpected end of input at offset 1"),
            ("[{}", "unexpected end of input at offset 3"), ("[{},]", "unexpected character at offset 4"),
            ("[,{}]", "unexpected character at offset 1"), ("[{} {}]", "unexpected character at offset 4"),
            ("[]x", "unexpected character after the top-level value at offset 2"),
            ("[{}]x", "unexpected character after the top-level value at offset 4"),
            ("[NaN]", "unexpected character at offset 1"), ("{\"a\":NaN}", "unexpected character at offset 5"),
            ("nul", "unexpected end of input at offset 3"), ("[{]", "unexpected character at offset 2"),
            ("[5]", "an element of the reply must be an object (at offset 1)"),
            ("[[]]", "an element of the reply must be an object (at offset 1)"),
            (#"[{"route":[]}]"#, "field 'route' must be an object (at offset 10)"),
            (#"[{"route":{"actors":5}}]"#, "field 'route.actors' must be an array (at offset 20)"),
            (#"[{"route":{"actors":[5]}}]"#, "field 'route.actors' must contain only strings (at offset 21)"),
            (#"[{"route":{"current":0.0}}]"#, "field 'route.current' must be an integer (at offset 21)"),
            (#"[{"route":{},"headers":5}]"#, "field 'headers' must be an object (at offset 23)"),
            (#"[{"error":5}]"#, "field 'error' must be a string (at offset 10)"),
            (#"[{"error":"x","details":[]}]"#, "field 'details' must be an object (at offset 24)"),
            (#"[{"error":"x"},{"route":[]}]"#, "field 'route' must be an object (at offset 24)"),
        ]
    )
    func refuses(reply: String, reason: String) {
        #expect(Self.judge(reply) == "failed to parse runtime response: " + reason)
    }

    @Test("every beginning of a reply that is shorter is refused")
    func refusesTruncation() {
        let reply = #"[{"payload":{"a":[1,2]},"route":{"actors":["x"],"current":1},"headers":{"h":"é"}},{"error":"e"}]"#
        for count in 0..<reply.utf8.count {
            let start = Array(reply.utf8.prefix(count))
            #expect(throws: ReplyError.self) { try withExactBytes(start) { _ = try RuntimeReply.scan($0) } }
        }
    }

    @Test("the parts of an element")
    func readsElement() throws {
        let text =
            #"[{"payload":{"a":1},"route":{"actors":["x","y"],"current":1,"metadata":{"m":1}},"headers":{"h":2},"#
            + #""error":"","details":{"message":"m"},"metrics":[{"name":"n","value":1}]}]"#
        try withExactBytes(text) { bytes in
            func part(_ range: Range<Int>?) -> String? { range.map { String(decoding: bytes[$0], as: UTF8.self) } }
            let element = try #require(try RuntimeReply.scan(bytes).firstElement)
            #expect(part(element.payloadRange) == #"{"a":1}"#)
            #expect(element.route?.current == 1)
            #expect(element.destination?.string(in: bytes) == "y")
            #expect(part(element.route?.metadataRange) == #"{"m":1}"#)
            #expect(part(element.headersRange) == #"{"h":2}"#)
            #expect(part(element.detailsRange) == #"{"message":"m"}"#)
            #expect(part(element.metricsRange) == #"[{"name":"n","value":1}]"#)
            #expect(element.errorToken == nil)
        }
    }

    @Test("the elements of a fan-out come in order")
    func listsElements() throws {
        let text =
            "[" + (0..<100).map { #"{"route":{"actors":["a\#($0)"]},"payload":\#($0)}"# }.joined(separator: " ,\n")
            + "]"
        try withExactBytes(text) { bytes in
            let reply = try RuntimeReply.scan(bytes)
            #expect(reply.elementCount == 100)
            for _ in 0..<2 {
                let names = reply.elements(in: bytes).map { $0.destination?.string(in: bytes) }
                #expect(names == (0..<100).map { "a\($0)" })
            }
        }
        try withExactBytes("null") { bytes in
            let reply = try RuntimeReply.scan(bytes)
            #expect(Array(reply.elements(in: bytes)).isEmpty)
        }
    }
}
