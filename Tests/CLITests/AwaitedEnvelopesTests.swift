import Testing

@testable import CLI
@testable import LocalQueue

@Suite struct AwaitedEnvelopesTests {
    private func finished(_ id: String) throws -> FinishedEnvelope {
        let line = #"{"at":"t","outcome":"succeeded","envelope":{"id":"\#(id)","payload":1}}"#
        return try #require(FinishedEnvelope(line: Array(line.utf8)))
    }

    @Test("a result ends what was waited for, once; others are left alone")
    func results() throws {
        var awaited = AwaitedEnvelopes(["a", "b"])
        #expect(try awaited.resultCame(self.finished("x")) == nil)
        #expect(try awaited.resultCame(self.finished("b")) == .finished(try self.finished("b")))
        #expect(try awaited.resultCame(self.finished("b")) == nil)
        #expect(awaited.pending == ["a"] && !awaited.isEmpty)
        #expect(try awaited.resultCame(self.finished("a")) != nil)
        #expect(awaited.isEmpty)
    }

    private static func hop(_ queue: String, _ outcome: HopRecord.Outcome, attempt: Int = 1) -> HopRecord {
        HopRecord(
            envelopeID: "a",
            queueName: queue,
            enqueuedAt: 0,
            claimedAt: nil,
            settledAt: nil,
            attempt: attempt,
            outcome: outcome
        )
    }

    static let traces: [([HopRecord], AwaitedEnvelopes.Ending?)] = [
        ([], nil),
        ([hop("asya-a", .waiting, attempt: 0)], nil),
        ([hop("asya-a", .inFlight)], nil),
        ([hop("asya-a", .acknowledged)], nil),
        ([hop("asya-a", .released)], nil),
        ([hop("asya-a", .leaseEnded), hop("asya-a", .inFlight, attempt: 2)], nil),
        ([hop("asya-a", .acknowledged), hop("asya-happy-end", .waiting, attempt: 0)], nil),
        ([hop("asya-a", .acknowledged), hop("asya-happy-end", .acknowledged)], .settled(isFailure: false)),
        ([hop("asya-a", .acknowledged), hop("asya-error-end", .acknowledged)], .settled(isFailure: true)),
        ([hop("asya-a", .purged)], .purged(queueName: "asya-a")),
        ([hop("asya-a", .deadLettered)], nil),
        (
            [hop("asya-a", .deadLettered), hop("asya-a-dlq", .waiting, attempt: 0)],
            .deadLetter(queueName: "asya-a-dlq")
        ),
        // Redriven: it waits in its own queue again.
        ([hop("asya-a", .deadLettered), hop("asya-a", .waiting, attempt: 0)], nil),
        ([hop("asya-a", .deadLettered), hop("asya-a-dlq", .inFlight)], nil),
    ]

    @Test("a trace ends it only when it shows that nothing will come any more", arguments: traces)
    func traced(hops: [HopRecord], ending: AwaitedEnvelopes.Ending?) {
        var awaited = AwaitedEnvelopes(["a", "b"])
        #expect(awaited.traced("a", hops) == ending)
        #expect(awaited.pending == (ending == nil ? ["a", "b"] : ["b"]))
        #expect(awaited.traced("x", hops) == nil)
    }

    @Test("an envelope nobody has taken yet is recognised")
    func untouched() {
        #expect(AwaitedEnvelopes.isUntouched([Self.hop("asya-a", .waiting, attempt: 0)]))
        #expect(!AwaitedEnvelopes.isUntouched([Self.hop("asya-a", .inFlight)]))
        #expect(!AwaitedEnvelopes.isUntouched([]))
    }
}

@Suite struct QueueDirectoryTests {
    private func directory() -> QueueDirectory {
        func queue(_ name: String, deadLetters: String? = nil) -> QueueStatistics {
            QueueStatistics(
                name: name,
                limits: QueueLimits(maxRetryCount: 3, deadLetterQueue: deadLetters),
                messageCount: 0,
                readyCount: 0,
                delayedCount: 0,
                inFlightCount: 0,
                oldestReadyAge: nil,
                enqueuedTotal: 0,
                acknowledgedTotal: 0
            )
        }
        return QueueDirectory([
            queue("asya-score", deadLetters: "asya-score-dlq"), queue("asya-score-dlq"), queue("asya-split"),
            queue("other"),
        ])
    }

