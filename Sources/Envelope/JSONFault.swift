import CJSONScanner

/// Why and where a text is not JSON as envelope.md 2 wants it (UTF-8, RFC 8259, bounded nesting).
public struct JSONFault: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kind of a fault, for tests and counters; `description` is for people.
    public enum Kind: Sendable, Equatable {
        case unexpectedEnd, unexpectedByte, trailingByte
        case invalidNumber, invalidLiteral, invalidEscape, controlCharacter, invalidUTF8
        case tooDeep, tooLong
    }

    /// What is wrong.
    public let kind: Kind
    /// Offset of the wrong byte; the length of the text when its end came too early.
    public let offset: Int

    /// A phrase such as `unexpected character at offset 5`.
    public var description: String {
        let problem =
            switch self.kind {
            case .unexpectedEnd: "unexpected end of input"
            case .unexpectedByte: "unexpected character"
            case .trailingByte: "unexpected character after the top-level value"
            case .invalidNumber: "invalid number"
            case .invalidLiteral: "invalid literal"
            case .invalidEscape: "invalid escape sequence in string"
            case .controlCharacter: "control character in string"
            case .invalidUTF8: "invalid UTF-8"
            case .tooDeep: "nesting deeper than \(CJSON_MAX_DEPTH) levels"
            case .tooLong: "text longer than \(CJSON_MAX_BYTES) bytes"
            }
        return "\(problem) at offset \(self.offset)"
    }

    /// `nil` when the scan found no fault.
    init?(_ status: cjson_status) {
        switch status.fault {
        case .none: return nil
        case .unexpectedEnd: self.kind = .unexpectedEnd
        case .unexpectedByte: self.kind = .unexpectedByte
        case .trailingByte: self.kind = .trailingByte
        case .invalidNumber: self.kind = .invalidNumber
        case .invalidLiteral: self.kind = .invalidLiteral
        case .invalidEscape: self.kind = .invalidEscape
        case .controlCharacter: self.kind = .controlCharacter
        case .invalidUTF8: self.kind = .invalidUTF8
        case .tooDeep: self.kind = .tooDeep
        case .tooLong: self.kind = .tooLong
        }
        self.offset = Int(status.offset)
    }
}
