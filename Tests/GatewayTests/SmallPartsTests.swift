import Testing

@testable import Gateway

@Suite("Small parts")
struct SmallPartsTests {
    @Test("Tokens come from a file, by name, and only whole ones count")
    func tokens() {
        let tokens = TokenSet(file: "# comment\n\nalice:secret-1\n  bob : secret-2 \nplain\n")
        #expect(tokens?.name(of: "secret-1") == "alice")
        #expect(tokens?.name(of: "secret-2") == "bob")
        #expect(tokens?.name(of: "plain") == "client")
        #expect(tokens?.name(of: "secret") == nil)
        #expect(TokenSet(file: "# nothing\n") == nil)
        #expect(TokenSet(file: "alice:\n") == nil)
    }

    @Test(
        "Bearer headers",
        arguments: [
            ("Bearer abc", "abc"), ("bearer  abc", "abc"), ("Basic abc", nil), ("Bearer", nil), ("Bearer ", nil),
            (nil, nil),
        ] as [(String?, String?)]
    )
    func bearer(header: String?, token: String?) {
        #expect(Authenticator.bearerToken(header) == token)
    }

    @Test("A bucket gives its burst at once and then its rate")
    func bucket() {
        var bucket = TokenBucket(RateLimit(perSecond: 2, burst: 2), now: 0)
        #expect(bucket.take(now: 0) == nil)
        #expect(bucket.take(now: 0) == nil)
        #expect(bucket.take(now: 0) == 1)
        #expect(bucket.take(now: 500_000_000) == nil)
        #expect(bucket.take(now: 500_000_000) == 1)
        #expect(!bucket.isFull(now: 600_000_000))
        #expect(bucket.isFull(now: 2_000_000_000))
    }

    @Test(
        "JSONB gets what it can hold",
        arguments: [
            (#"{"a":"x"}"#, #"{"a":"x"}"#), (#""\u0041""#, #""\u0041""#), (#""\u0000""#, "\"\u{FFFD}\""),
            (#""\ud800""#, "\"\u{FFFD}\""), (#""\udc00x""#, "\"\u{FFFD}x\""), (#""\ud83d\ude00""#, #""\ud83d\ude00""#),
            (#""\\u0000""#, #""\\u0000""#), (#""\\\u0000""#, "\"\\\\\u{FFFD}\""),
            (#""\ud83d\u0041""#, "\"\u{FFFD}\\u0041\""),
        ]
    )
    func jsonb(text: String, expected: String) {
        #expect(String(decoding: JSONBText.storable(Array(text.utf8)), as: UTF8.self) == expected)
    }

    @Test("Replicas understand each other and not themselves")
    func notifications() {
        let ids = (0..<1000).map { "00000000-0000-0000-0000-\(100_000_000_000 + $0)" }
        let payloads = ReplicaNotification.payloads(from: "r1", ids: ids)
        #expect(payloads.allSatisfy { $0.utf8.count < 8000 })
        let heard = payloads.compactMap { ReplicaNotification.change(in: $0, ownReplica: "r2") }.flatMap { change in
            if case .envelopes(let ids) = change { return ids }
            return []
        }
        #expect(heard == ids)
        #expect(ReplicaNotification.change(in: payloads[0], ownReplica: "r1") == nil)
        #expect(ReplicaNotification.payloads(from: "r1", ids: []).isEmpty)
        let odd = ReplicaNotification.payloads(from: "r1", ids: ["a b"])
        #expect(ReplicaNotification.change(in: odd[0], ownReplica: "r2") == .unknown)
    }

    @Test("Ids are version 4 and differ")
    func uuids() {
        let ids = Set((0..<1000).map { _ in UUIDText.random() })
        #expect(ids.count == 1000)
        for id in ids {
            let parts = id.split(separator: "-").map(\.count)
            #expect(parts == [8, 4, 4, 4, 12])
            #expect(Array(id)[14] == "4")
            #expect("89ab".contains(Array(id)[19]))
        }
    }

    @Test("Equal calls have one fingerprint, whatever the order of members")
    func fingerprints() throws {
        func text(_ tool: String, _ arguments: String) throws -> String {
            CallFingerprint.text(tool: tool, arguments: try #require(RawJSON(checking: arguments)))
        }
        #expect(try text("t", #"{"a":1,"b":[2,{"c":"\u0041"}]}"#) == text("t", #"{ "b": [2, {"c":"A"}], "a": 1 }"#))
        #expect(try text("t", #"{"a":1}"#) != text("t", #"{"a":2}"#))
        #expect(try text("t", #"{"a":1}"#) != text("u", #"{"a":1}"#))
        #expect(try text("t", #"["a","b"]"#) != text("t", #"["ab"]"#))
    }

    @Test("Times as text", arguments: [(0, "1970-01-01T00:00:00.000000Z"), (-1, "1969-12-31T23:59:59.999999Z")])
    func times(microseconds: Int64, text: String) {
        #expect(EpochTime(microseconds: microseconds).description == text)
        #expect(EpochTime(parsing: text) == EpochTime(microseconds: microseconds))
    }

    @Test("The message for the queue")
    func message() throws {
        var new = NewEnvelope.call(id: "e-1", actors: ["a"], deadline: EpochTime(microseconds: 1_500_000))
        new.record.headers = RawJSON(checking: #"{"h":1}"#)
        let expected =
            #"{"id":"e-1","route":{"actors":["a"],"current":0,"metadata":{"job_id":"e-1"}},"headers":{"h":1},"#
            + #""payload":{"text":"hello"},"deadline":"1970-01-01T00:00:01Z"}"#
        #expect(String(decoding: EnvelopeMessage.body(new.record), as: UTF8.self) == expected)
        new.record.state.actors = []
        #expect(throws: EnvelopeMessage.Fault.noActors) { try EnvelopeMessage.destination(new.record) }
        new.record.state.actors = ["a"]
        new.record.routeCurrent = 1
        #expect(throws: EnvelopeMessage.Fault.indexOutsideOfRoute(index: 1, count: 1)) {
            try EnvelopeMessage.destination(new.record)
        }
    }

    @Test("Batches are cut where writes depend on each other")
    func batches() {
        func write(_ operation: PostgresWrite.Operation) -> PostgresWrite {
            PostgresWrite(operation: operation) { _ in }
        }
        let create = write(.create(.call(id: "x")))
        let other = write(.create(.call(id: "y")))
        let apply = write(.apply(.cancelled, id: "x"))
        let prune = write(.prune(RetentionRules(terminalEnvelopes: nil), limit: 1))
        #expect(PostgresWriterSession.parts(of: [create, other]).map(\.count) == [2])
        #expect(PostgresWriterSession.parts(of: [create, other, apply]).map(\.count) == [2, 1])
        #expect(PostgresWriterSession.parts(of: [create, create]).map(\.count) == [1, 1])
        #expect(PostgresWriterSession.parts(of: [apply, apply, create]).map(\.count) == [3])
        #expect(PostgresWriterSession.parts(of: [create, prune, other, apply]).map(\.count) == [1, 1, 2])
    }
}
