import SeededRandom
import Testing

@testable import Sidecar

extension SlabPool {
    /// A slice of a slab of its own with these bytes.
    func slice(copying bytes: [UInt8]) -> ByteSlice {
        let slab = self.slab(atLeast: max(1, bytes.count))
        bytes.withUnsafeBytes { source in
            if let base = source.baseAddress { slab.base.copyMemory(from: base, byteCount: source.count) }
        }
        return slab.slice(0..<bytes.count)
    }
}

@Suite("PieceList")
struct PieceListTests {
    private let pool = SlabPool()

    private func bytes(of list: PieceList) -> [UInt8] {
        var bytes: [UInt8] = []
        for piece in list.pieces { bytes.append(contentsOf: piece.bytes) }
        return bytes
    }

    @Test("is the bytes that were appended, message after message", arguments: UInt64(1)..<7)
    func model(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let list = PieceList(pool: self.pool)
        var kept: [(ByteSlice, [UInt8])] = []
        for _ in 0..<100 {
            var model: [UInt8] = []
            list.removeAll()
            for _ in 0..<random.count(0...30) {
                let bytes = random.bytes(random.count(0...random.count(1...3000)))
                switch random.next() % 3 {
                case 0: bytes.withUnsafeBytes { list.append(copying: $0) }
                case 1: list.append(self.pool.slice(copying: bytes))
                default:
                    list.append("constant")
                    model += Array("constant".utf8)
                    continue
                }
                model += bytes
            }
            #expect(list.byteCount == model.count)
            #expect(self.bytes(of: list) == model)
            #expect(list.pieces.allSatisfy { $0.count > 0 })
            // A receiver may keep what it does not copy.
            if let piece = list.pieces.last, random.next() % 2 == 0 { kept.append((piece.slice, Array(piece.bytes))) }
            if kept.count > 10 { kept.removeFirst(5) }
            for (slice, bytes) in kept {
                #expect(bytes.withUnsafeBytes { haveSameBytes(slice.bytes, $0) }, "a kept piece was overwritten")
            }
        }
    }

    @Test("copies what is small, refers to what is large, and joins neighbours")
    func pieces() {
        let list = PieceList(pool: self.pool)
        let small = self.pool.slice(copying: [UInt8](repeating: 1, count: OutputQueue.copyLimit - 1))
        let large = self.pool.slice(copying: [UInt8](repeating: 2, count: OutputQueue.copyLimit))
        list.append("begin")
        list.append(small)
        #expect(list.pieces.count == 1)
        list.append(large)
        #expect(list.pieces.count == 2 && list.pieces[1].slab === large.slab)
        list.append(large.part(0..<0))
        #expect(list.pieces.count == 2)
        list.append("end")
        #expect(list.pieces.count == 3)
    }

    @Test("a cleared list keeps neither message nor reply alive")
    func releases() {
        let list = PieceList(pool: self.pool)
        let before = self.pool.usedByteCount
        list.append(self.pool.slab(atLeast: 1_000_000).slice(0..<1_000_000))
        #expect(self.pool.usedByteCount > before)
        list.removeAll()
        #expect(self.pool.usedByteCount == before)
    }

    @Test("building message after message needs no further memory")
    func reuses() {
        let list = PieceList(pool: self.pool)
        let before = self.pool.usedByteCount
        for _ in 0..<2000 {
            list.removeAll()
            for _ in 0..<20 { list.append("some constant text") }
        }
        #expect(self.pool.usedByteCount == before)
        #expect(self.pool.retainedByteCount == 0)
    }
}
