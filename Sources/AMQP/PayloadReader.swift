/// A cursor over the payload of one frame. Every step checks the bounds and answers nil behind the end.
struct PayloadReader {
    private let bytes: UnsafeRawBufferPointer
    private(set) var offset: Int

    init(_ bytes: UnsafeRawBufferPointer, from offset: Int = 0) {
        precondition(offset >= 0, "an offset is not negative")
        self.bytes = bytes
        self.offset = offset
    }

    var remaining: Int { self.bytes.count - self.offset }

    mutating func uint8() -> UInt8? {
        guard self.remaining >= 1 else { return nil }
        defer { self.offset += 1 }
        return self.bytes[self.offset]
    }

    mutating func uint16() -> UInt16? {
        guard self.remaining >= 2 else { return nil }
        defer { self.offset += 2 }
        return UInt16(bigEndian: self.bytes.loadUnaligned(fromByteOffset: self.offset, as: UInt16.self))
    }

    mutating func uint32() -> UInt32? {
        guard self.remaining >= 4 else { return nil }
        defer { self.offset += 4 }
        return UInt32(bigEndian: self.bytes.loadUnaligned(fromByteOffset: self.offset, as: UInt32.self))
    }

    mutating func uint64() -> UInt64? {
        guard self.remaining >= 8 else { return nil }
        defer { self.offset += 8 }
        return UInt64(bigEndian: self.bytes.loadUnaligned(fromByteOffset: self.offset, as: UInt64.self))
    }

    /// One length byte and that many bytes.
    mutating func shortString() -> Range<Int>? {
        guard let count = self.uint8() else { return nil }
        return self.take(Int(count))
    }

    /// Four length bytes and that many bytes; tables, arrays and long strings look like this.
    mutating func longBlock() -> Range<Int>? {
        guard let count = self.uint32() else { return nil }
        return self.take(Int(count))
    }

    mutating func take(_ count: Int) -> Range<Int>? {
        guard count >= 0, count <= self.remaining else { return nil }
        defer { self.offset += count }
        return self.offset..<self.offset + count
    }
}