    @Test(
        "a queue goes by its name or by its actor's",
        arguments: [("asya-score", "asya-score"), ("score", "asya-score"), ("other", "other"), ("split", "asya-split")]
    )
    func found(name: String, queue: String) throws {
        #expect(try self.directory().queue(name).name == queue)
    }

    @Test("what is missing is told with what was meant, or with what there is")
    func missing() throws {
        let typo = try #require(throws: CommandFailure.self) { try self.directory().queue("scroe") }
        #expect(typo.hints == ["did you mean score?"])
        let unknown = try #require(throws: CommandFailure.self) { try self.directory().queue("completely-else") }
        #expect(unknown.hints == ["there are: asya-score, asya-score-dlq, asya-split, other"])
        let none = try #require(throws: CommandFailure.self) { try QueueDirectory([]).queue("a") }
        #expect(none.hints == ["there are none yet; asya up makes them"])
    }

    @Test("dead-letter queues go by their own name, the queue's and the actor's")
    func deadLetters() throws {
        for name in ["asya-score-dlq", "asya-score", "score", "score-dlq"] {
            #expect(try self.directory().deadLetterQueue(name).name == "asya-score-dlq")
        }
        #expect(throws: CommandFailure.self) { try self.directory().deadLetterQueue("split") }
        #expect(self.directory().deadLetterQueues.map(\.name) == ["asya-score-dlq"])
    }

    @Test("every actor of a route needs its queue")
    func routes() throws {
        try self.directory().checkRoute(["score", "split", "score"])
        let error = try #require(throws: CommandFailure.self) { try self.directory().checkRoute(["score", "spilt"]) }
        #expect(error.message == "there is no actor \"spilt\" here" && error.hints == ["did you mean split?"])
        #expect(throws: CommandFailure.self) { try self.directory().checkRoute(["other"]) }
    }
}

@Suite struct FinishedEnvelopeTests {
    private func read(_ line: String) -> FinishedEnvelope? { FinishedEnvelope(line: Array(line.utf8)) }

    @Test(
        "lines that are none of ours are nothing",
        arguments: [
            "", "{", "[]", "null", #"{"at":"t"}"#, #"{"at":1,"outcome":"x","envelope":{}}"#, #"{"at":"t","outc"#,
        ]
    )
    func foreign(line: String) {
        #expect(self.read(line) == nil)
    }

    @Test(
        "children by fan-out belong to their envelope, other ids do not (envelope.md section 6)",
        arguments: [
            ("a", "a", true), ("a-1", "a", true), ("a-1-12", "a", true), ("a-1", "a-1", true), ("a-x", "a", false),
            ("a-", "a", false), ("ab", "a", false), ("b-1", "a", false), ("a-1-", "a", false), ("a--1", "a", false),
        ]
    )
    func family(id: String, root: String, belongs: Bool) throws {
        let result = try #require(self.read(#"{"at":"t","outcome":"succeeded","envelope":{"id":"\#(id)"}}"#))
        #expect(result.belongs(to: root) == belongs)
    }

    @Test(
        "an error says who failed and why (envelope.md section 8)",
        arguments: [
            (#"{"error":"e","details":{"message":"m","type":"T"},"failed_actor":"a"}"#, "a: e: T: m"),
            (#"{"error":"Route mismatch"}"#, "Route mismatch"), (#"{"error":"e","details":{}}"#, "e"), ("5", ""),
            (#"{"error":"e","details":5,"failed_actor":null}"#, "e"),
        ]
    )
    func errorText(payload: String, text: String) throws {
        let line = #"{"at":"t","outcome":"failed","envelope":{"id":"a","payload":\#(payload)}}"#
        #expect(try #require(self.read(line)).errorText == text)
        let success = #"{"at":"t","outcome":"succeeded","envelope":{"id":"a","payload":\#(payload)}}"#
        #expect(try #require(self.read(success)).errorText == nil)
    }
}
