import Testing

@testable import Sidecar

@Suite("Pipeline")
struct PipelineTests {
    @Test("a message goes through the handler to the next queue and is acknowledged after the confirm")
    func path() {
        let fixture = PipelineFixture()
        fixture.deliver()
        fixture.endTurn()
        #expect(fixture.handler.requestCount == 1)
        fixture.reply(to: ["next"])
        #expect(fixture.broker.published.map(\.queueName) == ["asya-next"])
        #expect(fixture.broker.acknowledged.isEmpty)
        fixture.settle(0..<1, .accepted)
        #expect(fixture.broker.acknowledged == [1])
        #expect(fixture.pipeline.table.count == 0 && fixture.pipeline.heldByteCount == 0)
        #expect(fixture.pipeline.nextDeadline == nil)
        #expect(fixture.metrics.processed(.success).value == 1 && fixture.metrics.activeMessages.value == 0)
    }

    @Test("the window of bytes closes within a turn, however many deliveries one read brings")
    func byteBoundWithinTurn() {
        let fixture = PipelineFixture(window: 200, heldByteLimit: 100_000)
        let body = PipelineFixture.envelope(payload: "\"" + String(repeating: "p", count: 40_000) + "\"")
        fixture.deliver(body)
        #expect(!fixture.broker.isPaused)
        fixture.deliver(body)
        #expect(fixture.broker.isPaused, "a third one would exceed the bound")
    }

    @Test("an idle pipeline keeps neither the last message nor the last reply in memory")
    func keepsNothing() {
        let fixture = PipelineFixture()
        let before = fixture.pool.usedByteCount
        fixture.deliver(PipelineFixture.envelope(payload: "\"" + String(repeating: "p", count: 1_000_000) + "\""))
        fixture.endTurn()
        fixture.reply(
            #"[{"route":{"actors":["a"]},"payload":"\#(String(repeating: "r", count: 1_000_000))"}]"#
        )
        fixture.settle(0..<1, .accepted)
        #expect(fixture.broker.acknowledged == [1])
        #expect(fixture.pool.usedByteCount == before)
    }

    @Test("after a forced end nothing is due and nothing is settled again")
    func nothingAfterTheEnd() {
        let fixture = PipelineFixture(actor: "error-end")
        let tag = fixture.deliver("{oops")
        fixture.endTurn()
        #expect(fixture.pipeline.nextDeadline != nil, "it waits for its back-off")
        fixture.pipeline.abandon()
        #expect(fixture.broker.released == [tag])
        #expect(fixture.pipeline.nextDeadline == nil)
        fixture.clock.now = fixture.clock.now + .seconds(60)
        fixture.pipeline.tick()
        fixture.endTurn()
        #expect(fixture.broker.released == [tag])
    }

    @Test("each envelope of a fan-out has retries of its own when its queue is missing")
    func fanOutToMissingQueue() {
        let fixture = PipelineFixture()
        fixture.deliver()
        fixture.endTurn()
        fixture.reply(to: ["a", "b", "c", "d", "e"])
        #expect(fixture.broker.published.count == 5)
        fixture.settle(0..<5, .refused(.destinationMissing))
        fixture.pass(.milliseconds(500))
        #expect(fixture.broker.published.count == 10, "all are tried again after half a second")
        fixture.settle(5..<10, .accepted)
        #expect(fixture.broker.acknowledged == [1] && fixture.broker.released.isEmpty)
    }

    @Test("a moment of congestion does not use up the retries of a missing queue")
    func congestionWhileQueueIsMissing() {
        let fixture = PipelineFixture()
        fixture.deliver()
        fixture.endTurn()
        fixture.reply(to: ["next"])
        fixture.settle(0..<1, .refused(.destinationMissing))
        for canPublish in [false, true] {
            fixture.broker.canPublish = canPublish
            fixture.pipeline.publishingAvailabilityChanged()
            fixture.endTurn()
        }
        fixture.pass(.milliseconds(499))
        #expect(fixture.broker.published.count == 1)
        fixture.pass(.milliseconds(1))
        #expect(fixture.broker.published.count == 2)
    }

