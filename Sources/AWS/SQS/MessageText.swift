import CJSONScanner
import Glibc

/// The characters that SQS carries (API reference of SendMessage): `#x9 #xA #xD #x20-#xD7FF #xE000-#xFFFD
/// #x10000-#x10FFFF`. Anything else is refused by the service, so it is found here, with its place.
public struct MessageCharacterError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Bytes before the character, counted in the piece that holds it.
    public let offset: Int

    /// For a log line and the error envelope.
    public var description: String {
        "the message has a character at byte \(self.offset) that SQS does not carry "
            + "(a control character, U+FFFE, U+FFFF or invalid UTF-8)"
    }
}

/// Writes text as the inside of a JSON string in one pass, checking the characters on the way.
enum MessageText {
    /// Appends one piece of a text; pieces begin and end at characters.
    static func appendEscaped(_ piece: UnsafeRawBufferPointer, to buffer: RequestBuffer) throws(MessageCharacterError) {
        try self.check(piece)
        guard let source = piece.baseAddress, piece.count > 0 else { return }
        // Each byte is written as itself or as two, so one reservation is enough and the loop only moves pointers.
        try buffer.append(upTo: 2 * piece.count) { room throws(MessageCharacterError) in
            guard let target = room.baseAddress else { return 0 }
            var read = 0
            var written = 0
            while read < piece.count {
                // Eight bytes without anything to escape are copied as they are; the room behind them is there, since
                // what is left to read needs twice as much.
                if piece.count - read >= 8 {
                    let block = source.loadUnaligned(fromByteOffset: read, as: UInt64.self)
                    if !Self.needsEscape(block) {
                        target.storeBytes(of: block, toByteOffset: written, as: UInt64.self)
                        read += 8
                        written += 8
                        continue
                    }
                }
                // Up to the end of the block one by one: JSON has a quote every few bytes.
                let end = min(read + 8, piece.count)
                while read < end {
                    let byte = source.load(fromByteOffset: read, as: UInt8.self)
                    var code = byte
                    if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
                        target.storeBytes(of: UInt8(ascii: "\\"), toByteOffset: written, as: UInt8.self)
                        code = try self.escape(byte, at: read)
                        written += 1
                    }
                    target.storeBytes(of: code, toByteOffset: written, as: UInt8.self)
                    read += 1
                    written += 1
                }
            }
            return written
        }
    }

    private static let ones: UInt64 = 0x0101_0101_0101_0101
    private static let highBits: UInt64 = 0x8080_8080_8080_8080

    /// Whether one of eight bytes is a control character, a quote or a backslash, without looking at them one by one:
    /// subtracting sets the high bit of each byte below the limit, and `~` excludes those that had it.
    @inline(__always)
    private static func needsEscape(_ block: UInt64) -> Bool {
        let quote = block ^ (self.ones &* UInt64(UInt8(ascii: "\"")))
        let backslash = block ^ (self.ones &* UInt64(UInt8(ascii: "\\")))
        let controls = (block &- self.ones &* 0x20) & ~block
        let quotes = (quote &- self.ones) & ~quote
        let backslashes = (backslash &- self.ones) & ~backslash
        return (controls | quotes | backslashes) & self.highBits != 0
    }

    /// What follows the backslash.
    private static func escape(_ byte: UInt8, at offset: Int) throws(MessageCharacterError) -> UInt8 {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): return byte
        case 0x09: return UInt8(ascii: "t")
        case 0x0A: return UInt8(ascii: "n")
        case 0x0D: return UInt8(ascii: "r")
        default: throw MessageCharacterError(offset: offset)
        }
    }

    /// Refuses bytes that are not UTF-8, and the two code points that are well-formed and still not carried. Control
    /// characters are found while escaping.
    private static func check(_ piece: UnsafeRawBufferPointer) throws(MessageCharacterError) {
        let ascii = self.asciiPrefix(piece)
        guard ascii < piece.count, let base = piece.baseAddress else { return }
        let valid = ascii + cjson_utf8_prefix(base + ascii, piece.count - ascii)
        guard valid == piece.count else { throw MessageCharacterError(offset: valid) }
        var start = ascii
        // U+FFFE and U+FFFF are EF BF BE and EF BF BF.
        while start < piece.count, let lead = memchr(base + start, 0xEF, piece.count - start) {
            let offset = UnsafeRawPointer(lead) - base
            if piece[offset + 1] == 0xBF, piece[offset + 2] >= 0xBE { throw MessageCharacterError(offset: offset) }
            start = offset + 3
        }
    }

    /// How many whole blocks of eight bytes at the start are ASCII, in bytes.
    private static func asciiPrefix(_ piece: UnsafeRawBufferPointer) -> Int {
        guard let base = piece.baseAddress else { return 0 }
        var start = 0
        while piece.count - start >= 8 {
            let block = base.loadUnaligned(fromByteOffset: start, as: UInt64.self)
            if block & self.highBits != 0 { break }
            start += 8
        }
        return start
    }
}
