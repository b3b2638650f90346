/// One outgoing message as a list of pieces: small ones copied into a block of its own, large ones referenced.
///
/// Reusable: the pipeline keeps one, fills it, hands it to the transport and clears it, so building a message
/// allocates nothing.
package final class PieceList {
    /// A piece of the message.
    package struct Piece {
        package var slab: ByteSlab
        package var offset: Int
        package var count: Int

        package var bytes: UnsafeRawBufferPointer {
            UnsafeRawBufferPointer(start: self.slab.base + self.offset, count: self.count)
        }
        package var slice: ByteSlice { ByteSlice(slab: self.slab, offset: self.offset, count: self.count) }
    }

    private let pool: SlabPool
    private var block: ByteSlab
    private var blockUsed = 0
    /// In order. Only valid until the next change.
    package private(set) var pieces: [Piece] = []
    /// Bytes of the whole message.
    package private(set) var byteCount = 0

    package init(pool: SlabPool) {
        self.pool = pool
        self.block = pool.slab()
    }

    package func removeAll() {
        self.pieces.removeAll(keepingCapacity: true)
        self.byteCount = 0
        // Receivers copy small pieces or keep the slab; the block may be written again only if nobody kept it.
        if !isKnownUniquelyReferenced(&self.block) { self.block = self.pool.slab() }
        self.blockUsed = 0
    }

    package func append(copying bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress, bytes.count > 0 else { return }
        if self.blockUsed + bytes.count > self.block.capacity {
            self.block = self.pool.slab(atLeast: bytes.count)
            self.blockUsed = 0
        }
        (self.block.base + self.blockUsed).copyMemory(from: source, byteCount: bytes.count)
        self.push(self.block, self.blockUsed, bytes.count)
        self.blockUsed += bytes.count
    }

    package func append(_ text: StaticString) {
        self.append(copying: UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Copies a small slice, refers to a large one.
    package func append(_ slice: ByteSlice) {
        if slice.count < OutputQueue.copyLimit {
            self.append(copying: slice.bytes)
        } else {
            self.push(slice.slab, slice.offset, slice.count)
        }
    }

    /// The whole message in one piece, for whoever needs it on another thread or later.
    package func copied() -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: self.byteCount) { buffer, count in
            var target = UnsafeMutableRawBufferPointer(buffer)
            for piece in self.pieces {
                target.copyMemory(from: piece.bytes)
                target = UnsafeMutableRawBufferPointer(rebasing: target[piece.count...])
            }
            count = self.byteCount
        }
    }

    private func push(_ slab: ByteSlab, _ offset: Int, _ count: Int) {
        self.byteCount += count
        let last = self.pieces.count - 1
        if last >= 0, self.pieces[last].slab === slab, self.pieces[last].offset + self.pieces[last].count == offset {
            self.pieces[last].count += count
        } else {
            self.pieces.append(Piece(slab: slab, offset: offset, count: count))
        }
    }
}
