import Testing

@testable import LocalQueue

@Suite("Claiming and settling")
struct ClaimTests {
    let store: TestStore
    let queue: LocalQueue

    init() throws {
        (self.store, self.queue) = try TestStore.with(["asya-a", "asya-b"])
    }

    @Test("messages come out as they went in, first come first served")
    func order() throws {
        let bodies = ["one", "", "drei \u{0}", String(repeating: "x", count: 100_000)]
        for body in bodies {
            try self.queue.send(body, to: "asya-a", id: "e")
            self.store.clock.pass(.microseconds(1))
        }
        let claimed = try self.queue.claim("asya-a", count: 10)
        #expect(claimed.map(\.text) == bodies)
        #expect(claimed.allSatisfy { $0.attempt == 1 && $0.envelopeID == "e" })
    }

    @Test("a batch to several queues is sent whole or not at all")
    func sendWhole() throws {
        let good = Publication(queueName: "asya-a", envelopeID: "", body: [1])
        let bad = Publication(queueName: "asya-nowhere", envelopeID: "", body: [1])
        #expect(throws: LocalQueueError.queueMissing(name: "asya-nowhere")) { try self.queue.send([good, bad]) }
        #expect(try self.queue.statistics(of: "asya-a").messageCount == 0)
        try self.queue.send([good, good])
        #expect(try self.queue.statistics(of: "asya-a").messageCount == 2)
    }

    @Test("a claimed message is hidden from everybody until its lease ends, then it comes again")
    func lease() throws {
        let other = try self.store.connect()
        _ = try self.queue.hold("m", in: "asya-a")
        #expect(try other.claim("asya-a").isEmpty)
        self.store.clock.pass(.seconds(30) - .microseconds(1))
        #expect(try other.claim("asya-a").isEmpty)
        self.store.clock.pass(.microseconds(1))
        let again = try other.claim("asya-a")
        #expect(again.map(\.attempt) == [2] && again.map(\.text) == ["m"])
    }

    @Test("a lease that ended still settles the message if nobody claimed it meanwhile")
    func endedButFree() throws {
        let message = try self.queue.hold("m", in: "asya-a")
        self.store.clock.pass(.seconds(60))
        let result = try self.queue.commit { $0.acknowledgements = [message.lease] }
        #expect(result.acknowledgements == [true])
        #expect(try self.queue.statistics(of: "asya-a").messageCount == 0)
    }

    @Test("after somebody else claimed it, the old lease can do nothing")
    func lostLease() throws {
        let other = try self.store.connect()
        let message = try self.queue.hold("m", in: "asya-a")
        self.store.clock.pass(.seconds(30))
        let theirs = try other.claim("asya-a")
        #expect(theirs.count == 1)
        let result = try self.queue.commit {
            $0.hops = [
                .init(lease: message.lease, publications: [.init(queueName: "asya-b", envelopeID: "", body: [])])
            ]
            $0.acknowledgements = [message.lease]
            $0.releases = [.init(lease: message.lease)]
            $0.renewals = [.init(lease: message.lease, visibility: .seconds(9))]
        }
        #expect(result.hops == [.leaseLost] && result.acknowledgements == [false])
        #expect(result.releases == [false] && result.renewals == [nil])
        #expect(try self.queue.statistics(of: "asya-b").messageCount == 0)
        let accepted = try other.commit { $0.acknowledgements = theirs.map(\.lease) }
        #expect(accepted.acknowledgements == [true])
    }

    @Test("a renewed lease hides the message for longer; the lease before it is void")
    func renewal() throws {
        let other = try self.store.connect()
        let message = try self.queue.hold("m", in: "asya-a")
        self.store.clock.pass(.seconds(20))
        let renewal = QueueTransaction.Renewal(lease: message.lease, visibility: .seconds(30))
        let renewed = try self.queue.commit { $0.renewals = [renewal] }.renewals
        self.store.clock.pass(.seconds(29))
        #expect(try other.claim("asya-a").isEmpty)
        let result = try self.queue.commit { $0.acknowledgements = [message.lease] + renewed.compactMap { $0 } }
        #expect(result.acknowledgements == [false, true])
    }

    @Test("results and acknowledgement are stored together")
    func hop() throws {
        let message = try self.queue.hold("in", in: "asya-a", id: "e")
        let result = try self.queue.commit {
            $0.hops = [
                .init(
                    lease: message.lease,
                    publications: [
                        .init(queueName: "asya-b", envelopeID: "e", body: [1]),
                        .init(queueName: "asya-b", envelopeID: "e-1", body: [2]),
                    ]
                )
            ]
        }
        #expect(result.hops == [.stored])
        #expect(try self.queue.statistics(of: "asya-a").messageCount == 0)
        #expect(try self.queue.claim("asya-b", count: 5).map(\.envelopeID) == ["e", "e-1"])
    }

