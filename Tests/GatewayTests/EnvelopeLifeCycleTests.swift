import Testing

@testable import Gateway

@Suite("Envelope life cycle")
struct EnvelopeLifeCycleTests {
    private let now = EpochTime(microseconds: 1_700_000_000_000_000)

    private func state(_ actors: [String] = ["a", "b", "c"]) -> EnvelopeState { EnvelopeState(id: "x", actors: actors) }

    @Test(
        "Percent of a route",
        arguments: [
            (3, 0, "received", 3.33), (3, 0, "processing", 16.67), (3, 0, "completed", 33.33),
            (3, 1, "received", 36.67),
            (3, 1, "processing", 50), (3, 2, "completed", 100), (5, 2, "processing", 50), (1, 0, "received", 10),
            (1, 0, "completed", 100), (3, 3, "completed", 100), (3, 0, "strange", 0), (0, 0, "completed", 0),
            (3, -5, "completed", 0), (3, 2_000_000_000, "completed", 100),
        ] as [(Int, Int, String, Double)]
    )
    func percent(actorCount: Int, index: Int, phase: String, expected: Double) {
        let report = ProgressReport(currentActorIndex: index, phase: ActorPhase(rawValue: phase))
        #expect(EnvelopeLifeCycle.percent(report, actorCount: actorCount, before: 0) == expected)
    }

    @Test("Percent never falls")
    func monotone() {
        var state = self.state()
        _ = EnvelopeLifeCycle.apply(.report(.completed, 1), to: &state, now: self.now)
        _ = EnvelopeLifeCycle.apply(.report(.received, 0), to: &state, now: self.now)
        #expect(state.progressPercent == 66.67)
        #expect(state.currentActorIndex == 0)
    }

    @Test(
        "Which reported route counts",
        arguments: [
            (["a", "b", "c", "d"], 0, ["a", "b", "c", "d"]), ([], 0, ["a", "b", "c"]), (["a"], 1, ["a", "b", "c"]),
            (["a", "x", "y"], 0, ["a", "x", "y"]), (["z", "x", "y"], 0, ["a", "b", "c"]), (["a", "b"], 1, ["a", "b"]),
        ] as [([String], Int, [String])]
    )
    func routes(reported: [String], index: Int, expected: [String]) {
        var state = self.state()
        let report = ProgressReport(actors: reported, currentActorIndex: index, phase: .received)
        _ = EnvelopeLifeCycle.apply(.progress(report), to: &state, now: self.now)
        #expect(state.actors == expected)
    }

    @Test("An empty message keeps the stored one")
    func message() {
        var state = self.state()
        _ = EnvelopeLifeCycle.apply(.report(.received, 0), to: &state, now: self.now)
        let silent = EnvelopeEvent.progress(ProgressReport(currentActorIndex: 1, phase: .received))
        _ = EnvelopeLifeCycle.apply(silent, to: &state, now: self.now)
        #expect(state.message == "received 0")
        #expect(state.currentActorName == "b")
    }

    @Test("Completed actors are counted once each")
    func completed() {
        var state = self.state()
        for index in [0, 0, 1, 7] { _ = EnvelopeLifeCycle.apply(.report(.completed, index), to: &state, now: self.now) }
        #expect(state.actorsCompleted == 3)
        _ = EnvelopeLifeCycle.apply(.success("1"), to: &state, now: self.now)
        #expect(state.actorsCompleted == 3)
    }

    @Test("Every terminal state refuses every event")
    func terminal() {
        let endings: [EnvelopeEvent] = [
            .success("1"), .final(FinalReport(hasSucceeded: false)), .sendFailed(cause: "x"), .deadlinePassed,
            .cancelled,
        ]
        let events = endings + [.sending, .report(.received, 0)]
        for ending in endings {
            var ended = self.state()
            guard case .updated(let update) = EnvelopeLifeCycle.apply(ending, to: &ended, now: self.now) else {
                Issue.record("\(ending) was ignored")
                continue
            }
            #expect(update.status.isTerminal)
            for event in events {
                var state = ended
                #expect(EnvelopeLifeCycle.apply(event, to: &state, now: self.now) == .ignored)
                #expect(state == ended)
            }
        }
    }

    @Test(
        "Texts of the endings",
        arguments: [
            (EnvelopeEvent.deadlinePassed, "envelope timed out"), (.cancelled, "envelope cancelled"),
            (.sendFailed(cause: "no queue"), "failed to send envelope: no queue"),
        ]
    )
    func errors(event: EnvelopeEvent, error: String) {
        var state = self.state()
        _ = EnvelopeLifeCycle.apply(event, to: &state, now: self.now)
        #expect(state.status == .failed)
        #expect(state.error == error)
    }

    @Test("A failure's message names the actor, its result has the details")
    func failure() throws {
        var report = FinalReport(hasSucceeded: false)
        report.error = "boom"
        report.errorDetails = RawJSON(checking: #"{"type":"ValueError"}"#)
        report.actors = ["a", "b"]
        report.currentActorIndex = 1
        report.currentActorName = "b"
        var state = self.state()
        guard case .updated(let update) = EnvelopeLifeCycle.apply(.final(report), to: &state, now: self.now) else {
            Issue.record("ignored")
            return
        }
        #expect(update.message == "Envelope failed at actor 'b': boom")
        #expect(update.error == "boom")
        let expected = #"{"error":"boom","details":{"type":"ValueError"},"failed_actor":"b","failed_actor_idx":1,"#
        #expect(update.result?.text == expected + #""route":["a","b"]}"#)
        #expect(state.progressPercent == 100)
    }

    @Test("A success tells where the result is stored")
    func stored() {
        var report = FinalReport(hasSucceeded: true)
        report.resultURI = "s3://bucket/key"
        var state = self.state()
        _ = EnvelopeLifeCycle.apply(.final(report), to: &state, now: self.now)
        #expect(state.message == "Envelope completed successfully, results stored at s3://bucket/key")
        #expect(state.resultURI == "s3://bucket/key")
    }

    @Test("An envelope is active until it ends or its deadline passes")
    func activity() {
        var state = self.state()
        #expect(state.isActive(now: self.now))
        state.deadline = self.now
        #expect(!state.isActive(now: self.now))
        #expect(state.isActive(now: self.now.advanced(by: .seconds(-1))))
        state.status = .unknown
        #expect(state.isActive(now: self.now.advanced(by: .seconds(-1))))
    }
}
