import Testing

@testable import LocalQueue

@Suite("Dead letters")
struct DeadLetterTests {
    let store: TestStore
    let queue: LocalQueue

    init() throws {
        self.store = try TestStore()
        self.queue = try self.store.connect()
        try self.queue.createQueue("asya-a", limits: QueueLimits(maxRetryCount: 2, deadLetterQueue: "asya-a-dlq"))
    }

    private func fail(_ message: ClaimedMessage) throws {
        _ = try self.queue.commit { $0.releases = [.init(lease: message.lease)] }
    }

    @Test("a message that was given back too often is moved, with its origin and its history")
    func released() throws {
        try self.fail(try self.queue.hold("poison", in: "asya-a", id: "e"))
        try self.fail(try #require(try self.queue.claim("asya-a").first))
        #expect(try self.queue.claim("asya-a").isEmpty)
        let dead = try self.queue.peek("asya-a-dlq")
        #expect(dead.map(\.deliveryCount) == [2] && dead.map(\.originQueueName) == ["asya-a"])
        #expect(try self.queue.trace(envelopeID: "e").map(\.outcome) == [.released, .deadLettered, .waiting])
        #expect(try self.queue.statistics().map(\.messageCount) == [0, 1])
    }

    @Test("so is one whose holders fell silent, at the next claim; the others come through")
    func silent() throws {
        try self.queue.send("poison", to: "asya-a", id: "e")
        for _ in 0..<2 {
            #expect(try self.queue.claim("asya-a").count == 1)
            self.store.clock.pass(.seconds(30))
        }
        try self.queue.send("good", to: "asya-a")
        #expect(try self.queue.claim("asya-a").map(\.text) == ["good"])
        #expect(try self.queue.peek("asya-a-dlq").map(\.envelopeID) == ["e"])
        #expect(try self.queue.trace(envelopeID: "e").map(\.outcome) == [.leaseEnded, .deadLettered, .waiting])
    }

    @Test("without a dead-letter queue a message is delivered for ever")
    func unlimited() throws {
        try self.queue.createQueue("asya-a", limits: QueueLimits(maxRetryCount: 2))
        try self.queue.send("m", to: "asya-a")
        for attempt in 1...5 {
            let message = try #require(try self.queue.claim("asya-a").first)
            #expect(message.attempt == attempt)
            try self.fail(message)
        }
    }

    @Test("a published dead letter remembers where it came from")
    func published() throws {
        let message = try self.queue.hold("m", in: "asya-a", id: "e")
        let letter = Publication(queueName: "asya-a-dlq", envelopeID: "e", body: message.body, isDeadLetter: true)
        _ = try self.queue.commit { $0.hops = [.init(lease: message.lease, publications: [letter])] }
        #expect(try self.queue.peek("asya-a-dlq").map(\.originQueueName) == ["asya-a"])
        #expect(try self.queue.trace(envelopeID: "e").map(\.outcome) == [.deadLettered, .waiting])
    }

    @Test("redrive moves messages back to where they came from, with their deliveries counted anew")
    func redrive() throws {
        for _ in 0..<1200 { try self.queue.send("p", to: "asya-a") }
        for _ in 0..<2 {
            while let message = try self.queue.claim("asya-a", count: 1000).nonEmpty {
                _ = try self.queue.commit { $0.releases = message.map { .init(lease: $0.lease, delay: .seconds(1)) } }
            }
            self.store.clock.pass(.seconds(1))
        }
        #expect(try self.queue.statistics().map(\.messageCount) == [0, 1200])
        let one = try #require(try self.queue.peek("asya-a-dlq", offset: 5, limit: 1).first)
        #expect(try self.queue.redrive("asya-a-dlq", ids: [one.id, 999_999]) == 1)
        #expect(try self.queue.claim("asya-a", count: 2).map(\.attempt) == [1])
        #expect(try self.queue.redrive("asya-a-dlq") == 1199)
        #expect(try self.queue.statistics().map(\.messageCount) == [1200, 0])
    }

    @Test("redrive to a queue that was named, and what has no origin stays otherwise")
    func redriveTo() throws {
        try self.queue.send("m", to: "asya-a-dlq")
        #expect(try self.queue.redrive("asya-a-dlq") == 0)
        #expect(throws: LocalQueueError.queueMissing(name: "x")) { try self.queue.redrive("asya-a-dlq", to: "x") }
        #expect(throws: LocalQueueError.queueMissing(name: "y")) { try self.queue.redrive("y") }
        #expect(try self.queue.redrive("asya-a-dlq", to: "asya-a") == 1)
        #expect(try self.queue.claim("asya-a").count == 1)
    }

    @Test("purge deletes everything, also what is held, and says so in the history")
    func purge() throws {
        let held = try self.queue.hold("m", in: "asya-a", id: "e")
        for _ in 0..<1100 { try self.queue.send("m", to: "asya-a") }
        #expect(try self.queue.purge("asya-a") == 1101)
        #expect(try self.queue.statistics(of: "asya-a").messageCount == 0)
        #expect(try self.queue.commit { $0.acknowledgements = [held.lease] }.acknowledgements == [false])
        #expect(try self.queue.trace(envelopeID: "e").map(\.outcome) == [.purged])
    }

    @Test("one message can be deleted unless somebody holds it")
    func deleteOne() throws {
        _ = try self.queue.hold("held", in: "asya-a")
        try self.queue.send("free", to: "asya-a")
        let messages = try self.queue.peek("asya-a")
        #expect(messages.map(\.state) == [.ready, .inFlight])
        #expect(try messages.map { try self.queue.deleteMessage(id: $0.id) } == [true, false])
        #expect(try self.queue.deleteMessage(id: 4711) == false)
    }

    @Test("a queue cannot be its own dead-letter queue")
    func ownDeadLetterQueue() throws {
        let limits = QueueLimits(maxRetryCount: 1, deadLetterQueue: "q")
        #expect(throws: LocalQueueError.invalidQueueName("q")) { try self.queue.createQueue("q", limits: limits) }
    }
}

extension Array {
    var nonEmpty: [Element]? { self.isEmpty ? nil : self }
}
