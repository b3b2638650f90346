import MCP
import Testing

@Suite struct ProtocolTests {
    @Test(
        arguments: [
            (nil, "{}", Era.legacy), ("2025-11-25", "{}", .legacy), ("2024-11-05", "{}", .legacy),
            ("2026-07-28", "{}", .modern), ("v999", "{}", .modern), ("", "{}", .modern),
            ("2024-10-07", "{}", .modern),
            (nil, #"{"params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"x"}}}"#, .modern),
            ("2025-06-18", #"{"params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"x"}}}"#, .modern),
            (nil, #"{"params":{"_meta":{}}}"#, .legacy), (nil, "[]", .legacy),
        ] as [(String?, String, Era)]
    )
    func theEraOfAMessage(header: String?, body: String, era: Era) throws {
        #expect(Era(versionHeader: header, message: try JSONTree(parsing: body)) == era)
    }

    @Test(
        arguments: [
            (nil, "2025-03-26"), ("2024-11-05", "2024-11-05"), ("2025-03-26", "2025-03-26"),
            ("2025-06-18", "2025-06-18"), ("2025-11-25", "2025-11-25"), ("2026-07-28", "2025-11-25"),
            ("nonsense", "2025-11-25"), ("", "2025-11-25"),
        ] as [(String?, String)]
    )
    func theVersionOfAHandshake(requested: String?, version: String) {
        #expect(ProtocolVersion.negotiated(requested: requested).rawValue == version)
    }

    @Test func codesAndTheirStatuses() {
        let statuses = RPCError.Code.allCases.map { code -> [Int] in
            let error = RPCError(code, "")
            return [code.rawValue, error.modernStatus, error.legacyStatus]
        }
        #expect(
            statuses == [
                [-32700, 400, 400], [-32600, 400, 200], [-32601, 404, 200], [-32602, 400, 200], [-32603, 200, 200],
                [-32020, 400, 200], [-32021, 400, 200], [-32022, 400, 200],
            ]
        )
    }

    struct Shape: Sendable, CustomTestStringConvertible {
        var body: String
        /// `nil`: accepted.
        var legacy: Int?
        var modern: Int?
        var testDescription: String { self.body }
    }

    static let shapes: [Shape] = [
        Shape(body: #"{"jsonrpc":"2.0","id":1,"method":"m"}"#),
        Shape(body: #"{"jsonrpc":"2.0","id":"x","method":"m","params":{}}"#),
        Shape(body: #"{"jsonrpc":"2.0","method":"m"}"#),
        Shape(body: #"{"jsonrpc":"2.0","id":1.5,"method":"m"}"#, legacy: nil, modern: -32600),
        Shape(body: #"{"jsonrpc":"2.0","id":null,"method":"m"}"#, legacy: -32600, modern: -32600),
        Shape(body: #"{"jsonrpc":"2.0","id":{},"method":"m"}"#, legacy: -32600, modern: -32600),
        Shape(body: #"{"jsonrpc":"1.0","id":1,"method":"m"}"#, legacy: -32600, modern: -32600),
        Shape(body: #"{"id":1,"method":"m"}"#, legacy: -32600, modern: -32600),
        Shape(body: #"{"jsonrpc":"2.0","id":1,"method":3}"#, legacy: -32600, modern: -32600),
        Shape(body: #"{"jsonrpc":"2.0","id":1,"method":"m","params":[]}"#, legacy: -32600, modern: -32600),
        Shape(body: #"{"jsonrpc":"2.0","id":1,"method":"m","params":null}"#, legacy: nil, modern: -32600),
        Shape(body: #"{"jsonrpc":"2.0","id":1,"result":{}}"#, legacy: nil, modern: -32600),
        Shape(body: #"{"jsonrpc":"2.0","id":1}"#, legacy: nil, modern: -32600),
        Shape(body: #"{"jsonrpc":"2.0"}"#, legacy: -32600, modern: -32600),
        Shape(body: #"[{"jsonrpc":"2.0","id":1,"method":"m"}]"#, legacy: -32700, modern: -32600),
        Shape(body: "[]", legacy: -32700, modern: -32600),
        Shape(body: "3", legacy: -32700, modern: -32600),
    ]

    @Test(arguments: shapes, [Era.legacy, .modern]) func theShapeOfMessages(shape: Shape, era: Era) throws {
        let body = Array(shape.body.utf8)
        let expected = era == .legacy ? shape.legacy : shape.modern
        do throws(MessageFault) {
            _ = try IncomingMessage(try IncomingMessage.document(body), body: body, era: era)
            #expect(expected == nil)
        } catch {
            #expect(error.error.code.rawValue == expected)
        }
    }

    @Test(arguments: ["", "{", "nope", #"{"jsonrpc":"2.0","id":1,"method":"m"} x"#])
    func aBodyThatIsNoJSONIsAParseError(text: String) throws {
        let fault = try #require(throws: MessageFault.self) { try IncomingMessage.document(Array(text.utf8)) }
        #expect(fault.error == RPCError(.parseError, "request body is not valid json"))
        #expect(fault.id == nil)
    }

    @Test func theIDIsEchoedEvenOfABadMessage() throws {
        let body = Array(#"{"jsonrpc":"1.0","id":"seven","method":"m"}"#.utf8)
        let document = try IncomingMessage.document(body)
        let fault = try #require(throws: MessageFault.self) {
            try IncomingMessage(document, body: body, era: .modern)
        }
        #expect(fault.id == .string("seven"))
    }

    @Test func argumentsAreKeptAsReceived() throws {
        let body = Array(
            #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"arguments":{"no":1},"arguments": {"n": 1.0e2, "z":"\u00e9"} }}"#
                .utf8
        )
        let message = try IncomingMessage(try IncomingMessage.document(body), body: body, era: .legacy)
        #expect(message.argumentsBytes.map { String(decoding: $0, as: UTF8.self) } == #"{"n": 1.0e2, "z":"\u00e9"}"#)
    }

    @Test(
        arguments: [
            (nil, true), ("http://localhost", true), ("http://localhost:3000", true), ("https://127.0.0.1:8443", true),
            ("http://[::1]:5", true), ("HTTP://LOCALHOST", true), ("https://app.example.org", true),
            ("https://evil.example.com", false), ("http://localhost.evil.com", false), ("http://localhost:", false),
            ("http://localhost:80:80", false), ("http://localhost:x", false), ("http://127.0.0.1.nip.io", false),
            ("null", false), ("", false), ("ftp://localhost", false), ("http://app.example.org", false),
        ] as [(String?, Bool)]
    )
    func onlyLoopbackAndConfiguredOriginsAreServed(origin: String?, isAccepted: Bool) {
        #expect(OriginRule(allowed: ["https://app.example.org"]).accepts(origin) == isAccepted)
    }

    @Test(
        arguments: [
            (nil, true, true), ("", true, true), ("*/*", true, true), ("application/json", true, false),
            ("text/event-stream", false, true), ("application/json, text/event-stream", true, true),
            ("application/*;q=0.5", true, false), ("text/html", false, false),
            ("*/*, application/json;q=0", false, true), ("Application/JSON ; q=0.0 , */*", false, true),
            (",;", false, false),
        ] as [(String?, Bool, Bool)]
    )
    func theAcceptField(field: String?, json: Bool, eventStream: Bool) {
        #expect(AcceptedMedia(field) == AcceptedMedia(json: json, eventStream: eventStream))
    }

    @Test(
        arguments: [
            ("plain", "plain"), ("", ""), ("=?base64?R3LDvMOfZQ==?=", "Grüße"), ("=?base64??=", ""),
            ("=?base64?R3LDvMOfZQ=?=", nil), ("=?base64?R3LDvMOfZQ?=", nil), ("=?base64?R3-_?=", nil),
            ("=?base64?/w==?=", nil), ("=?base64?QQ==", "=?base64?QQ=="), ("QQ==?=", "QQ==?="),
            ("=?BASE64?QQ==?=", "=?BASE64?QQ==?="), ("=?base64?QR==?=", nil), ("=?base64?=", "=?base64?="),
        ] as [(String, String?)]
    )
    func mirroredValues(field: String, value: String?) {
        #expect(MirroredValue.decoded(field) == value)
    }

    @Test func eventsCarryJSONWithLineBreaks() {
        let event = EventStream.message(Array("{\n\"a\":\r\n1}".utf8), id: "7")
        #expect(String(decoding: event, as: UTF8.self) == "id: 7\nevent: message\ndata: {\ndata: \"a\":\ndata: 1}\n\n")
        #expect(String(decoding: EventStream.opening(id: "7"), as: UTF8.self) == "id: 7\ndata:\n\n")
    }
}
