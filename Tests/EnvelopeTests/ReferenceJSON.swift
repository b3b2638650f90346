/// The grammar of RFC 8259 once more, written for clarity and nothing else: the oracle for random documents.
struct ReferenceJSON {
    private let bytes: [UInt8]
    private var position = 0

    static func accepts(_ bytes: [UInt8]) -> Bool {
        var reference = ReferenceJSON(bytes: bytes)
        reference.space()
        guard reference.value() else { return false }
        reference.space()
        return reference.position == bytes.count
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    private var next: UInt8? { self.position < self.bytes.count ? self.bytes[self.position] : nil }

    private mutating func take(_ character: Character) -> Bool {
        guard self.next == character.asciiValue else { return false }
        self.position += 1
        return true
    }

    private mutating func space() {
        while let byte = self.next, [0x20, 0x0A, 0x0D, 0x09].contains(byte) { self.position += 1 }
    }

    private mutating func value() -> Bool {
        switch self.next {
        case UInt8(ascii: "{"): return self.list("{", "}") { $0.string() && $0.colon() && $0.value() }
        case UInt8(ascii: "["): return self.list("[", "]") { $0.value() }
        case UInt8(ascii: "\""): return self.string()
        case UInt8(ascii: "t"): return self.word("true")
        case UInt8(ascii: "f"): return self.word("false")
        case UInt8(ascii: "n"): return self.word("null")
        default: return self.number()
        }
    }

    private mutating func word(_ text: String) -> Bool { text.allSatisfy { self.take($0) } }

    private mutating func colon() -> Bool {
        self.space()
        guard self.take(":") else { return false }
        self.space()
        return true
    }

    private mutating func list(
        _ open: Character,
        _ close: Character,
        _ entry: (inout ReferenceJSON) -> Bool
    ) -> Bool {
        guard self.take(open) else { return false }
        self.space()
        if self.take(close) { return true }
        repeat {
            self.space()
            guard entry(&self) else { return false }
            self.space()
        } while self.take(",")
        return self.take(close)
    }

    private mutating func digits() -> Bool {
        let start = self.position
        while let byte = self.next, (0x30...0x39).contains(byte) { self.position += 1 }
        return self.position > start
    }

    private mutating func number() -> Bool {
        _ = self.take("-")
        if !self.take("0"), !self.digits() { return false }
        if self.take("."), !self.digits() { return false }
        if self.take("e") || self.take("E") {
            if !self.take("+") { _ = self.take("-") }
            return self.digits()
        }
        return true
    }

    private mutating func string() -> Bool {
        guard self.take("\"") else { return false }
        let start = self.position
        while let byte = self.next {
            if byte == UInt8(ascii: "\"") {
                let contents = self.bytes[start..<self.position]
                self.position += 1
                return String(validating: contents, as: UTF8.self) != nil
            }
            guard byte >= 0x20 else { return false }
            self.position += 1
            if byte == UInt8(ascii: "\\"), !self.escape() { return false }
        }
        return false
    }

    private mutating func escape() -> Bool {
        guard let letter = self.next else { return false }
        self.position += 1
        if letter != UInt8(ascii: "u") { return "\"\\/bfnrt".utf8.contains(letter) }
        for _ in 0..<4 {
            guard let digit = self.next, Character(UnicodeScalar(digit)).isHexDigit, digit < 0x80 else { return false }
            self.position += 1
        }
        return true
    }
}
