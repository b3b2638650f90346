import Envelope
import Testing

@testable import CLI

@Suite struct EnvelopeDraftTests {
    private func body(_ draft: EnvelopeDraft, _ payload: String) throws -> String {
        String(decoding: try draft.envelope(id: "i-1", payload: Array(payload.utf8)).body, as: UTF8.self)
    }

    @Test("the payload's bytes go in as they are, the white space around them does not")
    func payload() throws {
        let draft = EnvelopeDraft(actors: ["a", "b"], headers: [])
        #expect(
            try self.body(draft, " {\"n\": 12345678901234567890, \"e\": 1.50}\n")
                == #"{"id":"i-1","route":{"actors":["a","b"],"current":0},"payload":{"n": 12345678901234567890, "e": 1.50}}"#
        )
        #expect(try draft.envelope(id: "x", payload: Array("1".utf8)).queueName == "asya-a")
    }

    @Test("headers stand in order, of equal names the last one")
    func headers() throws {
        let headers = ["t=1", "n:=[1, 2]", "t=a \"b\""].compactMap { EnvelopeDraft.header($0) }
        let text = try self.body(EnvelopeDraft(actors: ["a"], headers: headers), "null")
        #expect(
            text
                == #"{"id":"i-1","route":{"actors":["a"],"current":0},"headers":{"n":[1, 2],"t":"a \"b\""},"payload":null}"#
        )
    }

    @Test("what the draft makes, the sidecar's scanner accepts", arguments: ["null", "\"\u{0}é\"", "[[[]]]", "-0"])
    func scanned(payload: String) throws {
        let json = payload.replacing("\u{0}", with: "\\u0000")
        let summary = EnvelopeSummary(
            try EnvelopeDraft(actors: ["a", "b"], headers: []).envelope(id: "x", payload: Array(json.utf8)).body
        )
        #expect(summary.fault == nil)
        #expect(summary.id == "x" && summary.actors == ["a", "b"] && summary.current == 0)
        #expect(summary.payload == Array(json.utf8))
    }

    @Test("a payload that is no JSON names the place", arguments: ["", " ", "x", "{", "1 2", "\"\u{1}\"", "nul"])
    func refused(payload: String) {
        #expect(throws: JSONFault.self) {
            try EnvelopeDraft(actors: ["a"], headers: []).envelope(id: "x", payload: Array(payload.utf8))
        }
    }

    @Test(
        "header arguments",
        arguments: [
            ("a=b", EnvelopeDraft.Header(name: "a", json: "\"b\"")), ("a=", .init(name: "a", json: "\"\"")),
            ("a=b=c", .init(name: "a", json: "\"b=c\"")), ("a:=true", .init(name: "a", json: "true")),
            ("a:= {} ", .init(name: "a", json: "{}")), ("a", nil), ("=b", nil), (":=1", nil), ("a:=x", nil),
            ("a:=", nil),
        ] as [(String, EnvelopeDraft.Header?)]
    )
    func headerArgument(text: String, header: EnvelopeDraft.Header?) {
        #expect(EnvelopeDraft.header(text) == header)
    }

    @Test("random ids are version 4 UUIDs and do not repeat")
    func randomIDs() {
        let ids = (0..<1000).map { _ in EnvelopeDraft.randomID() }
        #expect(Set(ids).count == 1000)
        for id in ids {
            let parts = id.split(separator: "-")
            #expect(parts.map(\.count) == [8, 4, 4, 4, 12])
            #expect(parts[2].hasPrefix("4") && "89ab".contains(parts[3].prefix(1)))
        }
    }
}

@Suite struct EnvelopeSummaryTests {
    @Test(
        "the route shows where the envelope is",
        arguments: [
            (#"{"id":"x","route":{"actors":["a","b"],"current":0},"payload":1}"#, "[a] → b"),
            (#"{"id":"x","route":{"actors":["a","b"],"current":1}}"#, "a → [b]"),
            (#"{"id":"x","route":{"actors":["a"],"current":1}}"#, "a → end"),
            (#"{"id":"x","route":{"actors":["a"],"current":-1}}"#, "a → end"), (#"{"id":"x"}"#, "-"), ("null", "-"),
        ]
    )
    func route(json: String, text: String) {
        #expect(EnvelopeSummary(Array(json.utf8)).routeText == text)
    }

    @Test("a message that is no envelope has a fault instead", arguments: ["", "{", "[]", "5", #"{"id":5}"#, "\u{FF}"])
    func fault(text: String) {
        let summary = EnvelopeSummary(Array(text.utf8))
        #expect(summary.fault != nil && summary.id == nil)
    }
}
