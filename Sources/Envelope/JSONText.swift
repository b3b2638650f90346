import CJSONScanner

/// Writes text as JSON into a sink.
public enum JSONText {
    /// Writes a Swift string as a JSON string, with quotes.
    @inlinable
    public static func writeString<Sink: PieceSink>(_ text: String, to sink: inout Sink) {
        var text = text
        sink.constant("\"")
        text.withUTF8 { utf8 in
            let bytes = UnsafeRawBufferPointer(utf8)
            self.forEachRun(of: bytes) { run in
                switch run {
                case .plain(let range): sink.bytes(UnsafeRawBufferPointer(rebasing: bytes[range]))
                case .escape(let escape): sink.constant(escape)
                }
            }
        }
        sink.constant("\"")
    }

    /// Writes a range of the input, which must be UTF-8, as a JSON string, with quotes.
    @inlinable
    public static func writeInputAsString<Sink: PieceSink>(
        _ range: Range<Int>,
        of input: UnsafeRawBufferPointer,
        to sink: inout Sink
    ) {
        sink.constant("\"")
        self.forEachRun(of: UnsafeRawBufferPointer(rebasing: input[range])) { run in
            switch run {
            case .plain(let part):
                sink.input((range.lowerBound + part.lowerBound)..<(range.lowerBound + part.upperBound))
            case .escape(let escape): sink.constant(escape)
            }
        }
        sink.constant("\"")
    }

    /// Writes a range of the input as it is, with U+FFFD in place of bytes that are not UTF-8 (envelope.md 8).
    @inlinable
    public static func writeInputReplacingInvalidUTF8<Sink: PieceSink>(
        _ range: Range<Int>,
        of input: UnsafeRawBufferPointer,
        to sink: inout Sink
    ) {
        var start = range.lowerBound
        while start < range.upperBound {
            let valid = self.utf8PrefixByteCount(UnsafeRawBufferPointer(rebasing: input[start..<range.upperBound]))
            if valid > 0 { sink.input(start..<(start + valid)) }
            start += valid
            if start < range.upperBound {
                sink.constant("\u{FFFD}")
                start += 1
            }
        }
    }

    /// Writes bytes as a JSON string in base64 (RFC 4648 section 4, padded).
    @inlinable
    public static func writeBase64<Sink: PieceSink>(_ bytes: UnsafeRawBufferPointer, to sink: inout Sink) {
        sink.constant("\"")
        // Blocks of a multiple of three bytes need no padding, so they can simply be joined.
        withUnsafeTemporaryAllocation(byteCount: 1024, alignment: 1) { buffer in
            var start = 0
            while start < bytes.count {
                let end = min(start + 768, bytes.count)
                let count = self.encodeBase64(UnsafeRawBufferPointer(rebasing: bytes[start..<end]), into: buffer)
                sink.bytes(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
                start = end
            }
        }
        sink.constant("\"")
    }

    /// A part of a text on its way into a JSON string.
    @usableFromInline
    enum Run {
        case plain(Range<Int>)
        case escape(StaticString)
    }

    @usableFromInline
    static func forEachRun(of bytes: UnsafeRawBufferPointer, _ body: (Run) -> Void) {
        var start = 0
        while start < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[start...])
            let plain = cjson_unescaped_prefix(rest.baseAddress, rest.count)
            if plain > 0 { body(.plain(start..<(start + plain))) }
            start += plain
            if start < bytes.count {
                body(.escape(self.escape(bytes[start])))
                start += 1
            }
        }
    }

    @usableFromInline
    static func utf8PrefixByteCount(_ bytes: UnsafeRawBufferPointer) -> Int {
        cjson_utf8_prefix(bytes.baseAddress, bytes.count)
    }

    @usableFromInline
    static func encodeBase64(_ bytes: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) -> Int {
        let alphabet: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        precondition(output.count >= (bytes.count + 2) / 3 * 4, "the base64 of a block does not fit its buffer")
        var count = 0
        var start = 0
        while start < bytes.count {
            let left = bytes.count - start
            var group = UInt32(bytes[start]) << 16
            if left > 1 { group |= UInt32(bytes[start + 1]) << 8 }
            if left > 2 { group |= UInt32(bytes[start + 2]) }
            for sextet in 0..<4 {
                let digit = Int(group >> UInt32(18 - 6 * sextet)) & 63
                let isPadding = sextet > left
                output[count + sextet] = isPadding ? UInt8(ascii: "=") : alphabet.utf8Start[digit]
            }
            count += 4
            start += 3
        }
        return count
    }

    /// The escape of a quote, a backslash or a control character.
    private static func escape(_ byte: UInt8) -> StaticString {
        switch byte {
        case UInt8(ascii: "\""): "\\\""
        case UInt8(ascii: "\\"): "\\\\"
        case 0x08: "\\b"
        case 0x09: "\\t"
        case 0x0A: "\\n"
        case 0x0C: "\\f"
        case 0x0D: "\\r"
        case 0x00: "\\u0000"
        case 0x01: "\\u0001"
        case 0x02: "\\u0002"
        case 0x03: "\\u0003"
        case 0x04: "\\u0004"
        case 0x05: "\\u0005"
        case 0x06: "\\u0006"
        case 0x07: "\\u0007"
        case 0x0B: "\\u000b"
        case 0x0E: "\\u000e"
        case 0x0F: "\\u000f"
        case 0x10: "\\u0010"
        case 0x11: "\\u0011"
        case 0x12: "\\u0012"
        case 0x13: "\\u0013"
        case 0x14: "\\u0014"
        case 0x15: "\\u0015"
        case 0x16: "\\u0016"
        case 0x17: "\\u0017"
        case 0x18: "\\u0018"
        case 0x19: "\\u0019"
        case 0x1A: "\\u001a"
        case 0x1B: "\\u001b"
        case 0x1C: "\\u001c"
        case 0x1D: "\\u001d"
        case 0x1E: "\\u001e"
        case 0x1F: "\\u001f"
        default: preconditionFailure("byte \(byte) needs no escape")
        }
    }
}
