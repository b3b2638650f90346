import Envelope
import Foundation
import Testing

/// envelope.md 8: exact bytes of error envelopes.
@Suite("ErrorEnvelope")
struct ErrorEnvelopeTests {
    /// A row of `Tests/Fixtures/envelopes/error-envelopes.json`; actors of other languages test with them too.
    struct Row: Decodable, CustomTestStringConvertible, Sendable {
        let name: String
        /// The message, as text or, when it is not UTF-8, in base64.
        let input: String?
        let inputBase64: String?
        /// `payload.error`, when the message itself can be read.
        let error: String?
        /// The runtime's reply, when its first element is the error.
        let reply: String?
        let output: String
        var testDescription: String { self.name }

        var message: [UInt8] {
            if let base64 = self.inputBase64, let data = Data(base64Encoded: base64) { return Array(data) }
            return Array((self.input ?? "").utf8)
        }
    }

    static let rows: [Row] = {
        let file = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Fixtures/envelopes/error-envelopes.json")
        do {
            return try JSONDecoder().decode([Row].self, from: Data(contentsOf: file))
        } catch {
            Issue.record("cannot read the fixtures: \(error)")
            return []
        }
    }()

    @Test("exact bytes", arguments: rows)
    func writes(_ row: Row) throws {
        var problem = row.error.map(ErrorEnvelope.Problem.text)
        if let reply = row.reply {
            problem = try withExactBytes(reply) { bytes in
                try RuntimeReply.scan(bytes).firstError.flatMap(ErrorEnvelope.Problem.reported)
            }
        }
        let output = errorEnvelope(for: row.message, problem: problem, reply: row.reply ?? "")
        #expect(output == row.output)
        #expect(Scanned(output).error == nil)
    }

    @Test("there are rows")
    func hasRows() { #expect(Self.rows.count >= 25) }

    @Test(
        "texts of the table",
        arguments: [
            (ErrorEnvelope.Problem.missingID, "Envelope missing required 'id' field"),
            (
                .routeMismatch(expected: "b", actual: ""),
                "Route mismatch: message routed to wrong actor (expected: b, actual: )"
            ),
            (.missingRoute, "Invalid runtime response: missing route"),
            (.deadlineExceeded, "Envelope deadline exceeded"),
            (.invalidReply(.notAnArray), "failed to parse runtime response: the top-level value is not an array"),
        ]
    )
    func names(problem: ErrorEnvelope.Problem, text: String) {
        guard case .text(let actual) = problem else {
            Issue.record("not a text")
            return
        }
        #expect(actual == text)
    }

    @Test("an element that is no error is no problem")
    func needsError() throws {
        try withExactBytes("[{}]") { bytes in
            let element = try #require(try RuntimeReply.scan(bytes).firstElement)
            #expect(ErrorEnvelope.Problem.reported(by: element) == nil)
        }
    }

    @Test("a payload that is too large is replaced by the message's size")
    func omitsPayload() {
        let output = errorEnvelope(
            for: Array(#"{"id":"i","payload":[1,2]}"#.utf8),
            problem: .text("too large"),
            omitsPayload: true
        )
        #expect(!output.contains("original_payload"))
        #expect(output.contains(#""original_byte_count":26"#))
        #expect(Scanned(output).error == nil)
        #expect(!errorEnvelope(for: Array("{invalid".utf8), omitsPayload: true).contains("original_body"))
    }

    @Test("wrapping an error envelope again keeps it an envelope")
    func wrapsRepeatedly() {
        var message = Array(#"{"id":"i","payload":{"a":[1]}}"#.utf8)
        for _ in 0..<20 { message = Array(errorEnvelope(for: message, problem: .text("again \"x\"")).utf8) }
        #expect(Scanned(message).error == nil)
    }

    @Test("base64 of every length")
    func encodesBase64() {
        for count in Array(0...20) + [766, 767, 768, 769, 770, 1535, 1536, 1537, 5000] {
            let message = [0xFF] + (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37) }
            let output = errorEnvelope(for: message)
            #expect(output.contains(#""original_body_base64":"\#(Data(message).base64EncodedString())""#))
        }
    }

    @Test("texts are escaped")
    func escapesTexts() throws {
        let text = String(String.UnicodeScalarView((0...0x7F).compactMap(UnicodeScalar.init))) + "é漢😀\u{2028}\\\""
        let output = errorEnvelope(for: Array(#"{"id":"i"}"#.utf8), problem: .text(text))
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any]
        )
        #expect((object["payload"] as? [String: Any])?["error"] as? String == text)
        let body = "not json " + text
        let wrapped = errorEnvelope(for: Array(body.utf8))
        let second = try #require(try JSONSerialization.jsonObject(with: Data(wrapped.utf8)) as? [String: Any])
        #expect((second["payload"] as? [String: Any])?["original_body"] as? String == body)
    }
}
