/// Recursive descent over one document; `JSONValue.depthLimit` bounds the recursion.
struct JSONParser {
    private let bytes: [UInt8]
    private let depthPolicy: JSONValue.DepthPolicy
    private var position = 0

    static func parse(_ bytes: [UInt8], _ depthPolicy: JSONValue.DepthPolicy) throws(JSONParseError) -> JSONValue {
        var parser = JSONParser(bytes: bytes, depthPolicy: depthPolicy)
        let value = try parser.value(depth: 0)
        parser.skipSpace()
        guard parser.peek == nil else { throw parser.fault(.trailingCharacters) }
        return value
    }

    private init(bytes: [UInt8], depthPolicy: JSONValue.DepthPolicy) {
        self.bytes = bytes
        self.depthPolicy = depthPolicy
    }

    private var peek: UInt8? { self.position < self.bytes.count ? self.bytes[self.position] : nil }

    private func fault(_ reason: JSONParseError.Reason) -> JSONParseError {
        JSONParseError(reason: reason, offset: self.position)
    }

    private func unexpected() -> JSONParseError {
        self.fault(self.peek == nil ? .unexpectedEnd : .unexpectedCharacter)
    }

    private mutating func skipSpace() {
        while let byte = self.peek, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D {
            self.position += 1
        }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard self.peek == byte else { return false }
        self.position += 1
        return true
    }

    private mutating func value(depth: Int) throws(JSONParseError) -> JSONValue {
        guard depth < JSONValue.depthLimit else { throw self.fault(.tooDeep) }
        self.skipSpace()
        if self.depthPolicy == .empty, depth == JSONValue.depthLimit - 1, let empty = try self.emptied() {
            return empty
        }
        switch self.peek {
        case UInt8(ascii: "{"): return try self.object(depth: depth)
        case UInt8(ascii: "["): return try self.array(depth: depth)
        case UInt8(ascii: "\""): return .string(try self.string())
        case UInt8(ascii: "t"): return try self.literal("true", .bool(true))
        case UInt8(ascii: "f"): return try self.literal("false", .bool(false))
        case UInt8(ascii: "n"): return try self.literal("null", .null)
        case .some(UInt8(ascii: "-")), .some(0x30...0x39): return .number(try self.number())
        default: throw self.unexpected()
        }
    }

    private mutating func literal(_ text: StaticString, _ value: JSONValue) throws(JSONParseError) -> JSONValue {
        for index in 0..<text.utf8CodeUnitCount where !self.take(text.utf8Start[index]) {
            throw self.unexpected()
        }
        return value
    }

    /// An empty container in place of the one that begins here, if one does. What is in it is passed over without
    /// recursion, and brackets are only counted.
    private mutating func emptied() throws(JSONParseError) -> JSONValue? {
        let isObject = self.peek == UInt8(ascii: "{")
        guard isObject || self.peek == UInt8(ascii: "[") else { return nil }
        var openCount = 0
        repeat {
            switch self.peek {
            case nil: throw self.unexpected()
            case UInt8(ascii: "\""):
                _ = try self.string()
                continue
            case UInt8(ascii: "{"), UInt8(ascii: "["): openCount += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"): openCount -= 1
            default: break
            }
            self.position += 1
        } while openCount > 0
        return isObject ? .object([:]) : .array([])
    }

    private mutating func array(depth: Int) throws(JSONParseError) -> JSONValue {
        self.position += 1
        var elements: [JSONValue] = []
        self.skipSpace()
        if self.take(UInt8(ascii: "]")) { return .array(elements) }
        while true {
            elements.append(try self.value(depth: depth + 1))
            self.skipSpace()
            if self.take(UInt8(ascii: "]")) { return .array(elements) }
            guard self.take(UInt8(ascii: ",")) else { throw self.unexpected() }
        }
    }

