import MCP
import Testing

@Suite struct SessionRuleTests {
    static let id = "mcp-session-0b0c0d0e-1111-2222-3333-444455556666"

    @Test(
        arguments: [
            (nil, SessionRule.Claim.none), (id, .wellFormed(id)), ("", .malformed), ("mcp-session-", .malformed),
            ("0b0c0d0e-1111-2222-3333-444455556666", .malformed), (id + "0", .malformed),
            ("mcp-session-0b0c0d0e-1111-2222-3333-44445555666g", .malformed), (id.uppercased(), .malformed),
        ] as [(String?, SessionRule.Claim)]
    )
    func theFormOfAnID(field: String?, claim: SessionRule.Claim) {
        #expect(SessionRule.Claim(field) == claim)
    }

    @Test func everyClaimMeetsEveryKindOfRequest() {
        typealias Verdict = SessionRule.Verdict
        let live = SessionRule.Claim.wellFormed(Self.id)
        let table: [(SessionRule.Claim, Bool, initialize: Verdict, post: Verdict, open: Verdict)] = [
            (.none, false, .serve(session: nil), .refuseInvalid, .serve(session: nil)),
            (.malformed, false, .serve(session: nil), .refuseInvalid, .refuseInvalid),
            (live, false, .serve(session: nil), .serve(session: Self.id), .serve(session: Self.id)),
            (live, true, .serve(session: nil), .refuseEnded, .refuseEnded),
        ]
        for (claim, isEnded, initialize, post, open) in table {
            #expect(SessionRule.post(claim, method: "initialize", isEnded: isEnded) == initialize)
            #expect(SessionRule.post(claim, method: "tools/list", isEnded: isEnded) == post)
            #expect(SessionRule.post(claim, method: nil, isEnded: isEnded) == post)
            #expect(SessionRule.open(claim, isEnded: isEnded) == open)
        }
    }
}

@Suite struct ResumableStreamTests {
    @Test(arguments: [
        ResumableStream(envelopeID: "e-1", requestID: .number("7"), progressToken: nil),
        ResumableStream(envelopeID: "a:b\"c", requestID: .string("é"), progressToken: "t"),
        ResumableStream(envelopeID: "e", requestID: .string(""), progressToken: 3),
    ])
    func anEventIDSaysWhichStreamItBelongsTo(stream: ResumableStream) throws {
        let parsed = try #require(ResumableStream.parse(stream.eventID(sequence: 42)))
        #expect(parsed.stream == stream)
        #expect(parsed.sequence == 42)
    }

    @Test(arguments: ["", ":", "7", "abc:1", "W10=:1", "WzEsMiwzXQ==:1", "WyJlIiwxLG51bGxd:-1", "WyJlIiwxLG51bGxd:x"])
    func foreignIDsAreNone(text: String) {
        #expect(ResumableStream.parse(text) == nil)
    }
}

@Suite struct ToolPageTests {
    static let names = ["a", "b", "c", "d", "e"]

    @Test func pagesFollowOneAnother() throws {
        var seen: [String] = []
        var cursor: JSONTree?
        for _ in 0..<3 {
            let page = try ToolPage.slice(of: Self.names, generation: 4, cursor: cursor, size: 2)
            seen += Self.names[page.range]
            cursor = page.nextCursor.map(JSONTree.string)
        }
        #expect(seen == Self.names)
        #expect(cursor == nil)
    }

    @Test func anEmptyListIsOnePage() throws {
        let page = try ToolPage.slice(of: [], generation: 1, cursor: nil, size: 2)
        #expect(page.range.isEmpty && page.nextCursor == nil)
    }

    @Test(arguments: ["", "zzz", "NDpi", 3, ["x"]] as [JSONTree]) func badCursorsAreInvalidParams(cursor: JSONTree)
        throws
    {
        // "NDpi" is "4:b": a cursor of another generation.
        let error = try #require(throws: RPCError.self) {
            try ToolPage.slice(of: Self.names, generation: 5, cursor: cursor, size: 2)
        }
        #expect(error.code == .invalidParams)
    }
}

@Suite struct TaskDocumentTests {
    static func task(_ status: TaskDocument.Status, message: String? = nil, ttl: Int? = nil) -> TaskDocument {
        TaskDocument(
            id: "e-1",
            status: status,
            message: message,
            createdAtMilliseconds: 0,
            updatedAtMilliseconds: 1500,
            ttlMilliseconds: ttl
        )
    }

