import Sidecar
import Testing

@testable import SidecarSQS

@Suite("EntryQueue")
struct EntryQueueTests {
    private let start = MonotonicTime(nanoseconds: 1_000_000_000)

    private func queue(
        byteCount: Int = Int.max,
        linger: Duration = .milliseconds(5),
        callCount: Int = 2
    ) -> EntryQueue<Int> {
        EntryQueue(limits: .init(byteCount: byteCount, linger: linger, callCount: callCount))
    }

    @Test("a lone entry leaves at once")
    func lone() {
        var queue = self.queue()
        queue.add(1, now: self.start)
        #expect(queue.nextDue == self.start)
        #expect(queue.nextCall(now: self.start) == [1])
        #expect(queue.nextCall(now: self.start) == nil)
    }

    @Test("an entry that follows another one waits for company, no longer than the limit")
    func stream() {
        var queue = self.queue()
        queue.add(1, now: self.start)
        _ = queue.nextCall(now: self.start)
        let later = self.start + .milliseconds(9)
        queue.add(2, now: later)
        #expect(queue.nextCall(now: later) == nil)
        #expect(queue.nextDue == later + .milliseconds(5))
        queue.add(3, now: later + .milliseconds(2))
        #expect(queue.nextCall(now: later + .milliseconds(4)) == nil)
        #expect(queue.nextCall(now: later + .milliseconds(5)) == [2, 3])
    }

    @Test("after a pause the next entry is a lone one again")
    func pause() {
        var queue = self.queue()
        queue.add(1, now: self.start)
        _ = queue.nextCall(now: self.start)
        let later = self.start + .milliseconds(11)
        queue.add(2, now: later)
        #expect(queue.nextCall(now: later) == [2])
    }

    @Test("ten entries leave without waiting, the eleventh stays")
    func full() {
        var queue = self.queue()
        for entry in 0..<12 { queue.add(entry, now: self.start) }
        #expect(queue.nextCall(now: self.start) == Array(0..<10))
        #expect(queue.count == 2)
        #expect(queue.nextCall(now: self.start) == nil)
        #expect(queue.nextCall(now: self.start, isClosing: true) == [10, 11])
        #expect(queue.count == 0)
    }

    @Test("a call never exceeds the byte limit, but for a single entry that is larger")
    func bytes() {
        var queue = self.queue(byteCount: 100, callCount: 10)
        for (entry, byteCount) in [(1, 60), (2, 40), (3, 1), (4, 500), (5, 10)] {
            queue.add(entry, byteCount: byteCount, now: self.start)
        }
        #expect(queue.byteCount == 611)
        #expect(queue.nextCall(now: self.start, isClosing: true) == [1, 2])
        #expect(queue.nextCall(now: self.start, isClosing: true) == [3])
        #expect(queue.nextCall(now: self.start, isClosing: true) == [4])
        #expect(queue.nextCall(now: self.start, isClosing: true) == [5])
        #expect(queue.byteCount == 0)
    }

    @Test("a lower byte limit counts for the next call; a higher one is not believed")
    func lowerLimit() {
        var queue = self.queue(byteCount: 100, callCount: 10)
        queue.lowerByteLimit(to: 50)
        queue.lowerByteLimit(to: 80)
        for entry in 0..<3 { queue.add(entry, byteCount: 30, now: self.start) }
        #expect(queue.nextCall(now: self.start, isClosing: true) == [0])
        #expect(queue.nextCall(now: self.start, isClosing: true) == [1])
    }

    @Test("no more calls are under way than allowed; what waits leaves when one ends")
    func callLimit() {
        var queue = self.queue(callCount: 2)
        for entry in 0..<30 { queue.add(entry, now: self.start) }
        #expect(queue.nextCall(now: self.start) != nil)
        #expect(queue.nextCall(now: self.start) != nil)
        #expect(queue.nextCall(now: self.start) == nil)
        #expect(queue.nextDue == nil, "time alone changes nothing")
        queue.callEnded()
        #expect(queue.nextCall(now: self.start) == Array(20..<30))
        #expect(!queue.isIdle)
        queue.callEnded()
        queue.callEnded()
        #expect(queue.isIdle)
    }

    @Test("everything leaves exactly once and in order, whatever the times")
    func order() {
        var random = SystemRandomNumberGenerator()
        var queue = self.queue(byteCount: 1000, callCount: 3)
        var now = self.start
        var left: [Int] = []
        for entry in 0..<5000 {
            now = now + Duration.microseconds(Int.random(in: 0...3000, using: &random))
            queue.add(entry, byteCount: Int.random(in: 0...400, using: &random), now: now)
            while let call = queue.nextCall(now: now) { left += call }
            if queue.callCount > 0, Bool.random(using: &random) { queue.callEnded() }
        }
        while queue.count > 0 || queue.callCount > 0 {
            if queue.callCount > 0 { queue.callEnded() }
            while let call = queue.nextCall(now: now, isClosing: true) { left += call }
        }
        #expect(left == Array(0..<5000))
    }

    @Test("an end without a call is a mistake of the program")
    func unbalanced() async {
        await #expect(processExitsWith: .failure) {
            var queue = EntryQueue<Int>(limits: .init(linger: .zero, callCount: 1))
            queue.callEnded()
        }
    }
}
