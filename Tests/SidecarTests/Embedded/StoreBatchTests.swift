import LocalQueue
import Testing

@testable import Sidecar

@Suite("A batch for the store")
struct StoreBatchTests {
    private static func hop(_ tag: UInt64, _ count: Int = 1) -> Hop {
        Hop(receipt: Receipt(generation: 1, tag: tag), publicationCount: count)
    }

    private static func publication(_ byteCount: Int = 1) -> Publication {
        Publication(queueName: "q", envelopeID: "", body: [UInt8](repeating: 1, count: byteCount))
    }

    @Test("publications are gathered by their delivery, in order")
    func gathered() {
        var batch = StoreBatch()
        #expect(batch.isEmpty)
        batch.add(Self.publication(), token: 1, hop: Self.hop(7, 2))
        batch.add(Self.publication(), token: 2, hop: Self.hop(8))
        batch.add(Self.publication(), token: 3, hop: Self.hop(7, 2))
        #expect(batch.hops.map(\.tag) == [7, 8] && batch.hops.map(\.tokens) == [[1, 3], [2]])
        #expect(!batch.isEmpty && !batch.settlesNothing)
    }

    @Test("a hop with one publication that is too large is taken out whole")
    func tooLarge() {
        var batch = StoreBatch()
        batch.add(Self.publication(), token: 1, hop: Self.hop(7, 2))
        batch.add(Self.publication(LocalQueue.largestBodyByteCount + 1), token: 2, hop: Self.hop(7, 2))
        batch.add(Self.publication(), token: 3, hop: Self.hop(8))
        #expect(batch.takeTooLarge().map(\.tokens) == [[1, 2]])
        #expect(batch.hops.map(\.tokens) == [[3]] && batch.takeTooLarge().isEmpty)
    }

    @Test("settlements of a failed transaction come first in the next one; its publications do not come again")
    func restored() {
        var failed = StoreBatch()
        failed.add(Self.publication(), token: 1, hop: Self.hop(7))
        failed.acknowledged = [1, 2]
        failed.released = [.init(tag: 3, delay: .seconds(1))]
        var next = StoreBatch()
        next.acknowledged = [4]
        next.restore(settlementsOf: failed)
        #expect(next.acknowledged == [1, 2, 4] && next.released == failed.released && next.hops.isEmpty)
    }

    @Test("a claim alone settles nothing, but is something to do")
    func claimAlone() {
        var batch = StoreBatch()
        batch.claim = .init(queueName: "q", messageCount: 1, visibility: .seconds(1))
        #expect(batch.settlesNothing && !batch.isEmpty)
    }
}
