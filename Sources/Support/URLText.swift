/// Percent escapes (RFC 3986 2.1) for one segment of a path, one value of a query, or a part of the authority.
public enum URLText {
    /// The text with everything escaped but letters, digits, `-`, `.`, `_`, `~` and, if they are kept, slashes.
    public static func escaped(_ text: String, keepingSlashes: Bool = false) -> String {
        var escaped: [UInt8] = []
        escaped.reserveCapacity(text.utf8.count)
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: escaped.append(byte)
            case UInt8(ascii: "/") where keepingSlashes: escaped.append(byte)
            default: escaped += [UInt8(ascii: "%"), self.digit(byte >> 4), self.digit(byte & 15)]
            }
        }
        return String(decoding: escaped, as: UTF8.self)
    }

    /// The text with its escapes resolved; nil when one is malformed or the result is not UTF-8.
    public static func unescaped(_ text: Substring) -> String? {
        guard text.utf8.contains(UInt8(ascii: "%")) else { return String(text) }
        var bytes: [UInt8] = []
        var input = text.utf8.makeIterator()
        while let byte = input.next() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = input.next().flatMap(self.value), let low = input.next().flatMap(self.value) else {
                return nil
            }
            bytes.append(high << 4 | low)
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        Character(UnicodeScalar(digit)).hexDigitValue.map(UInt8.init)
    }
}
