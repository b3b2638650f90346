/// Shortest decimal texts of doubles in the forms Go writes them: what dashboards and JSON readers have seen so far.
public enum DecimalText {
    /// As Prometheus pages show numbers (Go's format `g`): `0.005`, `1e+06`, `+Inf`, `NaN`.
    public static func prometheus(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        let digits = ShortestDigits(value)
        // Go prints all digits that are needed, but decides between the two forms as if the precision were 6.
        return digits.exponent < -4 || digits.exponent >= 6 ? digits.scientific(exponentWidth: 2) : digits.plain
    }

    /// As OpenMetrics pages show them: like `prometheus`, but always recognisable as a floating-point number.
    public static func openMetrics(_ value: Double) -> String {
        let text = self.prometheus(value)
        let isPlainInteger = text.utf8.allSatisfy { $0 == UInt8(ascii: "-") || (0x30...0x39).contains($0) }
        return isPlainInteger ? text + ".0" : text
    }

    /// As a JSON number (Go's `encoding/json`): plain digits from 1e-6 up to 1e21. The value must be finite.
    public static func json(_ value: Double) -> String {
        precondition(value.isFinite, "JSON has no text for a number that is not finite")
        let digits = ShortestDigits(value)
        let isPlain = digits.exponent >= -6 && digits.exponent < 21
        return isPlain ? digits.plain : digits.scientific(exponentWidth: 1)
    }
}

/// The shortest digits that read back as the same double, taken from Swift's own description.
private struct ShortestDigits {
    private var isNegative = false
    /// Without leading and trailing zeros; a single zero for zero.
    private var digits: [UInt8] = []
    /// Power of ten of the first digit.
    private(set) var exponent = 0

    init(_ value: Double) {
        var exponentText: [UInt8] = []
        var integerDigitCount = 0
        var isInFraction = false
        var isInExponent = false
        for byte in value.description.utf8 {
            switch byte {
            case UInt8(ascii: "-") where !isInExponent: self.isNegative = true
            case UInt8(ascii: "."): isInFraction = true
            case UInt8(ascii: "e"): isInExponent = true
            default:
                if isInExponent {
                    exponentText.append(byte)
                } else {
                    self.digits.append(byte)
                    if !isInFraction { integerDigitCount += 1 }
                }
            }
        }
        let zero = UInt8(ascii: "0")
        let leadingZeroCount = self.digits.prefix { $0 == zero }.count
        guard leadingZeroCount < self.digits.count else {
            self.digits = [zero]
            return
        }
        self.digits.removeFirst(leadingZeroCount)
        while self.digits.count > 1, self.digits.last == zero { self.digits.removeLast() }
        let shift = Int(String(decoding: exponentText, as: UTF8.self)) ?? 0
        self.exponent = integerDigitCount - 1 - leadingZeroCount + shift
    }

    var plain: String {
        var text: [UInt8] = self.isNegative ? [UInt8(ascii: "-")] : []
        let zero = UInt8(ascii: "0")
        if self.exponent < 0 {
            text += [zero, UInt8(ascii: ".")]
            text += [UInt8](repeating: zero, count: -self.exponent - 1)
            text += self.digits
        } else {
            let integerCount = self.exponent + 1
            text += self.digits.prefix(integerCount)
            text += [UInt8](repeating: zero, count: max(0, integerCount - self.digits.count))
            if self.digits.count > integerCount {
                text.append(UInt8(ascii: "."))
                text += self.digits[integerCount...]
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    func scientific(exponentWidth: Int) -> String {
        var text = self.isNegative ? "-" : ""
        text += String(decoding: self.digits.prefix(1), as: UTF8.self)
        if self.digits.count > 1 { text += "." + String(decoding: self.digits.dropFirst(), as: UTF8.self) }
        let magnitude = String(self.exponent.magnitude)
        let fill = String(repeating: "0", count: max(0, exponentWidth - magnitude.utf8.count))
        return text + (self.exponent < 0 ? "e-" : "e+") + fill + magnitude
    }
}
