import SeededRandom
import Testing

@testable import AMQP

@Suite struct ConfirmTrackerTests {
    private func confirm(_ tag: UInt64, multiple: Bool = false) -> ConfirmMethod {
        ConfirmMethod(deliveryTag: tag, isMultiple: multiple, isAccepted: true)
    }

    @Test("confirms of random tags and ranges settle what a plain list says", arguments: 1...8 as ClosedRange<UInt64>)
    func model(seed: UInt64) throws {
        var generator = SeededRandom(seed: seed)
        var tracker = ConfirmTracker<UInt64>()
        var outstanding: [UInt64] = []
        var published: UInt64 = 0
        for _ in 0..<3000 {
            for _ in 0..<Int.random(in: 0...6, using: &generator) {
                published += 1
                tracker.published(published)
                outstanding.append(published)
            }
            guard let tag = outstanding.randomElement(using: &generator), Int.random(in: 0...3, using: &generator) > 0
            else { continue }
            let isMultiple = Bool.random(using: &generator)
            let expected = isMultiple ? outstanding.filter { $0 <= tag } : [tag]
            outstanding.removeAll { expected.contains($0) }
            var settled: [UInt64] = []
            try tracker.confirmed(self.confirm(tag, multiple: isMultiple)) { settled.append($0) }
            #expect(settled == expected)
            #expect(tracker.outstandingCount == outstanding.count)
            #expect(tracker.isEmpty == outstanding.isEmpty)
        }
        let left = tracker.removeAll()
        #expect(left == outstanding)
        #expect(tracker.isEmpty)
    }

    @Test("a confirm of nothing is an error, a range that is settled already is not")
    func impossible() throws {
        var tracker = ConfirmTracker<Int>()
        #expect(throws: AMQPError.unexpectedDeliveryTag(1)) { try tracker.confirmed(self.confirm(1)) { _ in } }
        tracker.published(10)
        tracker.published(11)
        let beyond = self.confirm(3, multiple: true)
        #expect(throws: AMQPError.unexpectedDeliveryTag(3)) { try tracker.confirmed(beyond) { _ in } }
        try tracker.confirmed(self.confirm(1)) { _ in }
        var settled: [Int] = []
        try tracker.confirmed(self.confirm(1, multiple: true)) { settled.append($0) }
        #expect(settled.isEmpty)
        #expect(throws: AMQPError.unexpectedDeliveryTag(1)) { try tracker.confirmed(self.confirm(1)) { _ in } }
    }

    @Test("the oldest matching publication is changed")
    func update() throws {
        var tracker = ConfirmTracker<(id: Int, isReturned: Bool)>()
        for id in [1, 2, 2, 3] { tracker.published((id, false)) }
        for isExpected in [true, true, false] {
            let isFound = tracker.update(where: { $0.id == 2 && !$0.isReturned }, { $0.isReturned = true })
            #expect(isFound == isExpected)
        }
        var settled: [Bool] = []
        try tracker.confirmed(self.confirm(4, multiple: true)) { settled.append($0.isReturned) }
        #expect(settled == [false, true, true, false])
        let isFound = tracker.update(where: { _ in true }, { _ in })
        #expect(!isFound)
    }

    @Test("a new channel counts from 1 again")
    func reset() throws {
        var tracker = ConfirmTracker<Int>()
        for value in 0..<600 { tracker.published(value) }
        try tracker.confirmed(self.confirm(500, multiple: true)) { _ in }
        let left = tracker.removeAll()
        #expect(left == Array(500..<600))
        tracker.published(7)
        var settled: [Int] = []
        try tracker.confirmed(self.confirm(1)) { settled.append($0) }
        #expect(settled == [7])
    }
}
