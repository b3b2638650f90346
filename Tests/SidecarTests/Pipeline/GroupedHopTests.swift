import Testing

@testable import Sidecar

/// The pipeline on a transport that stores a hop and acknowledges its delivery in one transaction.
@Suite("Hops in one transaction")
struct GroupedHopTests {
    private static func fixture(maxDeliveries: Int = 0, deadLetterQueue: String? = nil) -> PipelineFixture {
        let fixture = PipelineFixture(maxDeliveries: maxDeliveries, deadLetterQueue: deadLetterQueue)
        fixture.broker.groupsHops = true
        fixture.broker.canDelayRelease = true
        return fixture
    }

    private static func fanOut(to actors: [String]) -> PipelineFixture {
        let fixture = Self.fixture()
        fixture.deliver()
        fixture.endTurn()
        fixture.reply(to: actors)
        return fixture
    }

    @Test("every publication names its delivery and how many belong to it")
    func namesTheHop() {
        let fixture = Self.fanOut(to: ["a", "b", "c"])
        let hop = Hop(receipt: Receipt(generation: 1, tag: 1), publicationCount: 3)
        #expect(fixture.broker.hops == [hop, hop, hop])
    }

    @Test("a refused hop is published again whole, at one moment")
    func retriedWhole() {
        let fixture = Self.fanOut(to: ["a", "b", "c"])
        // The clock moves between the answers, as a real one does.
        for position in 0..<3 {
            fixture.settle(position..<(position + 1), .refused(.destinationMissing))
            fixture.clock.now = fixture.clock.now + .microseconds(10)
        }
        #expect(fixture.broker.published.count == 3)
        fixture.pass(.milliseconds(500))
        #expect(fixture.broker.published.map(\.queueName).suffix(3) == ["asya-a", "asya-b", "asya-c"])
        #expect(fixture.broker.published.count == 6)
        fixture.settle(3..<6, .accepted)
        #expect(fixture.broker.acknowledged == [1])
    }

    @Test("a hop whose destination stays away is given back once, hidden in the queue for its back-off")
    func givenBack() {
        let fixture = Self.fanOut(to: ["a", "b"])
        for round in 0..<4 {
            fixture.settle((round * 2)..<(round * 2 + 2), .refused(.destinationMissing))
            fixture.pass(.seconds(2))
        }
        #expect(fixture.broker.published.count == 8, "three retries")
        #expect(fixture.broker.released == [1] && fixture.broker.acknowledged.isEmpty)
        #expect(fixture.broker.releaseDelays[0] >= .milliseconds(800))
        #expect(fixture.broker.releaseDelays[0] <= .milliseconds(1200))
        #expect(fixture.pipeline.table.count == 0, "the slot is free during the back-off")
    }

    @Test("a delivery that was lost meanwhile is neither published again nor settled")
    func deliveryLost() {
        let fixture = Self.fanOut(to: ["a", "b"])
        fixture.settle(0..<2, .refused(.deliveryLost))
        #expect(fixture.pipeline.table.count == 0 && fixture.pipeline.nextDeadline == nil)
        #expect(fixture.broker.released.isEmpty && fixture.broker.acknowledged.isEmpty)
        #expect(fixture.metrics.nacks("delivery_lost").value == 1)
    }

    @Test("a forgotten delivery that has not been started is dropped, its neighbours stay")
    func forgottenWhileQueued() {
        let fixture = Self.fixture()
        for _ in 0..<3 { fixture.deliver() }
        fixture.endTurn()
        #expect(fixture.handler.requestCount == 1)
        fixture.pipeline.deliveryForgotten(Receipt(generation: 1, tag: 2))
        #expect(fixture.pipeline.queued.count == 1 && fixture.pipeline.table.count == 2)
        #expect(fixture.broker.released.isEmpty)
    }

    @Test("a forgotten delivery inside the runtime is finished; nobody is told twice")
    func forgottenInRuntime() {
        let fixture = Self.fixture()
        fixture.deliver()
        fixture.endTurn()
        for _ in 0..<2 { fixture.pipeline.deliveryForgotten(Receipt(generation: 1, tag: 1)) }
        #expect(fixture.pipeline.table.count == 1)
        fixture.reply(to: ["next"])
        fixture.settle(0..<1, .refused(.deliveryLost))
        #expect(fixture.pipeline.table.count == 0 && fixture.broker.released.isEmpty)
    }

    @Test("a dead letter is a hop of one publication")
    func deadLetter() {
        let fixture = Self.fixture(maxDeliveries: 1, deadLetterQueue: "own-dlq")
        fixture.deliver()
        fixture.endTurn()
        fixture.reply(to: ["a"])
        for round in 0..<4 {
            fixture.settle(round..<(round + 1), .refused(.destinationMissing))
            fixture.pass(.seconds(2))
        }
        #expect(fixture.broker.published.last?.queueName == "own-dlq")
        #expect(fixture.broker.hops.last?.publicationCount == 1)
        fixture.settle(4..<5, .accepted)
        #expect(fixture.broker.acknowledged == [1])
    }

    @Test("the last delivery goes back without delay where the queue moves it away by itself")
    func redrive() {
        let fixture = Self.fixture(maxDeliveries: 1)
        fixture.broker.deadLettersByItself = true
        fixture.deliver()
        fixture.endTurn()
        fixture.reply(to: ["a"])
        for round in 0..<4 {
            fixture.settle(round..<(round + 1), .refused(.destinationMissing))
            fixture.pass(.seconds(2))
        }
        #expect(fixture.broker.released == [1] && fixture.broker.releaseDelays == [.zero])
    }

    @Test("a hanging handler ends the renewal of leases, and its error envelope is still a hop")
    func timeout() {
        let fixture = Self.fixture()
        fixture.deliver()
        fixture.deliver()
        fixture.endTurn()
        fixture.pass(.seconds(300))
        #expect(!fixture.broker.isRuntimeAlive)
        #expect(fixture.broker.released == [2] && fixture.broker.releaseDelays == [.zero])
        #expect(fixture.broker.hops == [Hop(receipt: Receipt(generation: 1, tag: 1), publicationCount: 1)])
        fixture.settle(0..<1, .accepted)
        #expect(fixture.broker.acknowledged == [1] && fixture.failedCount == 1)
    }

    @Test("a lost delivery of a hanging handler ends the process all the same")
    func timeoutOfLostDelivery() {
        let fixture = Self.fixture()
        fixture.deliver()
        fixture.endTurn()
        fixture.pass(.seconds(300))
        fixture.settle(0..<1, .refused(.deliveryLost))
        #expect(fixture.failedCount == 1 && fixture.broker.acknowledged.isEmpty)
    }

    @Test("a runtime that is given up ends the renewal of leases")
    func runtimeGone() {
        let fixture = Self.fixture()
        fixture.pipeline.runtimeGone()
        #expect(!fixture.broker.isRuntimeAlive && fixture.failedCount == 1)
    }
}
