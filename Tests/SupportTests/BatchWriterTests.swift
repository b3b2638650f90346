import Synchronization
import Testing

@testable import Support

@Suite("Batches for a thread")
struct BatchWriterTests {
    /// Every batch that a writer's thread took.
    private final class Taken: Sendable {
        let batches = Mutex<[[Int]]>([])

        func take(from writer: BatchWriter<Int>) {
            while true {
                let batch = writer.nextBatch()
                if batch.isEmpty { return }
                self.batches.withLock { $0.append(batch) }
            }
        }
    }

    @Test("Everything is taken once, in order, and what waits at the end too")
    func order() async throws {
        let taken = Taken()
        let writer = try #require(BatchWriter<Int>(name: "test") { taken.take(from: $0) })
        for number in 0..<1000 { #expect(writer.submit(number)) }
        #expect(writer.submitPatiently(1000))
        await writer.close()
        let batches = taken.batches.withLock { $0 }
        let all = batches.flatMap { $0 }
        #expect(all.filter { $0 < 1000 } == Array(0..<1000))
        #expect(all.filter { $0 == 1000 } == [1000])
        #expect(batches.allSatisfy { $0.count <= BatchWriter<Int>.batchLimit + 1 })
        #expect(!writer.submit(1))
        #expect(!writer.submitPatiently(1))
    }

    @Test("A patient job goes along with the next batch, behind it")
    func company() async throws {
        let taken = Taken()
        let isOpen = EventSignal()
        let writer = try #require(
            BatchWriter<Int>(name: "test") { writer in
                isOpen?.wait()
                taken.take(from: writer)
            }
        )
        #expect(writer.submitPatiently(1))
        #expect(writer.submit(2))
        isOpen?.signal()
        await writer.close()
        #expect(taken.batches.withLock { $0 } == [[2, 1]])
    }

    @Test("A patient job goes alone after a while")
    func patience() async throws {
        let taken = Taken()
        let writer = try #require(BatchWriter<Int>(name: "test") { taken.take(from: $0) })
        #expect(writer.submitPatiently(1))
        while taken.batches.withLock({ $0.isEmpty }) { await Task.yield() }
        #expect(taken.batches.withLock { $0 } == [[1]])
        await writer.close()
    }

    @Test("Jobs that follow closely on a batch share the next one, and closing does not wait for it")
    func gathering() async throws {
        let taken = Taken()
        let hour: UInt64 = 3600 * 1_000_000_000
        let writer = try #require(
            BatchWriter<Int>(name: "test", gatheringNanoseconds: hour) { taken.take(from: $0) }
        )
        #expect(writer.submit(1))
        while taken.batches.withLock({ $0.isEmpty }) { await Task.yield() }
        #expect(writer.submit(2))
        #expect(writer.submit(3))
        await writer.close()
        #expect(taken.batches.withLock { $0 } == [[1], [2, 3]])
    }
}
