import Testing

@testable import LocalQueue

@Suite("Looking at queues")
struct InspectionTests {
    let store: TestStore
    let queue: LocalQueue

    init() throws {
        (self.store, self.queue) = try TestStore.with(["asya-a", "asya-b"])
    }

    @Test("statistics tell ready, delayed and in flight apart, and count for ever")
    func statistics() throws {
        for _ in 0..<5 { try self.queue.send("m", to: "asya-a") }
        let held = try self.queue.claim("asya-a", count: 3)
        _ = try self.queue.commit {
            $0.acknowledgements = [held[0].lease]
            $0.releases = [.init(lease: held[1].lease, delay: .seconds(5))]
        }
        self.store.clock.pass(.seconds(2))
        let statistics = try self.queue.statistics(of: "asya-a")
        #expect(statistics.messageCount == 4 && statistics.readyCount == 2)
        #expect(statistics.delayedCount == 1 && statistics.inFlightCount == 1)
        #expect(statistics.oldestReadyAge == .seconds(2))
        #expect(statistics.enqueuedTotal == 5 && statistics.acknowledgedTotal == 1)
        #expect(try self.queue.statistics(of: "asya-b").oldestReadyAge == nil)
        #expect(throws: LocalQueueError.queueMissing(name: "x")) { try self.queue.statistics(of: "x") }
    }

    @Test("peek pages through a queue without claiming, with as much of the bodies as asked for")
    func peek() throws {
        for number in 0..<10 { try self.queue.send("body \(number)", to: "asya-a", id: "e\(number)") }
        let page = try self.queue.peek("asya-a", offset: 4, limit: 3, bodyLimit: 4)
        #expect(page.map(\.envelopeID) == ["e4", "e5", "e6"])
        #expect(page.allSatisfy { $0.body == Array("body".utf8) && $0.bodyByteCount == 6 && $0.deliveryCount == 0 })
        #expect(try self.queue.claim("asya-a", count: 20).count == 10)
        #expect(try self.queue.peek("asya-a", offset: 10).isEmpty)
        #expect(throws: LocalQueueError.queueMissing(name: "x")) { try self.queue.peek("x") }
    }

    @Test("one message by its number")
    func byNumber() throws {
        try self.queue.send("m", to: "asya-b", id: "e")
        let listed = try #require(try self.queue.peek("asya-b").first)
        #expect(try self.queue.message(id: listed.id) == listed)
        #expect(try self.queue.message(id: listed.id + 1) == nil)
    }

    @Test("a trace shows every hop of an envelope with its times, and where it is now")
    func trace() throws {
        let first = try self.queue.hold("m", in: "asya-a", id: "e")
        self.store.clock.pass(.milliseconds(7))
        _ = try self.queue.commit {
            $0.hops = [.init(lease: first.lease, publications: [.init(queueName: "asya-b", envelopeID: "e", body: [])])]
        }
        #expect(try self.queue.claim("asya-b").count == 1)
        try self.queue.send("other", to: "asya-b", id: "f")
        let hops = try self.queue.trace(envelopeID: "e")
        #expect(hops.map(\.outcome) == [.acknowledged, .inFlight])
        #expect(hops.map(\.queueName) == ["asya-a", "asya-b"] && hops.map(\.attempt) == [1, 1])
        #expect(hops[0].settledAt.map { $0 - hops[0].enqueuedAt } == 7000)
        #expect(hops[1].claimedAt != nil && hops[1].settledAt == nil)
        #expect(try self.queue.trace(envelopeID: "nobody").isEmpty)
    }

    @Test(
        "an id of any length and content can be traced",
        arguments: ["a\u{0}b", "ä/…", String(repeating: "i", count: 9000)]
    )
    func oddIDs(id: String) throws {
        let message = try self.queue.hold("m", in: "asya-a", id: id)
        _ = try self.queue.commit { $0.acknowledgements = [message.lease] }
        #expect(try self.queue.trace(envelopeID: id).map(\.outcome) == [.acknowledged])
        let longest = try self.queue.database.number("SELECT max(length(CAST(envelope_id AS BLOB))) FROM hop")
        #expect(longest <= 512)
    }

    @Test("the history keeps the last hops only, and not for ever")
    func boundedHistory() throws {
        let queue = try self.store.connect {
            $0.hopHistoryLimit = 300
            $0.hopHistoryAge = .seconds(60)
        }
        for number in 0..<1500 {
            let message = try queue.hold("m", in: "asya-a", id: "e\(number)")
            _ = try queue.commit { $0.acknowledgements = [message.lease] }
        }
        let count = try queue.database.number("SELECT count(*) FROM hop")
        #expect(count >= 300 && count <= 300 + 256)
        #expect(try queue.trace(envelopeID: "e0").isEmpty && queue.trace(envelopeID: "e1499").count == 1)
        self.store.clock.pass(.seconds(61))
        while try queue.maintain() {}
        #expect(try queue.database.number("SELECT count(*) FROM hop") == 0)
    }

    @Test("without a history nothing is written down")
    func noHistory() throws {
        let queue = try self.store.connect { $0.hopHistoryLimit = 0 }
        let message = try queue.hold("m", in: "asya-a", id: "e")
        _ = try queue.commit { $0.acknowledgements = [message.lease] }
        #expect(try queue.trace(envelopeID: "e").isEmpty)
    }
}
