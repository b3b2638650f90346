import Glibc

/// A block of bytes shared by the slices that point into it. The memory goes back to its pool when the last slice
/// is gone.
package final class ByteSlab {
    package let base: UnsafeMutableRawPointer
    /// Bytes in the block.
    package let capacity: Int
    private let pool: SlabPool

    fileprivate init(base: UnsafeMutableRawPointer, capacity: Int, pool: SlabPool) {
        self.base = base
        self.capacity = capacity
        self.pool = pool
    }

    deinit {
        self.pool.recycle(self.base, capacity: self.capacity)
    }

    package func slice(_ range: Range<Int>) -> ByteSlice {
        precondition(range.lowerBound >= 0 && range.upperBound <= self.capacity, "a slice lies inside its slab")
        return ByteSlice(slab: self, offset: range.lowerBound, count: range.count)
    }
}

/// A range of bytes inside a slab; holding it keeps the bytes alive. Never copies.
package struct ByteSlice {
    package let slab: ByteSlab
    package let offset: Int
    package let count: Int

    /// The bytes; valid only while this slice (or another one of its slab) is alive.
    package var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: self.slab.base + self.offset, count: self.count)
    }

    /// Part of this slice; `range` is relative to its start.
    package func part(_ range: Range<Int>) -> ByteSlice {
        precondition(range.lowerBound >= 0 && range.upperBound <= self.count, "a part lies inside its slice")
        return ByteSlice(slab: self.slab, offset: self.offset + range.lowerBound, count: range.count)
    }
}

/// Hands out slabs and keeps a bounded number of free blocks, so that steady traffic neither calls the allocator nor
/// touches fresh pages.
package final class SlabPool {
    /// Ordinary slab: a few hundred small messages, or one of the sizes that fit a read.
    package static let ordinaryByteCount = 64 * 1024
    /// Free bytes kept for reuse; the rest goes back to the system. Four bodies of 1 MiB in each direction.
    package static let retainedByteLimit = 8 * 1024 * 1024

    private var free: [(base: UnsafeMutableRawPointer, capacity: Int)] = []
    package private(set) var retainedByteCount = 0
    /// Bytes handed out and not yet returned.
    package private(set) var usedByteCount = 0

    package init() {}

    deinit {
        for block in self.free { Glibc.free(block.base) }
    }

    /// A slab of at least `byteCount` bytes.
    package func slab(atLeast byteCount: Int = SlabPool.ordinaryByteCount) -> ByteSlab {
        let capacity = Self.capacity(for: byteCount)
        self.usedByteCount += capacity
        if let index = self.free.lastIndex(where: { $0.capacity == capacity }) {
            let block = self.free.remove(at: index)
            self.retainedByteCount -= capacity
            return ByteSlab(base: block.base, capacity: capacity, pool: self)
        }
        guard let base = malloc(capacity) else {
            preconditionFailure("out of memory: \(capacity) bytes")
        }
        return ByteSlab(base: base, capacity: capacity, pool: self)
    }

    /// Few size classes (multiples of 64 KiB, then powers of two with one step between), so that blocks fit again.
    private static func capacity(for byteCount: Int) -> Int {
        guard byteCount > Self.ordinaryByteCount else { return Self.ordinaryByteCount }
        var power = Self.ordinaryByteCount
        while power < byteCount && power <= Int.max / 4 { power *= 2 }
        let threeQuarters = power / 4 * 3
        return byteCount <= threeQuarters ? threeQuarters : max(power, byteCount)
    }

    fileprivate func recycle(_ base: UnsafeMutableRawPointer, capacity: Int) {
        self.usedByteCount -= capacity
        guard self.retainedByteCount + capacity <= Self.retainedByteLimit else {
            Glibc.free(base)
            return
        }
        self.retainedByteCount += capacity
        self.free.append((base, capacity))
    }
}
