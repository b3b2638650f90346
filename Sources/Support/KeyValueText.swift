/// Quoting of `key=value` log lines, by the rules of Go's text handler, so that existing parsers keep working.
enum KeyValueText {
    /// Appends a value, quoted when it is empty or holds a space, a quote, `=` or something unprintable.
    static func append(_ value: String, to line: inout [UInt8]) {
        if self.needsQuotes(value) {
            self.appendQuoted(value, to: &line)
        } else {
            line.append(contentsOf: value.utf8.prefix(KeyValueLogHandler.valueByteLimit))
        }
    }

    /// Appends a value in quotes, cut at the limit.
    static func appendQuoted(_ value: String, to line: inout [UInt8]) {
        line.append(UInt8(ascii: "\""))
        var byteCount = 0
        for scalar in value.unicodeScalars {
            byteCount += UTF8.width(scalar)
            guard byteCount <= KeyValueLogHandler.valueByteLimit else {
                line.append(contentsOf: "…".utf8)
                break
            }
            self.append(scalar, to: &line)
        }
        line.append(UInt8(ascii: "\""))
    }

    private static func needsQuotes(_ value: String) -> Bool {
        if value.isEmpty || value.utf8.count > KeyValueLogHandler.valueByteLimit { return true }
        // Below 0x80 a byte is a scalar; everything else decides by scalar.
        let isPlainASCII = value.utf8.allSatisfy { byte in
            byte > 0x20 && byte < 0x7F && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "=")
        }
        if isPlainASCII { return false }
        return value.unicodeScalars.contains { scalar in
            scalar == " " || scalar == "\"" || scalar == "=" || !self.isPrintable(scalar)
        }
    }

    private static func append(_ scalar: Unicode.Scalar, to line: inout [UInt8]) {
        switch scalar {
        case "\"": line.append(contentsOf: "\\\"".utf8)
        case "\\": line.append(contentsOf: "\\\\".utf8)
        case "\n": line.append(contentsOf: "\\n".utf8)
        case "\r": line.append(contentsOf: "\\r".utf8)
        case "\t": line.append(contentsOf: "\\t".utf8)
        default:
            if self.isPrintable(scalar) {
                line.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            } else if scalar.value < 0x80 {
                self.appendHexadecimal(scalar.value, prefix: "\\x", width: 2, to: &line)
            } else if scalar.value <= 0xFFFF {
                self.appendHexadecimal(scalar.value, prefix: "\\u", width: 4, to: &line)
            } else {
                self.appendHexadecimal(scalar.value, prefix: "\\U", width: 8, to: &line)
            }
        }
    }

    private static func appendHexadecimal(_ value: UInt32, prefix: String, width: Int, to line: inout [UInt8]) {
        let digits = String(value, radix: 16)
        line.append(contentsOf: prefix.utf8)
        line.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: max(0, width - digits.utf8.count)))
        line.append(contentsOf: digits.utf8)
    }

    /// Controls, line and paragraph separators, and the invisible marks that reorder text on a terminal.
    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F...0xA0, 0xAD, 0x200B...0x200F, 0x2028...0x202F, 0x205F...0x206F, 0x3000, 0xFEFF: false
        default: true
        }
    }
}