    @Test("a hop with a missing destination stores nothing, keeps its message and disturbs nobody")
    func missingDestination() throws {
        let first = try self.queue.hold("1", in: "asya-a")
        let second = try self.queue.hold("2", in: "asya-a")
        let result = try self.queue.commit {
            $0.hops = [
                .init(
                    lease: first.lease,
                    publications: [
                        .init(queueName: "asya-b", envelopeID: "", body: [1]),
                        .init(queueName: "asya-x", envelopeID: "", body: [1]),
                    ]
                ),
                .init(lease: second.lease, publications: [.init(queueName: "asya-b", envelopeID: "", body: [2])]),
            ]
        }
        #expect(result.hops == [.destinationMissing(queueName: "asya-x"), .stored])
        #expect(try self.queue.statistics(of: "asya-a").inFlightCount == 1)
        #expect(try self.queue.claim("asya-b", count: 5).map(\.body) == [[2]])
    }

    @Test("a released message is hidden for its delay and counted as delivered")
    func release() throws {
        let message = try self.queue.hold("m", in: "asya-a")
        _ = try self.queue.commit { $0.releases = [.init(lease: message.lease, delay: .seconds(4))] }
        #expect(try self.queue.statistics(of: "asya-a").delayedCount == 1)
        self.store.clock.pass(.milliseconds(3999))
        let result = try self.queue.commit {
            $0.claim = .init(queueName: "asya-a", messageCount: 1, visibility: .seconds(1))
        }
        #expect(result.claimed.isEmpty && result.nextVisibleAt == self.store.clock.now + 1000)
        self.store.clock.pass(.milliseconds(1))
        #expect(try self.queue.claim("asya-a").map(\.attempt) == [2])
    }

    @Test("a message nobody worked on goes back to the front, and the delivery does not count")
    func unseen() throws {
        for text in ["first", "second", "third"] {
            try self.queue.send(text, to: "asya-a")
            self.store.clock.pass(.milliseconds(1))
        }
        let held = try self.queue.claim("asya-a", count: 2)
        _ = try self.queue.commit { $0.releases = held.map { .init(lease: $0.lease, countsDelivery: false) } }
        let again = try self.queue.claim("asya-a", count: 3)
        #expect(again.map(\.text) == ["first", "second", "third"] && again.map(\.attempt) == [1, 1, 1])
    }

    @Test("a claim takes at most so many messages and bytes, but always one")
    func bounds() throws {
        for _ in 0..<5 {
            try self.queue.send(String(repeating: "x", count: 1000), to: "asya-a")
        }
        #expect(try self.queue.claim("asya-a", count: 0).isEmpty)
        #expect(try self.queue.claim("asya-a", count: 5, bytes: 10).count == 1)
        #expect(try self.queue.claim("asya-a", count: 5, bytes: 2500).count == 2)
        let result = try self.queue.commit {
            $0.claim = .init(queueName: "asya-a", messageCount: 1, visibility: .seconds(9))
        }
        #expect(result.claimed.count == 1 && result.isMoreReady)
        let last = try self.queue.commit {
            $0.claim = .init(queueName: "asya-a", messageCount: 5, visibility: .seconds(9))
        }
        #expect(last.claimed.count == 1 && !last.isMoreReady)
    }

    @Test("claiming from a queue that does not exist is an answer in a transaction and an error alone")
    func missingQueue() throws {
        #expect(throws: LocalQueueError.queueMissing(name: "asya-x")) { try self.queue.claim("asya-x") }
        let message = try self.queue.hold("m", in: "asya-a")
        let result = try self.queue.commit {
            $0.acknowledgements = [message.lease]
            $0.claim = .init(queueName: "asya-x", messageCount: 1, visibility: .seconds(9))
        }
        #expect(result.acknowledgements == [true] && !result.claimQueueExists)
    }

    @Test("consumers share a queue without a message going to two of them")
    func sharing() throws {
        for number in 0..<100 { try self.queue.send("\(number)", to: "asya-a") }
        let other = try self.store.connect()
        var seen: [String] = []
        while true {
            let mine = try self.queue.claim("asya-a", count: 3)
            let theirs = try other.claim("asya-a", count: 7)
            if mine.isEmpty, theirs.isEmpty { break }
            seen += (mine + theirs).map(\.text)
        }
        #expect(seen.count == 100 && Set(seen).count == 100)
    }
}
