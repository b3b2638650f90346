import MCP
import Testing

@Suite struct WaitingCallTests {
    static let both = AcceptedMedia(json: true, eventStream: true)

    static func call(
        _ era: Era = .modern,
        _ media: AcceptedMedia = Self.both,
        token: JSONTree? = "t"
    ) -> WaitingCall {
        WaitingCall(WaitingCall.Offer(era: era, media: media, progressToken: token))
    }

    /// The three states, reached by events.
    enum State: String, CaseIterable { case held, streaming, done }

    static func call(in state: State, _ era: Era) -> WaitingCall {
        var call = self.call(era)
        switch state {
        case .held: break
        case .streaming: _ = call.handle(.quiet)
        case .done: _ = call.handle(.ended)
        }
        return call
    }

    static let events: [WaitingCall.Event] = [
        .progress(percent: 10, message: "m"), .progress(percent: nil, message: nil), .ended, .quiet, .clientClosed,
        .cancelRequested, .shutdown,
    ]

    /// In the order of `events`.
    static func expected(_ state: State, _ era: Era) -> [[WaitingCall.Action]] {
        let closed: [WaitingCall.Action] = era == .modern ? [.cancelEnvelope, .close] : [.close]
        let report = WaitingCall.Action.sendProgress(percent: 10, message: "m")
        switch state {
        case .held:
            return [
                [.openStream, report], [.wait], [.respondJSON], [.openStream, .sendKeepAlive], closed,
                [.cancelEnvelope, .close], [.respondUnavailable],
            ]
        case .streaming:
            return [
                [report], [.wait], [.respondOnStream], [.sendKeepAlive], closed, [.cancelEnvelope, .close],
                [.closeForReconnect],
            ]
        case .done: return Array(repeating: [], count: 7)
        }
    }

    @Test(arguments: State.allCases, [Era.legacy, .modern]) func everyStateMeetsEveryEvent(state: State, era: Era) {
        for (event, actions) in zip(Self.events, Self.expected(state, era)) {
            var call = Self.call(in: state, era)
            #expect(call.handle(event) == actions, "\(state) × \(event)")
        }
    }

    @Test func progressOnlyGrows() {
        var call = Self.call()
        #expect(call.handle(.progress(percent: 10, message: nil)).count == 2)
        #expect(call.handle(.progress(percent: 10, message: nil)) == [.wait])
        #expect(call.handle(.progress(percent: 5, message: nil)) == [.wait])
        #expect(call.handle(.progress(percent: 11, message: nil)) == [.sendProgress(percent: 11, message: nil)])
    }

    @Test func withoutATokenThereIsNoProgress() {
        var call = Self.call(token: nil)
        #expect(call.handle(.progress(percent: 10, message: nil)) == [.wait])
        #expect(call.handle(.ended) == [.respondJSON])
    }

    @Test func aClientThatTakesOnlyJSONGetsNothingElse() {
        var call = Self.call(.modern, AcceptedMedia(json: true, eventStream: false))
        #expect(call.handle(.progress(percent: 10, message: nil)) == [.wait])
        #expect(call.handle(.quiet) == [.wait])
        #expect(call.handle(.ended) == [.respondJSON])
        #expect(call.isDone)
    }

    @Test func aClientThatTakesOnlyStreamsGetsOne() {
        var call = Self.call(.modern, AcceptedMedia(json: false, eventStream: true))
        #expect(call.handle(.ended) == [.openStream, .respondOnStream])
    }

    @Test func theProgressNotification() {
        let text = String(
            decoding: WaitingCall.notification(token: 7, percent: 33.33, message: "half"),
            as: UTF8.self
        )
        #expect(
            text == #"{"jsonrpc":"2.0","method":"notifications/progress","params":"#
                + #"{"progressToken":7,"progress":33.33,"total":100,"message":"half"}}"#
        )
    }
}

@Suite struct CallPlanTests {
    static func tool(_ answer: AnswerMode, _ tasks: TaskMode) throws -> ToolInterface {
        try ToolInterface(name: "t", inputSchema: ["type": "object"], answer: answer, tasks: tasks)
    }

