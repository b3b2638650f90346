import SeededRandom
import Testing

@testable import AMQP

@Suite struct AckBatchTests {
    /// The broker's side: which deliveries it still waits for.
    private struct Broker {
        var unsettled: Set<UInt64> = []

        /// What RabbitMQ does with an acknowledgement; false when it would close the channel.
        mutating func receives(_ frame: AckBatch.Frame) -> Bool {
            guard self.unsettled.contains(frame.tag) else { return false }
            if frame.isMultiple {
                self.unsettled = self.unsettled.filter { $0 > frame.tag }
            } else {
                self.unsettled.remove(frame.tag)
            }
            return true
        }
    }

    @Test("random settlements leave the broker with exactly what we hold", arguments: 1...8 as ClosedRange<UInt64>)
    func model(seed: UInt64) throws {
        var generator = SeededRandom(seed: seed)
        var batch = AckBatch()
        var broker = Broker()
        var held: [UInt64] = []
        var tag: UInt64 = 0
        for _ in 0..<2000 {
            for _ in 0..<Int.random(in: 0...5, using: &generator) where held.count < 64 {
                tag += 1
                try batch.delivered(tag)
                broker.unsettled.insert(tag)
                held.append(tag)
            }
            for _ in 0..<Int.random(in: 0...5, using: &generator) where !held.isEmpty {
                // Mostly in order, as the pipeline settles.
                let isInOrder = Int.random(in: 0...3, using: &generator) > 0
                let index = isInOrder ? 0 : Int.random(in: 0..<held.count, using: &generator)
                let settled = held.remove(at: index)
                if Int.random(in: 0...5, using: &generator) == 0 {
                    batch.released(settled)
                    broker.unsettled.remove(settled)
                } else {
                    batch.acknowledge(settled)
                }
            }
            if Bool.random(using: &generator) {
                batch.takeFrames { frame in
                    let isKnown = broker.receives(frame)
                    #expect(isKnown, "acknowledged \(frame.tag), which the broker does not wait for")
                }
                #expect(broker.unsettled == Set(held))
                #expect(!batch.hasPending)
                #expect(batch.unsettledCount == held.count)
            }
        }
    }

    private func frames(_ batch: inout AckBatch) -> [AckBatch.Frame] {
        var frames: [AckBatch.Frame] = []
        batch.takeFrames { frames.append($0) }
        return frames
    }

    @Test("a settled run at the front is one frame")
    func prefix() throws {
        var batch = AckBatch()
        for tag in 1...5 as ClosedRange<UInt64> { try batch.delivered(tag) }
        for tag in [3, 1, 2] as [UInt64] { batch.acknowledge(tag) }
        var sent = self.frames(&batch)
        #expect(sent == [AckBatch.Frame(tag: 3, isMultiple: true)])
        sent = self.frames(&batch)
        #expect(sent.isEmpty)
        batch.acknowledge(4)
        sent = self.frames(&batch)
        #expect(sent == [AckBatch.Frame(tag: 4, isMultiple: false)])
    }

    @Test("what is settled behind a gap goes one by one")
    func gap() throws {
        var batch = AckBatch()
        for tag in 1...5 as ClosedRange<UInt64> { try batch.delivered(tag) }
        for tag in [1, 4, 3] as [UInt64] { batch.acknowledge(tag) }
        var sent = self.frames(&batch)
        #expect(
            sent == [
                AckBatch.Frame(tag: 1, isMultiple: false), AckBatch.Frame(tag: 4, isMultiple: false),
                AckBatch.Frame(tag: 3, isMultiple: false),
            ]
        )
        batch.acknowledge(2)
        batch.acknowledge(5)
        sent = self.frames(&batch)
        #expect(sent == [AckBatch.Frame(tag: 5, isMultiple: true)])
    }

    @Test("a tag that does not follow the last one is an error")
    func order() throws {
        var batch = AckBatch()
        #expect(throws: AMQPError.unexpectedDeliveryTag(2)) { try batch.delivered(2) }
        try batch.delivered(1)
        #expect(throws: AMQPError.unexpectedDeliveryTag(1)) { try batch.delivered(1) }
    }

    @Test("settling twice traps")
    func twice() async {
        await #expect(processExitsWith: .failure) {
            var batch = AckBatch()
            try batch.delivered(1)
            batch.acknowledge(1)
            batch.acknowledge(1)
        }
    }
}
