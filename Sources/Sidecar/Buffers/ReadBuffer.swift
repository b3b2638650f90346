/// Bytes read from a socket and not yet understood, in a slab that finished frames can be sliced out of without a copy.
///
/// Invariant: `0 <= start <= end <= slab.capacity`; the unread bytes are `start..<end`.
struct ReadBuffer {
    /// A tail smaller than this is not worth a system call; a new slab is started instead.
    private static let smallestRead = 4096

    private let pool: SlabPool
    private var slab: ByteSlab
    private var start = 0
    private var end = 0

    init(pool: SlabPool) {
        self.pool = pool
        self.slab = pool.slab()
    }

    /// Bytes that have arrived and were not consumed.
    var unreadByteCount: Int { self.end - self.start }

    /// The unread bytes; valid until the next call that changes the buffer.
    var unread: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: self.slab.base + self.start, count: self.end - self.start)
    }

    /// Where the next read may write.
    ///
    /// - Parameter expected: bytes of the frame in progress, counted from `start`, when known: the space returned
    ///   then reaches at least to its end, so that the frame stays contiguous and is never moved again.
    mutating func space(expecting expected: Int) -> UnsafeMutableRawBufferPointer {
        if self.start == self.end, isKnownUniquelyReferenced(&self.slab),
            self.slab.capacity <= SlabPool.ordinaryByteCount
        {
            self.start = 0
            self.end = 0
        }
        let needed = max(expected, self.unreadByteCount + Self.smallestRead)
        if self.start + needed > self.slab.capacity {
            self.moveToNewSlab(atLeast: needed)
        }
        return UnsafeMutableRawBufferPointer(
            start: self.slab.base + self.end,
            count: self.slab.capacity - self.end
        )
    }

    /// `count` bytes were written to the space.
    mutating func filled(_ count: Int) {
        precondition(count >= 0 && self.end + count <= self.slab.capacity, "a read stays inside its space")
        self.end += count
    }

    /// Takes `count` unread bytes out as a slice that keeps its slab alive.
    mutating func take(_ count: Int) -> ByteSlice {
        precondition(count >= 0 && count <= self.unreadByteCount, "only what was read can be taken")
        let slice = self.slab.slice(self.start..<self.start + count)
        self.start += count
        return slice
    }

    /// Forgets `count` unread bytes.
    mutating func skip(_ count: Int) {
        precondition(count >= 0 && count <= self.unreadByteCount, "only what was read can be skipped")
        self.start += count
    }

    private mutating func moveToNewSlab(atLeast count: Int) {
        let fresh = self.pool.slab(atLeast: count)
        let unread = self.unreadByteCount
        fresh.base.copyMemory(from: self.slab.base + self.start, byteCount: unread)
        self.slab = fresh
        self.start = 0
        self.end = unread
    }
}
