import Sidecar
import Testing

@testable import SidecarSQS

@Suite("ReceivePoller")
struct ReceivePollerTests {
    private let now = MonotonicTime(nanoseconds: 1_000_000_000)

    @Test("asks for one message at a time with a window of one, and for nothing while one is held")
    func narrow() {
        var poller = ReceivePoller()
        #expect(poller.nextCall(window: 1, heldCount: 0, now: self.now) == 1)
        #expect(poller.nextCall(window: 1, heldCount: 0, now: self.now) == nil)
        poller.received(1, of: 1)
        #expect(poller.nextCall(window: 1, heldCount: 1, now: self.now) == nil)
        #expect(poller.nextCall(window: 1, heldCount: 0, now: self.now) == 1)
    }

    @Test("one by one no call asks for two, however wide the window")
    func oneByOne() {
        var poller = ReceivePoller()
        #expect(poller.nextCall(window: 100, heldCount: 99, now: self.now) == nil)
        #expect(poller.nextCall(window: 100, heldCount: 99, isOneByOne: true, now: self.now) == 1)
        #expect(poller.nextCall(window: 100, heldCount: 0, isOneByOne: true, now: self.now) == nil)
        poller.received(1, of: 1)
        #expect(poller.nextCall(window: 100, heldCount: 1, now: self.now) == 10)
    }

    @Test("makes one more call after each full batch, four at most, and never asks for more than the window allows")
    func widens() {
        var poller = ReceivePoller()
        var calls = 0
        for expected in [1, 2, 3, 4, 4, 4] {
            while poller.nextCall(window: 100, heldCount: 0, now: self.now) == 10 { calls += 1 }
            #expect(poller.pollCount == expected)
            #expect(poller.requestedCount <= 100)
            poller.received(10, of: 10)
        }
        #expect(calls == 9)
    }

    @Test("an empty answer goes back to one call, a partial one takes one away")
    func narrows() {
        var poller = ReceivePoller()
        for _ in 0..<8 {
            while poller.nextCall(window: 100, heldCount: 0, now: self.now) != nil {}
            poller.received(10, of: 10)
        }
        poller.received(3, of: 10)
        _ = poller.nextCall(window: 100, heldCount: 0, now: self.now)
        #expect(poller.pollCount == 3)
        for _ in 0..<3 { poller.received(0, of: 10) }
        while poller.nextCall(window: 100, heldCount: 0, now: self.now) != nil {}
        #expect(poller.pollCount == 1)
    }

    @Test(
        "waits until a batch fits: ten in a wide window, half of a small one",
        arguments: [(1, 1), (2, 1), (3, 1), (4, 2), (10, 5), (16, 8), (20, 10), (128, 10)]
    )
    func leastRoom(window: Int, least: Int) {
        var poller = ReceivePoller()
        #expect(poller.nextCall(window: window, heldCount: window - least + 1, now: self.now) == nil)
        #expect(poller.nextCall(window: window, heldCount: window - least, now: self.now) == min(least, 10))
    }

    @Test("messages asked for, held and free never exceed the window, whatever comes")
    func neverTooMany() {
        var random = SystemRandomNumberGenerator()
        for window in [1, 5, 10, 37, 128] {
            var poller = ReceivePoller()
            var held = 0
            var open: [Int] = []
            for _ in 0..<2000 {
                if let count = poller.nextCall(window: window, heldCount: held, now: self.now) { open.append(count) }
                #expect(held + poller.requestedCount <= window)
                if !open.isEmpty, Bool.random(using: &random) {
                    let requested = open.removeFirst()
                    let count = Int.random(in: 0...requested, using: &random)
                    poller.received(count, of: requested)
                    held += count
                }
                if held > 0, Bool.random(using: &random) { held -= Int.random(in: 1...held, using: &random) }
            }
        }
    }

    @Test("after an error no call is made for a second, then two, up to thirty; a success starts over")
    func errors() throws {
        var poller = ReceivePoller()
        var random = SystemRandomNumberGenerator()
        var now = self.now
        for seconds in [1.0, 2, 4, 8, 16, 30, 30] {
            let next = poller.nextCall(window: 10, heldCount: 0, now: now)
            let count = try #require(next)
            poller.failed(requested: count, now: now, using: &random)
            #expect(poller.nextCall(window: 10, heldCount: 0, now: now) == nil)
            let due = try #require(poller.nextDue)
            #expect((seconds * 0.79...seconds * 1.21).contains(due.seconds(since: now)))
            now = due
        }
        let next = poller.nextCall(window: 10, heldCount: 0, now: now)
        let count = try #require(next)
        poller.received(0, of: count)
        #expect(poller.nextCall(window: 10, heldCount: 0, now: now) != nil)
    }

    @Test("several calls that fail together count as one failure")
    func failTogether() throws {
        var poller = ReceivePoller()
        var random = SystemRandomNumberGenerator()
        for _ in 0..<2 {
            while poller.nextCall(window: 100, heldCount: 0, now: self.now) != nil {}
            poller.received(10, of: 10)
        }
        while poller.nextCall(window: 100, heldCount: 0, now: self.now) != nil {}
        for _ in 0..<poller.pollCount { poller.failed(requested: 10, now: self.now, using: &random) }
        #expect(try #require(poller.nextDue).seconds(since: self.now) < 1.3)
        #expect(poller.requestedCount == 0)
    }
}
