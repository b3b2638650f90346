/// Which value a plain (unquoted) YAML scalar stands for. The rules are those of kubectl, so that a manifest means here
/// what it means there: YAML 1.1 with `yes`, `no`, `on`, `off`, `y` and `n` as truth values, octal and binary integers.
enum YAMLScalar {
    static func value(ofPlain text: String) -> SourceNode.Value {
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE": return .bool(true)
        case "n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE": return .bool(false)
        default: return self.number(text).map { .number($0) } ?? .string(text)
        }
    }

    /// The value of a scalar with an explicit tag; nil for a tag or a text that does not fit.
    static func value(of text: String, tag: String) -> SourceNode.Value? {
        let prefix = "tag:yaml.org,2002:"
        guard tag.hasPrefix(prefix) else { return nil }
        let plain = self.value(ofPlain: text)
        switch (tag.dropFirst(prefix.count), plain) {
        case ("str", _): return .string(text)
        case ("null", .null), ("bool", .bool), ("float", .number): return plain
        case ("int", .number(let number)) where Int(exactly: number) != nil: return plain
        default: return nil
        }
    }

    private static func number(_ text: String) -> Double? {
        guard let first = text.utf8.first, first < 0x3A, first != UInt8(ascii: "/") else { return nil }
        let isNegative = first == UInt8(ascii: "-")
        let unsigned = isNegative || first == UInt8(ascii: "+") ? text.dropFirst() : text[...]
        guard let lead = unsigned.utf8.first, (0x30...0x39).contains(lead) || lead == UInt8(ascii: ".") else {
            return nil
        }
        let digits = unsigned.replacingUnderscores
        let magnitude = self.integer(digits) ?? self.decimal(digits)
        return magnitude.map { isNegative ? -$0 : $0 }
    }

    /// `0x1F`, `0o17`, `017` and `0b11`; nil for decimal numbers, which `decimal` reads.
    private static func integer(_ digits: String) -> Double? {
        guard digits.utf8.count > 1, digits.utf8.first == UInt8(ascii: "0") else { return nil }
        let (radix, skipped): (Int, Int) =
            switch digits.utf8.dropFirst().first {
            case UInt8(ascii: "x"): (16, 2)
            case UInt8(ascii: "o"): (8, 2)
            case UInt8(ascii: "b"): (2, 2)
            default: (8, 1)
            }
        // A sign after the prefix is no digit.
        let rest = digits.dropFirst(skipped)
        guard rest.utf8.allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") }) else { return nil }
        return UInt64(rest, radix: radix).map { Double($0) }
    }

    private static func decimal(_ digits: String) -> Double? {
        let isDecimal = digits.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "e")
                || byte == UInt8(ascii: "E") || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-")
        }
        guard isDecimal, digits != ".", let value = Double(digits.hasSuffix(".") ? digits + "0" : digits),
            value.isFinite
        else { return nil }
        return value
    }
}

extension Substring {
    /// YAML 1.1 allows underscores between digits.
    fileprivate var replacingUnderscores: String {
        self.utf8.contains(UInt8(ascii: "_")) ? String(self.filter { $0 != "_" }) : String(self)
    }
}
