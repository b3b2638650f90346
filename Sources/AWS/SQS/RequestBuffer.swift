/// Bytes of one request in memory that does not move while the request is under way, and is used again afterwards.
///
/// Owned by one thread. It grows by doubling up to what the largest request needs and keeps that.
public final class RequestBuffer {
    private var storage: UnsafeMutableRawBufferPointer
    /// How many bytes were written.
    public private(set) var count = 0

    /// A buffer with this much room to start with.
    public init(capacity: Int = 4096) {
        self.storage = .allocate(byteCount: max(capacity, 64), alignment: 16)
    }

    deinit {
        self.storage.deallocate()
    }

    /// What was written; good until the next change.
    public var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: self.storage[..<self.count]) }

    /// Forgets everything, keeps the memory.
    public func removeAll() { self.count = 0 }

    /// Forgets what was written behind `count`.
    func truncate(to count: Int) {
        precondition(count >= 0 && count <= self.count, "a buffer is cut back to where it has been")
        self.count = count
    }

    /// Appends bytes.
    public func append(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress, bytes.count > 0 else { return }
        self.reserve(bytes.count)
        self.storage.baseAddress?.advanced(by: self.count).copyMemory(from: source, byteCount: bytes.count)
        self.count += bytes.count
    }

    /// Appends bytes.
    public func append(_ bytes: [UInt8]) { bytes.withUnsafeBytes { self.append($0) } }

    /// Appends constant text.
    public func append(_ text: StaticString) { text.withUTF8Buffer { self.append(UnsafeRawBufferPointer($0)) } }

    /// Appends one byte.
    public func append(_ byte: UInt8) {
        self.reserve(1)
        self.storage[self.count] = byte
        self.count += 1
    }

    /// Appends a number in decimal digits.
    public func append(decimal value: Int) {
        precondition(value >= 0, "only counts and seconds are written")
        withUnsafeTemporaryAllocation(byteCount: 20, alignment: 1) { digits in
            var start = digits.count
            var rest = value
            repeat {
                start -= 1
                digits[start] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            } while rest > 0
            self.append(UnsafeRawBufferPointer(rebasing: digits[start...]))
        }
    }

    /// Lends room for `capacity` bytes behind what was written; `body` returns how many of them it has filled.
    func append<E: Error>(
        upTo capacity: Int,
        _ body: (UnsafeMutableRawBufferPointer) throws(E) -> Int
    ) throws(E) {
        self.reserve(capacity)
        let room = UnsafeMutableRawBufferPointer(rebasing: self.storage[self.count..<(self.count + capacity)])
        let written = try body(room)
        precondition(written >= 0 && written <= capacity, "no more is written than there is room for")
        self.count += written
    }

    private func reserve(_ byteCount: Int) {
        let needed = self.count + byteCount
        guard needed > self.storage.count else { return }
        let grown = UnsafeMutableRawBufferPointer.allocate(
            byteCount: max(needed, 2 * self.storage.count),
            alignment: 16
        )
        grown.copyMemory(from: self.bytes)
        self.storage.deallocate()
        self.storage = grown
    }
}
