import Testing

@testable import Operator

@Suite("Work queue")
struct WorkQueueStateTests {
    private typealias Queue = WorkQueueState<String>

    @Test("a key that waits is not queued twice")
    func deduplicated() {
        var queue = Queue()
        queue.add("a")
        queue.add("a")
        #expect(queue.next(now: .zero) == .work("a"))
        #expect(queue.next(now: .zero) == .idle)
    }

    @Test("a key that is worked on is given out again only when its worker is done")
    func oneWorker() {
        var queue = Queue()
        queue.add("a")
        #expect(queue.next(now: .zero) == .work("a"))
        queue.add("a")
        #expect(queue.next(now: .zero) == .idle)
        queue.done("a")
        #expect(queue.next(now: .zero) == .work("a"))
        queue.done("a")
        #expect(queue.isQuiet)
    }

    @Test("urgent keys come first, also one that waits already")
    func urgent() {
        var queue = Queue()
        for key in ["a", "b", "c"] { queue.add(key) }
        queue.add("c", isUrgent: true)
        #expect(queue.next(now: .zero) == .work("c"))
        #expect(queue.next(now: .zero) == .work("a"))
        #expect(queue.next(now: .zero) == .work("b"))
        #expect(queue.next(now: .zero) == .idle)
    }

    @Test("a delayed key comes when its time does; the earlier of two times counts")
    func delayed() {
        var queue = Queue()
        queue.add("a", at: .seconds(5))
        queue.add("a", at: .seconds(3))
        queue.add("a", at: .seconds(9))
        #expect(queue.next(now: .seconds(2)) == .wait(until: .seconds(3)))
        #expect(queue.next(now: .seconds(3)) == .work("a"))
        queue.done("a")
        #expect(queue.next(now: .seconds(9)) == .idle)
    }

    @Test("a change that comes meanwhile replaces the delay")
    func overtaken() {
        var queue = Queue()
        queue.add("a", at: .seconds(300))
        queue.add("a")
        #expect(queue.next(now: .zero) == .work("a"))
        queue.done("a")
        #expect(queue.isQuiet)
    }

    @Test("a key that became urgent while it was worked on goes before the ordinary ones")
    func urgentAgain() {
        var queue = Queue()
        queue.add("a")
        #expect(queue.next(now: .zero) == .work("a"))
        queue.add("b")
        queue.add("a", isUrgent: true)
        queue.done("a")
        #expect(queue.next(now: .zero) == .work("a"))
        queue.done("a")
        #expect(queue.next(now: .zero) == .work("b"))
        queue.done("b")
        #expect(queue.isQuiet)
    }

    @Test("failures double the delay up to its cap, success resets it")
    func backoff() {
        var queue = Queue()
        var generator = Seeded(7)
        var now = Duration.zero
        var delays: [Duration] = []
        for _ in 0..<14 {
            let time = queue.retry("a", now: now, using: &generator)
            delays.append(time - now)
            #expect(queue.next(now: time) == .work("a"))
            queue.done("a")
            now = time
        }
        for (index, delay) in delays.enumerated() {
            let middle = min(Queue.retryBase * (1 << index), Queue.retryCap)
            #expect(delay >= middle * 0.79 && delay <= middle * 1.21)
        }
        queue.forget("a")
        #expect(queue.retry("a", now: now, using: &generator) - now <= Queue.retryBase * 1.21)
    }

    @Test("the server's own wish for patience is a lower bound")
    func retryAfter() {
        var queue = Queue()
        var generator = Seeded(1)
        #expect(queue.retry("a", now: .zero, atLeast: .seconds(30), using: &generator) == .seconds(30))
    }

    @Test("many failing keys together are held to ten a second after a burst")
    func overallLimit() {
        var queue = WorkQueueState<Int>()
        var generator = Seeded(3)
        let now = Duration.seconds(1000)
        let times = (0..<600).map { queue.retry($0, now: now, using: &generator) }
        #expect(times.filter { $0 <= now + .seconds(1) }.count <= 115)
        #expect((times.max() ?? now) >= now + .seconds(48))
    }

    @Test("random use never loses a key and never gives one to two workers", arguments: 0..<20 as Range<UInt64>)
    func random(seed: UInt64) {
        var queue = WorkQueueState<Int>()
        var generator = Seeded(seed)
        var pending: Set<Int> = []
        var working: Set<Int> = []
        var now = Duration.zero
        for _ in 0..<2000 {
            let key = Int.random(in: 0..<20, using: &generator)
            switch Int.random(in: 0..<5, using: &generator) {
            case 0:
                queue.add(key, isUrgent: Bool.random(using: &generator))
                pending.insert(key)
            case 1:
                queue.add(key, at: now + .milliseconds(Int.random(in: 0..<500, using: &generator)))
                pending.insert(key)
            case 2, 3:
                if case .work(let given) = queue.next(now: now) {
                    let isAlone = working.insert(given).inserted
                    #expect(isAlone)
                    pending.remove(given)
                }
            default:
                if let done = working.randomElement(using: &generator) {
                    working.remove(done)
                    queue.done(done)
                }
            }
            now += .milliseconds(3)
        }
        for key in working { queue.done(key) }
        now += .seconds(10)
        while case .work(let key) = queue.next(now: now) {
            pending.remove(key)
            queue.done(key)
        }
        #expect(pending.isEmpty)
        #expect(queue.isQuiet)
    }
}

/// A small generator that replays.
struct Seeded: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { self.state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

    mutating func next() -> UInt64 {
        self.state ^= self.state << 13
        self.state ^= self.state >> 7
        self.state ^= self.state << 17
        return self.state
    }
}