    private mutating func object(depth: Int) throws(JSONParseError) -> JSONValue {
        self.position += 1
        var members: [String: JSONValue] = [:]
        self.skipSpace()
        if self.take(UInt8(ascii: "}")) { return .object(members) }
        while true {
            self.skipSpace()
            guard self.peek == UInt8(ascii: "\"") else { throw self.unexpected() }
            let name = try self.string()
            self.skipSpace()
            guard self.take(UInt8(ascii: ":")) else { throw self.unexpected() }
            members[name] = try self.value(depth: depth + 1)
            self.skipSpace()
            if self.take(UInt8(ascii: "}")) { return .object(members) }
            guard self.take(UInt8(ascii: ",")) else { throw self.unexpected() }
        }
    }

    private mutating func number() throws(JSONParseError) -> Double {
        let start = self.position
        _ = self.take(UInt8(ascii: "-"))
        if !self.take(UInt8(ascii: "0")) { try self.digits() }
        if self.take(UInt8(ascii: ".")) { try self.digits() }
        if self.take(UInt8(ascii: "e")) || self.take(UInt8(ascii: "E")) {
            if !self.take(UInt8(ascii: "+")) { _ = self.take(UInt8(ascii: "-")) }
            try self.digits()
        }
        let text = String(decoding: self.bytes[start..<self.position], as: UTF8.self)
        guard let value = Double(text), value.isFinite else {
            throw JSONParseError(reason: .invalidNumber, offset: start)
        }
        return value
    }

    private mutating func digits() throws(JSONParseError) {
        guard let first = self.peek, (0x30...0x39).contains(first) else { throw self.fault(.invalidNumber) }
        while let byte = self.peek, (0x30...0x39).contains(byte) { self.position += 1 }
    }

    private mutating func string() throws(JSONParseError) -> String {
        self.position += 1
        var decoded: [UInt8] = []
        while let byte = self.peek {
            self.position += 1
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: decoded, as: UTF8.self)
            case UInt8(ascii: "\\"): try self.escape(into: &decoded)
            case 0x20...: decoded.append(byte)
            default:
                self.position -= 1
                throw self.fault(.invalidString)
            }
        }
        throw self.fault(.unexpectedEnd)
    }

    private mutating func escape(into decoded: inout [UInt8]) throws(JSONParseError) {
        guard let byte = self.peek else { throw self.fault(.unexpectedEnd) }
        self.position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): decoded.append(byte)
        case UInt8(ascii: "b"): decoded.append(0x08)
        case UInt8(ascii: "f"): decoded.append(0x0C)
        case UInt8(ascii: "n"): decoded.append(0x0A)
        case UInt8(ascii: "r"): decoded.append(0x0D)
        case UInt8(ascii: "t"): decoded.append(0x09)
        case UInt8(ascii: "u"):
            let scalar = try self.unicodeEscape()
            decoded.append(contentsOf: String(Character(scalar)).utf8)
        default:
            self.position -= 1
            throw self.fault(.invalidString)
        }
    }

    /// The scalar of one `\u` escape, or of two that form a surrogate pair.
    private mutating func unicodeEscape() throws(JSONParseError) -> Unicode.Scalar {
        let high = try self.hexadecimal()
        if let scalar = Unicode.Scalar(high) { return scalar }
        let afterHigh = self.position
        if high < 0xDC00, self.take(UInt8(ascii: "\\")), self.take(UInt8(ascii: "u")) {
            let low = try self.hexadecimal()
            if (0xDC00...0xDFFF).contains(low) {
                return Unicode.Scalar(0x10000 + (high - 0xD800) << 10 + (low - 0xDC00)) ?? "\u{FFFD}"
            }
        }
        self.position = afterHigh
        return "\u{FFFD}"
    }

    private mutating func hexadecimal() throws(JSONParseError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = self.peek else { throw self.fault(.unexpectedEnd) }
            let digit: UInt8
            switch byte {
            case 0x30...0x39: digit = byte - 0x30
            case 0x41...0x46: digit = byte - 0x41 + 10
            case 0x61...0x66: digit = byte - 0x61 + 10
            default: throw self.fault(.invalidString)
            }
            value = value << 4 | UInt32(digit)
            self.position += 1
        }
        return value
    }
}
