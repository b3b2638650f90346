import SeededRandom
import Testing

@testable import LocalQueue

/// Random calls on two connections beside a model of a few lines; each seed replays. What is compared after every step:
/// where each message is, who may settle it, and what the statistics say.
@Suite("The store and a model of it")
struct ModelTests {
    private static let queues = ["asya-a", "asya-b"]
    private static let deadLetters = "asya-dead"
    private static let maxRetryCount = 4
    private static let visibility = Duration.seconds(10)

    /// A message as the model sees it.
    private struct Message {
        var queue: String
        var visibleAt: Int64
        var isHeld = false
        /// The last claim; the only one that may settle.
        var claim = 0
        var deliveries = 0
    }

    /// A claim that somebody remembers, perhaps for too long.
    private struct Held {
        let number: Int
        let claim: Int
        var lease: Lease
    }

    private final class World {
        let store: TestStore
        let connections: [LocalQueue]
        var random: SeededRandom
        var messages: [Int: Message] = [:]
        var held: [Held] = []
        var sentCount = 0
        var claimCount = 0

        init(seed: UInt64) throws {
            self.store = try TestStore()
            self.connections = [try self.store.connect(), try self.store.connect()]
            self.random = SeededRandom(seed: seed)
            for name in ModelTests.queues {
                let limits = QueueLimits(
                    maxRetryCount: ModelTests.maxRetryCount,
                    deadLetterQueue: ModelTests.deadLetters
                )
                try self.connections[0].createQueue(name, limits: limits)
            }
        }

        var now: Int64 { self.store.clock.now }
        func pick<Element>(_ from: [Element]) -> Element? { from.randomElement(using: &self.random) }
        func count(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self.random) }

        func newNumber(in queue: String) -> [UInt8] {
            self.sentCount += 1
            self.messages[self.sentCount] = Message(queue: queue, visibleAt: self.now)
            return Array("\(self.sentCount)".utf8)
        }

        /// Whether this claim is still the one that counts.
        func counts(_ held: Held) -> Bool {
            guard let message = self.messages[held.number] else { return false }
            return message.isHeld && message.claim == held.claim && message.visibleAt == held.lease.end
        }
    }

    @Test("agree after every step", arguments: 1...12 as ClosedRange<UInt64>)
    func agree(seed: UInt64) throws {
        let world = try World(seed: seed)
        for step in 0..<250 {
            switch world.count(0...9) {
            case 0...2: try self.send(world)
            case 3...5: try self.claim(world)
            case 6...8: try self.settle(world)
            default: world.store.clock.pass(.milliseconds(Int64(world.count(1...6000))))
            }
            try self.compare(world, "seed \(seed), step \(step)")
        }
    }

    private func send(_ world: World) throws {
        guard let name = world.pick(Self.queues), let queue = world.pick(world.connections) else { return }
        let publications = (0..<world.count(1...4)).map { _ in
            Publication(queueName: name, envelopeID: "e", body: world.newNumber(in: name))
        }
        try queue.send(publications)
    }

    private func claim(_ world: World) throws {
        guard let name = world.pick(Self.queues), let queue = world.pick(world.connections) else { return }
        let claimed = try queue.claim(name, count: world.count(1...5), visibility: Self.visibility)
        world.claimCount += 1
        // Whoever was delivered too often is moved before somebody else is looked at.
        for (number, message) in world.messages where message.queue == name && message.visibleAt <= world.now {
            guard message.deliveries >= Self.maxRetryCount else { continue }
            let isMoved = try queue.peek(Self.deadLetters, limit: 1000).contains { $0.body == Array("\(number)".utf8) }
            guard isMoved else { continue }
            world.messages[number]?.queue = Self.deadLetters
            world.messages[number]?.visibleAt = world.now
            world.messages[number]?.isHeld = false
        }
        for message in claimed {
            let number = try #require(Int(message.text))
            let known = try #require(world.messages[number])
            #expect(known.queue == name && known.visibleAt <= world.now, "it was not there to be claimed")
            #expect(known.deliveries < Self.maxRetryCount && message.attempt == known.deliveries + 1)
            world.messages[number] = Message(
                queue: name,
                visibleAt: message.lease.end,
                isHeld: true,
                claim: world.claimCount,
                deliveries: message.attempt
            )
            world.held.append(Held(number: number, claim: world.claimCount, lease: message.lease))
        }
    }

    private func settle(_ world: World) throws {
        guard let index = world.held.indices.randomElement(using: &world.random),
            let queue = world.pick(world.connections)
        else { return }
        let held = world.held[index]
        let counts = world.counts(held)
        switch world.count(0...3) {
        case 0:
            let result = try queue.commit { $0.acknowledgements = [held.lease] }
            #expect(result.acknowledgements == [counts])
            if counts { world.messages[held.number] = nil }
        case 1:
            let before = world.sentCount
            let publication = Publication(queueName: "asya-b", envelopeID: "e", body: world.newNumber(in: "asya-b"))
            let result = try queue.commit { $0.hops = [.init(lease: held.lease, publications: [publication])] }
            #expect(result.hops == [counts ? .stored : .leaseLost])
            if counts { world.messages[held.number] = nil } else { world.messages[before + 1] = nil }
        case 2:
            try self.release(held, counts: counts, queue, world)
        default:
            let result = try queue.commit { $0.renewals = [.init(lease: held.lease, visibility: Self.visibility)] }
            #expect((result.renewals.first.flatMap { $0 } != nil) == counts)
            if counts, let lease = result.renewals.first.flatMap({ $0 }) {
                world.messages[held.number]?.visibleAt = lease.end
                world.held[index].lease = lease
            }
            return
        }
        // Sometimes it is remembered for longer than is right.
        if world.count(0...2) > 0 { world.held.remove(at: index) }
    }

    private func release(_ held: Held, counts: Bool, _ queue: LocalQueue, _ world: World) throws {
        let countsDelivery = world.count(0...3) > 0
        let delay = Duration.milliseconds(Int64(world.count(1...5000)))
        let result = try queue.commit {
            $0.releases = [.init(lease: held.lease, delay: delay, countsDelivery: countsDelivery)]
        }
        #expect(result.releases == [counts])
        guard counts, var message = world.messages[held.number] else { return }
        message.isHeld = false
        message.visibleAt = world.now + delay.microseconds
        if !countsDelivery { message.deliveries -= 1 }
        if countsDelivery, message.deliveries >= Self.maxRetryCount {
            message.queue = Self.deadLetters
            message.visibleAt = world.now
        }
        world.messages[held.number] = message
    }

    private func compare(_ world: World, _ place: String) throws {
        for statistics in try world.connections[0].statistics() {
            let there = world.messages.values.filter { $0.queue == statistics.name }
            let hidden = there.filter { $0.visibleAt > world.now }
            let inFlight = hidden.count { $0.isHeld }
            #expect(statistics.messageCount == there.count, "\(place), messages of \(statistics.name)")
            #expect(statistics.inFlightCount == inFlight, "\(place), in flight in \(statistics.name)")
            #expect(statistics.delayedCount == hidden.count - inFlight, "\(place), delayed in \(statistics.name)")
            #expect(statistics.readyCount == there.count - hidden.count, "\(place), ready in \(statistics.name)")
        }
    }
}
