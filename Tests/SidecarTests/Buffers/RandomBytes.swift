import Glibc
import SeededRandom

extension SeededRandom {
    /// Bytes in which a gap, a repetition or an exchange shows.
    mutating func bytes(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, initializedCount in
            let raw = UnsafeMutableRawBufferPointer(buffer)
            var offset = 0
            while offset + 8 <= count {
                raw.storeBytes(of: self.next(), toByteOffset: offset, as: UInt64.self)
                offset += 8
            }
            while offset < count {
                raw[offset] = UInt8(truncatingIfNeeded: self.next())
                offset += 1
            }
            initializedCount = count
        }
    }
}

/// Compares without a loop in Swift: model tests compare megabytes in builds without optimisation.
func haveSameBytes(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
    guard left.count == right.count else { return false }
    guard let leftBase = left.baseAddress, let rightBase = right.baseAddress else { return left.isEmpty }
    return memcmp(leftBase, rightBase, left.count) == 0
}