    @Test("what waits for a lost connection is published as soon as it is back")
    func connectionReturns() {
        let fixture = PipelineFixture()
        fixture.deliver()
        fixture.endTurn()
        fixture.reply(to: ["next"])
        fixture.broker.canPublish = false
        fixture.pipeline.publishingAvailabilityChanged()
        fixture.settle(0..<1, .refused(.connectionLost))
        fixture.pass(.seconds(20))
        #expect(fixture.broker.published.count == 1)
        fixture.broker.canPublish = true
        fixture.pipeline.publishingAvailabilityChanged()
        fixture.pass(.zero)
        #expect(fixture.broker.published.count == 2)
        #expect(fixture.handler.requestCount == 1, "the handler does not run again")
    }

    @Test("a missing next queue costs at most 6 runtime calls in 60 s")
    func missingQueueIsNoHotLoop() {
        let fixture = PipelineFixture()
        fixture.deliver()
        fixture.endTurn()
        let end = fixture.clock.now + .seconds(60)
        var answered = 0
        var redelivered = 0
        while fixture.clock.now < end {
            fixture.pass(.milliseconds(10))
            if fixture.pipeline.inRuntime.count > 0 { fixture.reply(to: ["missing"]) }
            if answered < fixture.broker.published.count {
                fixture.settle(answered..<fixture.broker.published.count, .refused(.destinationMissing))
                answered = fixture.broker.published.count
            }
            // The broker delivers at once what was given back.
            if redelivered < fixture.broker.released.count {
                redelivered += 1
                fixture.deliver()
                fixture.endTurn()
            }
        }
        #expect((3...6).contains(fixture.handler.requestCount), "\(fixture.handler.requestCount) calls")
        #expect(fixture.broker.acknowledged.isEmpty)
    }

    @Test("after a timeout the error envelope is published, the message acknowledged, and the process fails")
    func timeout() {
        let fixture = PipelineFixture()
        fixture.deliver()
        let waiting = fixture.deliver()
        fixture.endTurn()
        fixture.pass(.seconds(300))
        #expect(fixture.handler.isClosed)
        #expect(fixture.broker.released == [waiting])
        #expect(fixture.broker.published.map(\.queueName) == ["asya-error-end"])
        #expect(fixture.broker.published[0].body.contains("Runtime timeout exceeded after 5m0s"))
        #expect(fixture.failedCount == 0)
        fixture.settle(0..<1, .accepted)
        #expect(fixture.broker.acknowledged == [1] && fixture.failedCount == 1)
        #expect(fixture.pipeline.nextDeadline == nil)
    }

    @Test("a timeout whose error envelope cannot be published ends the process without acknowledging")
    func timeoutWithoutBroker() {
        let fixture = PipelineFixture()
        fixture.deliver()
        fixture.endTurn()
        fixture.broker.canPublish = false
        fixture.pass(.seconds(300))
        fixture.settle(0..<1, .refused(.connectionLost))
        fixture.pass(.seconds(5))
        #expect(fixture.failedCount == 1 && fixture.broker.acknowledged.isEmpty)
    }

    @Test("what is too large becomes an error envelope, without the payload if that is too large as well")
    func tooLarge() {
        let fixture = PipelineFixture()
        fixture.deliver(PipelineFixture.envelope(payload: "\"secret\""))
        fixture.endTurn()
        fixture.reply(to: ["next"])
        fixture.settle(0..<1, .refused(.tooLarge))
        #expect(fixture.broker.published.last?.queueName == "asya-error-end")
        #expect(fixture.broker.published.last?.body.contains("secret") == true)
        fixture.settle(1..<2, .refused(.tooLarge))
        #expect(fixture.broker.published.last?.body.contains("failed to publish: message too large") == true)
        #expect(fixture.broker.published.last?.body.contains("secret") == false)
        fixture.settle(2..<3, .accepted)
        #expect(fixture.broker.acknowledged == [1])
    }

    @Test("what has characters that the queue does not carry becomes an error envelope that says so")
    func notCarried() {
        let fixture = PipelineFixture()
        fixture.deliver(PipelineFixture.envelope(payload: "\"secret\""))
        fixture.endTurn()
        fixture.reply(to: ["next"])
        fixture.settle(0..<1, .refused(.notCarried))
        let problem = "failed to publish: message has characters that the queue does not carry"
        #expect(fixture.broker.published.last?.queueName == "asya-error-end")
        #expect(fixture.broker.published.last?.body.contains(problem) == true)
        fixture.settle(1..<2, .refused(.notCarried))
        #expect(fixture.broker.published.last?.body.contains(problem) == true)
        #expect(fixture.broker.published.last?.body.contains("secret") == false)
        fixture.settle(2..<3, .accepted)
        #expect(fixture.broker.acknowledged == [1])
    }
}