    @Test(
        arguments: [
            (.async, .never, nil, false, .answerAtOnce), (.async, .never, nil, true, .answerAtOnce),
            (.wait, .never, nil, false, .wait), (.wait, .never, nil, true, .wait),
            (.async, .never, "wait", true, .wait), (.wait, .never, "async", false, .answerAtOnce),
            (.async, .auto, nil, false, .answerAtOnce), (.async, .auto, nil, true, .task),
            (.wait, .auto, nil, false, .wait), (.wait, .auto, nil, true, .task), (.async, .auto, "wait", true, .wait),
            (.wait, .auto, "async", true, .answerAtOnce), (.async, .required, nil, true, .task),
            (.async, .required, "wait", true, .task), (.async, .required, nil, false, nil),
            (.wait, .required, "wait", false, nil),
        ] as [(AnswerMode, TaskMode, String?, Bool, CallPlan?)]
    )
    func howACallIsAnswered(answer: AnswerMode, tasks: TaskMode, asked: String?, knows: Bool, plan: CallPlan?) throws {
        let tool = try Self.tool(answer, tasks)
        do throws(RPCError) {
            let decided = try CallPlan.decide(tool: tool, requested: asked.map(JSONTree.string), clientHasTasks: knows)
            #expect(decided == plan)
        } catch {
            #expect(plan == nil)
            #expect(error.code == .missingClientCapability)
            #expect(
                error.data?.text == #"{"requiredCapabilities":{"extensions":{"io.modelcontextprotocol/tasks":{}}}}"#
            )
        }
    }

    @Test(arguments: ["later", 3, .null] as [JSONTree]) func anUnknownAnswerModeIsRefused(asked: JSONTree) throws {
        let tool = try Self.tool(.async, .never)
        let error = try #require(throws: RPCError.self) {
            try CallPlan.decide(tool: tool, requested: asked, clientHasTasks: true)
        }
        #expect(error.code == .invalidParams)
    }

    @Test(
        arguments: [
            (nil, "invalid arguments: /n: is required"), ("null", "invalid arguments: /n: is required"),
            ("[]", "invalid arguments: expected an object, got array"), (#"{"n":5}"#, nil),
            (#"{"n":"5"}"#, "invalid arguments: /n: expected integer, got string"),
        ] as [(String?, String?)]
    )
    func argumentsAreCheckedAgainstTheSchema(text: String?, problem: String?) throws {
        let tool = try ToolInterface(
            name: "t",
            inputSchema: ["type": "object", "properties": ["n": ["type": "integer"]], "required": ["n"]]
        )
        #expect(ArgumentValidation.problem(try text.map { try JSONTree(parsing: $0) }, tool: tool) == problem)
    }
}

@Suite struct EnvelopeOutcomeTests {
    static func tool(output: JSONTree? = nil) throws -> ToolInterface {
        try ToolInterface(name: "t", inputSchema: ["type": "object"], outputSchema: output, answer: .wait)
    }

    static func encoded(
        _ result: String?,
        _ ending: EnvelopeOutcome.Ending = .succeeded,
        version: ProtocolVersion = .july2026,
        uri: String? = nil,
        output: JSONTree? = nil
    ) throws -> String {
        let outcome = EnvelopeOutcome(ending: ending, result: result.map { Array($0.utf8) }, resultURI: uri)
        let result = outcome.callResult(tool: try self.tool(output: output), version: version)
        return String(decoding: result.encoded(for: version), as: UTF8.self)
    }

    @Test(
        arguments: [
            (true, nil, .succeeded), (false, "boom", .failed("boom")), (false, nil, .failed("the pipeline failed")),
            (false, "envelope cancelled", .cancelled), (false, "envelope timed out", .faulted("envelope timed out")),
            (false, "failed to send envelope: no", .faulted("failed to send envelope: no")),
        ] as [(Bool, String?, EnvelopeOutcome.Ending)]
    )
    func theEndingOfAnEnvelope(succeeded: Bool, error: String?, ending: EnvelopeOutcome.Ending) {
        #expect(EnvelopeOutcome.ending(succeeded: succeeded, error: error) == ending)
    }

    @Test func anyResultIsTextAndStructuredContent() throws {
        #expect(
            try Self.encoded("[1]") == #"{"resultType":"complete","content":[{"type":"text","text":"[1]"}],"#
                + #""structuredContent":[1]}"#
        )
    }

    @Test func legacyClientsGetOnlyObjectsAsStructuredContent() throws {
        #expect(try Self.encoded("[1]", version: .november2025) == #"{"content":[{"type":"text","text":"[1]"}]}"#)
        #expect(
            try Self.encoded(" {}", version: .june2025)
                == #"{"content":[{"type":"text","text":" {}"}],"structuredContent": {}}"#
        )
        #expect(try Self.encoded("{}", version: .march2025) == #"{"content":[{"type":"text","text":"{}"}]}"#)
    }

    @Test func anActorMaySpeakMCP() throws {
        let own = #"{"content":[{"type":"image","data":"QQ==","mimeType":"image/png"}],"isError":true}"#
        #expect(
            try Self.encoded(own, version: .november2025)
                == #"{"content":[{"type":"image","data":"QQ==","mimeType":"image/png"}],"isError":true}"#
        )
        let other = #"{"content":[{"type":"picture"}]}"#
        #expect(try Self.encoded(other).contains(#""structuredContent":{"content""#))
    }

    @Test func failuresAreResultsThatSayError() throws {
        #expect(
            try Self.encoded(#"{"d":1}"#, .failed("boom"), version: .november2025)
                == #"{"content":[{"type":"text","text":"boom"},{"type":"text","text":"{\"d\":1}"}],"isError":true}"#
        )
        #expect(try Self.encoded(nil, .cancelled).contains("envelope cancelled"))
        #expect(try Self.encoded(nil, .faulted("envelope timed out")).contains(#""isError":true"#))
    }

    @Test func aResultThatBreaksItsSchemaIsAFailure() throws {
        let schema: JSONTree = ["type": "object", "required": ["a"]]
        #expect(try Self.encoded(#"{"a":1}"#, output: schema).contains(#""structuredContent":{"a":1}"#))
        #expect(try Self.encoded("{}", output: schema).contains("/a: is required"))
        #expect(try Self.encoded(nil, output: schema).contains("no structured result"))
    }

    @Test func aStoredResultIsLinked() throws {
        #expect(try Self.encoded("1", uri: "s3://b/k").contains(#""type":"resource_link","uri":"s3://b/k""#))
        #expect(try !Self.encoded("1", version: .march2025, uri: "s3://b/k").contains("resource_link"))
    }
}

