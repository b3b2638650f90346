/// Puts message bodies into slabs: small ones share one, a large one has its own.
struct BodyPacker {
    private let pool: SlabPool
    private var slab: ByteSlab?
    private var used = 0

    init(pool: SlabPool) {
        self.pool = pool
    }

    mutating func slice(copying body: [UInt8]) -> ByteSlice {
        if self.slab.map({ self.used + body.count > $0.capacity }) ?? true {
            self.slab = self.pool.slab(atLeast: max(1, body.count))
            self.used = 0
        }
        guard let slab = self.slab else { preconditionFailure("a slab was made above") }
        body.withUnsafeBytes { source in
            if let base = source.baseAddress { (slab.base + self.used).copyMemory(from: base, byteCount: source.count) }
        }
        defer { self.used += body.count }
        return slab.slice(self.used..<(self.used + body.count))
    }

    /// Lets go of the slab, so that an idle sidecar keeps no memory alive.
    mutating func finish() {
        self.slab = nil
    }
}