    @Test(
        arguments: [
            (.working, "working"), (.ended(.succeeded), "completed"), (.ended(.failed("x")), "completed"),
            (.ended(.faulted("x")), "failed"), (.ended(.cancelled), "cancelled"),
        ] as [(TaskDocument.Status, String)]
    )
    func theStatusOfATask(status: TaskDocument.Status, name: String) {
        #expect(Self.task(status).statusName == name)
    }

    @Test func theCreatedTaskIsFlat() {
        #expect(
            Self.task(.working, message: "on it", ttl: 60_000).created.text
                == #"{"resultType":"task","taskId":"e-1","status":"working","statusMessage":"on it","#
                + #""createdAt":"1970-01-01T00:00:00.000Z","lastUpdatedAt":"1970-01-01T00:00:01.500Z","#
                + #""ttlMs":60000,"pollIntervalMs":1000}"#
        )
    }

    @Test func onlyACompletedTaskHasAResultAndOnlyAFailedOneAnError() throws {
        func answer(_ status: TaskDocument.Status) throws -> JSONTree {
            try JSONTree(parsing: Self.task(status).answer(result: Array(#"{"content":[]}"#.utf8)))
        }
        #expect(try answer(.working)["result"] == nil)
        #expect(try answer(.ended(.cancelled))["result"] == nil)
        #expect(try answer(.ended(.succeeded))["result"]?.text == #"{"content":[]}"#)
        #expect(try answer(.ended(.succeeded))["error"] == nil)
        #expect(try answer(.ended(.faulted("late")))["error"]?.text == #"{"code":-32603,"message":"late"}"#)
        #expect(try answer(.ended(.succeeded))["resultType"] == "complete")
        #expect(try answer(.ended(.succeeded))["ttlMs"] == JSONTree.null)
    }
}

@Suite struct SubscriptionTests {
    static func subscription(_ text: String, tasks: Bool = true) throws -> Subscription {
        let params = try JSONTree(parsing: text).object ?? JSONObject()
        return try Subscription(params: params, clientHasTasks: tasks)
    }

    @Test(arguments: [
        (#"{"notifications":{}}"#, "{}"),
        (#"{"notifications":{"toolsListChanged":true,"promptsListChanged":true}}"#, #"{"toolsListChanged":true}"#),
        (
            #"{"notifications":{"resourceSubscriptions":["asya://envelopes/e","file:///x","asya://envelopes/"]}}"#,
            #"{"resourceSubscriptions":["asya://envelopes/e"]}"#
        ),
        (#"{"notifications":{"taskIds":["a","a","b"]}}"#, #"{"taskIds":["a","b"]}"#),
    ])
    func onlyWhatIsHonouredIsAcknowledged(params: String, honoured: String) throws {
        let text = String(
            decoding: try Self.subscription(params).acknowledgement(id: .number("9")),
            as: UTF8.self
        )
        #expect(
            text == #"{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"notifications":"#
                + honoured + #","_meta":{"io.modelcontextprotocol/subscriptionId":9}}}"#
        )
    }

    @Test(arguments: [
        ("{}", -32602), (#"{"notifications":3}"#, -32602), (#"{"notifications":{"toolsListChanged":1}}"#, -32602),
        (#"{"notifications":{"taskIds":[1]}}"#, -32602), (#"{"notifications":{"resourceSubscriptions":"x"}}"#, -32602),
    ])
    func badWishesAreRefused(params: String, code: Int) throws {
        let error = try #require(throws: RPCError.self) { try Self.subscription(params) }
        #expect(error.code.rawValue == code)
    }

    @Test func tasksNeedTheExtension() throws {
        let error = try #require(throws: RPCError.self) {
            try Self.subscription(#"{"notifications":{"taskIds":["a"]}}"#, tasks: false)
        }
        #expect(error.code == .missingClientCapability)
    }

    @Test func aStreamWatchesABoundedNumber() throws {
        let ids = (0...Subscription.watchLimit).map { #""\#($0)""# }.joined(separator: ",")
        #expect(throws: RPCError.self) { try Self.subscription(#"{"notifications":{"taskIds":[\#(ids)]}}"#) }
    }
}