@Suite struct ToolInterfaceTests {
    static func names(_ tree: JSONTree) -> [String] { tree.object?.members.map(\.name) ?? [] }

    @Test(arguments: [
        (ProtocolVersion.november2024, ["name", "description", "inputSchema"]),
        (.march2025, ["name", "description", "inputSchema", "annotations"]),
        (.june2025, ["name", "title", "description", "inputSchema", "outputSchema", "annotations"]),
        (.july2026, ["name", "title", "description", "inputSchema", "outputSchema", "annotations"]),
    ])
    func whatAVersionShows(version: ProtocolVersion, names: [String]) throws {
        let tool = try ToolInterface(
            name: "t",
            title: "T",
            description: "d",
            inputSchema: ["type": "object"],
            outputSchema: ["type": "object"],
            answer: .wait
        )
        #expect(Self.names(tool.listed(for: version)) == names)
    }

    @Test func onlyWaitingToolsPromiseAnOutput() throws {
        let waiting = try ToolInterface(
            name: "t",
            inputSchema: ["type": "object"],
            outputSchema: ["type": "array"],
            answer: .wait
        )
        #expect(waiting.promisesOutput(for: .july2026))
        #expect(!waiting.promisesOutput(for: .november2025), "before 2026-07-28 only objects")
        var asynchronous = waiting
        asynchronous.answer = .async
        #expect(!asynchronous.promisesOutput(for: .july2026))
    }

    @Test func anInputSchemaIsOfObjects() {
        #expect(throws: SchemaError.self) { try ToolInterface(name: "t", inputSchema: ["type": "string"]) }
    }

    @Test(arguments: [
        ("a-b_c.D9", true), ("", false), ("a b", false), ("é", false), (String(repeating: "x", count: 129), false),
    ])
    func portableNames(name: String, isPortable: Bool) {
        #expect(ToolInterface.isPortable(name: name) == isPortable)
    }
}
