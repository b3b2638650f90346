import SeededRandom
import Testing

@testable import Sidecar

@Suite("SlabPool")
struct SlabPoolTests {
    @Test("a block comes back when the last slice of it is gone, and is used again")
    func recycles() {
        let pool = SlabPool()
        var slab: ByteSlab? = pool.slab()
        let base = slab?.base
        var slice = slab?.slice(10..<20)
        var part = slice?.part(2..<5)
        slab = nil
        slice = nil
        #expect(pool.usedByteCount == SlabPool.ordinaryByteCount, "the part keeps it")
        #expect(part?.offset == 12 && part?.count == 3)
        part = nil
        #expect(pool.usedByteCount == 0 && pool.retainedByteCount == SlabPool.ordinaryByteCount)
        #expect(pool.slab().base == base)
    }

    @Test(
        "gives at least what is asked for, and not much more",
        arguments: [
            0, 1, 65_535, 65_536, 65_537, 98_304, 98_305, 131_072, 200_000, 1 << 20, (1 << 20) + 1, 12_582_912,
            50_000_000,
        ]
    )
    func sizes(byteCount: Int) {
        let pool = SlabPool()
        let slab = pool.slab(atLeast: byteCount)
        #expect(slab.capacity >= byteCount)
        #expect(slab.capacity <= max(SlabPool.ordinaryByteCount, byteCount * 3 / 2 + 1))
        #expect(pool.usedByteCount == slab.capacity)
    }

    @Test("keeps a bounded number of free bytes, whatever was in use")
    func bounded() {
        let pool = SlabPool()
        var slabs = (0..<200).map { _ in pool.slab() }
        slabs.append(pool.slab(atLeast: 100 * 1024 * 1024))
        slabs.removeAll()
        #expect(pool.usedByteCount == 0)
        #expect(pool.retainedByteCount <= SlabPool.retainedByteLimit)
        #expect(pool.retainedByteCount > SlabPool.retainedByteLimit / 2)
    }

    @Test("two holders never get the same memory", arguments: UInt64(1)..<5)
    func exclusive(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let pool = SlabPool()
        var held: [(slab: ByteSlab, mark: UInt64)] = []
        for step in 0..<1000 {
            if held.isEmpty || random.next() % 2 == 0 {
                let slab = pool.slab(atLeast: random.count(0...300_000))
                let mark = UInt64(step)
                slab.base.storeBytes(of: mark, as: UInt64.self)
                (slab.base + slab.capacity - 8).storeBytes(of: mark, as: UInt64.self)
                held.append((slab, mark))
            } else {
                let (slab, mark) = held.remove(at: random.count(0...(held.count - 1)))
                #expect(slab.base.load(as: UInt64.self) == mark)
                #expect((slab.base + slab.capacity - 8).loadUnaligned(as: UInt64.self) == mark)
            }
            if held.count > 40 { held.removeFirst(20) }
        }
        #expect(pool.usedByteCount == held.reduce(0) { $0 + $1.slab.capacity })
    }

    @Test("a slice outside its slab stops the process")
    func outside() async {
        await #expect(processExitsWith: .failure) {
            _ = SlabPool().slab().slice(0..<(SlabPool.ordinaryByteCount + 1))
        }
        await #expect(processExitsWith: .failure) {
            _ = SlabPool().slab().slice(5..<10).part(0..<6)
        }
    }
}
