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
