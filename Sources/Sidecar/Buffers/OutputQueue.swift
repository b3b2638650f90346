import CUVShim
import Glibc

/// Bytes waiting for a socket, in order: small pieces copied into a block, large ones referenced where they are.
/// Neighbours in one block merge, so a run of small messages leaves as one vector.
struct OutputQueue: ~Copyable {
    /// Pieces below this are copied; a vector entry costs more than moving them (hot-path measurements, section 3).
    static let copyLimit = 512
    /// Vectors given to one `writev`; the kernel's own limit is 1024.
    private static let vectorLimit = 64

    private struct Segment {
        var start: UnsafeMutableRawPointer
        var count: Int
        let owner: ByteSlab
    }

    private let pool: SlabPool
    private var segments: [Segment] = []
    private var first = 0
    private var block: ByteSlab
    private var blockUsed = 0

    /// Bytes not yet taken by the kernel.
    private(set) var byteCount = 0

    init(pool: SlabPool) {
        self.pool = pool
        self.block = pool.slab()
    }

    var isEmpty: Bool { self.byteCount == 0 }

    /// Room for `count` contiguous bytes that `fill` writes; all of them must be written.
    mutating func append(count: Int, fill: (UnsafeMutableRawPointer) -> Void) {
        self.makeRoom(count)
        let start = self.block.base + self.blockUsed
        fill(start)
        self.blockUsed += count
        self.push(start, count, self.block)
    }

    /// Copies `bytes`.
    mutating func append(copying bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress, bytes.count > 0 else { return }
        self.makeRoom(bytes.count)
        let start = self.block.base + self.blockUsed
        start.copyMemory(from: source, byteCount: bytes.count)
        self.blockUsed += bytes.count
        self.push(start, bytes.count, self.block)
    }

    mutating func append(_ byte: UInt8) {
        self.makeRoom(1)
        let start = self.block.base + self.blockUsed
        start.storeBytes(of: byte, as: UInt8.self)
        self.blockUsed += 1
        self.push(start, 1, self.block)
    }

    mutating func append(_ text: StaticString) {
        self.append(copying: UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Copies a small slice, refers to a large one.
    mutating func append(_ slice: ByteSlice) {
        if slice.count < Self.copyLimit {
            self.append(copying: slice.bytes)
        } else {
            self.push(slice.slab.base + slice.offset, slice.count, slice.slab)
        }
    }

    /// Writes as much as the socket takes.
    ///
    /// - Returns: whether everything left; `false` means the socket is full and `streamWritable` will follow.
    mutating func flush(to socket: StreamSocket) throws(StreamError) -> Bool {
        while self.byteCount > 0 {
            let outcome = try self.writeOnce(to: socket)
            self.consume(outcome.taken)
            if outcome.isSocketFull { return false }
        }
        return true
    }

    /// Forgets everything, for a connection that is gone.
    mutating func removeAll() {
        self.segments.removeAll(keepingCapacity: true)
        self.first = 0
        self.byteCount = 0
        self.block = self.pool.slab()
        self.blockUsed = 0
    }

    private mutating func writeOnce(to socket: StreamSocket) throws(StreamError) -> StreamSocket.WriteOutcome {
        let count = min(self.segments.count - self.first, Self.vectorLimit)
        let first = self.first
        let segments = self.segments
        var result: Result<StreamSocket.WriteOutcome, StreamError> = .success(.init(taken: 0, isSocketFull: true))
        withUnsafeTemporaryAllocation(of: iovec.self, capacity: count) { vectors in
            for index in 0..<count {
                let segment = segments[first + index]
                vectors.initializeElement(at: index, to: iovec(iov_base: segment.start, iov_len: segment.count))
            }
            result = socket.write(UnsafeBufferPointer(vectors))
        }
        return try result.get()
    }

    private mutating func makeRoom(_ count: Int) {
        if self.blockUsed + count > self.block.capacity {
            self.block = self.pool.slab(atLeast: count)
            self.blockUsed = 0
        }
    }

    private mutating func push(_ start: UnsafeMutableRawPointer, _ count: Int, _ owner: ByteSlab) {
        self.byteCount += count
        let last = self.segments.count - 1
        if last >= self.first, self.segments[last].start + self.segments[last].count == start,
            self.segments[last].owner === owner
        {
            self.segments[last].count += count
            return
        }
        self.segments.append(Segment(start: start, count: count, owner: owner))
    }

    private mutating func consume(_ count: Int) {
        self.byteCount -= count
        var left = count
        while left > 0 {
            if self.segments[self.first].count > left {
                self.segments[self.first].start += left
                self.segments[self.first].count -= left
                return
            }
            left -= self.segments[self.first].count
            self.first += 1
        }
        if self.first == self.segments.count {
            self.segments.removeAll(keepingCapacity: true)
            self.first = 0
            // Nothing points into the block any more, so it can be filled from the start again.
            self.blockUsed = 0
        } else if self.first >= Self.vectorLimit, self.first * 2 >= self.segments.count {
            self.segments.removeFirst(self.first)
            self.first = 0
        }
    }
}
