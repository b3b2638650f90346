import CJSONScanner

/// A JSON string inside a scanned text: the range of its bytes, quotes included.
///
/// It owns nothing; every operation asks for the bytes that were scanned. Comparing and decoding resolve
/// escapes, lone surrogates become U+FFFD (envelope.md 2).
public struct StringToken: Sendable, Equatable {
    /// Where the string stands, with both quotes: what a writer splices.
    public let range: Range<Int>
    /// Whether the text contains a backslash, so that its bytes are not its value.
    public let hasEscapes: Bool

    /// Whether the string is `""`.
    public var isEmpty: Bool { self.range.count == 2 }

    /// Where the characters between the quotes stand, escapes not resolved.
    public var contents: Range<Int> { (self.range.lowerBound + 1)..<(self.range.upperBound - 1) }

    init?(_ value: cjson_value) {
        guard value.kind == .string else { return nil }
        self.range = value.range
        self.hasEscapes = value.flags & CJSON_FLAG_ESCAPES != 0
    }

    var value: cjson_value {
        cjson_value(
            start: UInt32(self.range.lowerBound),
            end: UInt32(self.range.upperBound),
            kind: .string,
            flags: self.hasEscapes ? CJSON_FLAG_ESCAPES : 0
        )
    }

    /// Whether the decoded string has exactly these UTF-8 bytes.
    public func equals(_ utf8: UnsafeRawBufferPointer, in bytes: UnsafeRawBufferPointer) -> Bool {
        self.checkRange(in: bytes)
        return cjson_string_equals(bytes.baseAddress, self.value, utf8.baseAddress, utf8.count)
    }

    /// Whether the decoded string has exactly the UTF-8 bytes of `text` (no Unicode normalisation).
    public func equals(_ text: String, in bytes: UnsafeRawBufferPointer) -> Bool {
        var text = text
        return text.withUTF8 { self.equals(UnsafeRawBufferPointer($0), in: bytes) }
    }

    /// Number of UTF-8 bytes of the decoded string.
    public func decodedByteCount(in bytes: UnsafeRawBufferPointer) -> Int {
        self.checkRange(in: bytes)
        return cjson_string_decode(bytes.baseAddress, self.value, nil, 0)
    }

    /// Writes the decoded UTF-8 into `buffer`, cut off at its end, and returns the length of the whole string.
    @discardableResult
    public func decode(in bytes: UnsafeRawBufferPointer, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        self.checkRange(in: bytes)
        return cjson_string_decode(bytes.baseAddress, self.value, buffer.baseAddress, buffer.count)
    }

    /// Appends the decoded UTF-8, for message ids, queue names and URL paths.
    public func appendDecoded(in bytes: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        let count = self.decodedByteCount(in: bytes)
        withUnsafeTemporaryAllocation(byteCount: count, alignment: 1) { buffer in
            self.decode(in: bytes, into: buffer)
            output.append(contentsOf: UnsafeRawBufferPointer(buffer))
        }
    }

    /// The decoded string; allocates, so not for every message.
    public func string(in bytes: UnsafeRawBufferPointer) -> String {
        let count = self.decodedByteCount(in: bytes)
        return String(unsafeUninitializedCapacity: count) { buffer in
            min(self.decode(in: bytes, into: UnsafeMutableRawBufferPointer(buffer)), buffer.count)
        }
    }

    private func checkRange(in bytes: UnsafeRawBufferPointer) {
        precondition(self.range.upperBound <= bytes.count, "a token is used with bytes it does not come from")
    }
}

extension cjson_value {
    var range: Range<Int> { Int(self.start)..<Int(self.end) }

    func range(ifKind kind: cjson_kind) -> Range<Int>? { self.kind == kind ? self.range : nil }

    /// `null` counts as absent for most members.
    var isAbsentOrNull: Bool { self.kind == .absent || self.kind == .null }
}
