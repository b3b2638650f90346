/// A length of time with the text form of Go's `time.Duration`, which the variables, logs and error texts of the
/// original use (`sidecar.md` section 2): `5m0s`, `1.5s`, `100ms`.
public struct GoDuration: Hashable, Sendable, CustomStringConvertible {
    /// Whole nanoseconds, as in Go.
    public var nanoseconds: Int64

    /// A duration of so many nanoseconds.
    public init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    /// The nearest duration towards zero; clamped to about ±292 years.
    public init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, overflowOfSum) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
        self.nanoseconds = overflow || overflowOfSum ? (seconds < 0 ? .min : .max) : sum
    }

    /// The same length as Swift's own type.
    public var duration: Duration { .nanoseconds(self.nanoseconds) }

    /// Reads what Go's `time.ParseDuration` accepts: one or more decimal numbers, each with a unit.
    public init?(parsing text: String) {
        var reader = DurationReader(text)
        guard let nanoseconds = reader.read() else { return nil }
        self.nanoseconds = nanoseconds
    }

    /// The text Go's `Duration.String` gives.
    public var description: String {
        if self.nanoseconds == 0 { return "0s" }
        let magnitude = self.nanoseconds.magnitude
        let text = magnitude < 1_000_000_000 ? Self.textBelowSecond(magnitude) : Self.textFromSecond(magnitude)
        return self.nanoseconds < 0 ? "-" + text : text
    }

    private static func textBelowSecond(_ nanoseconds: UInt64) -> String {
        if nanoseconds < 1000 { return "\(nanoseconds)ns" }
        if nanoseconds < 1_000_000 { return self.decimal(nanoseconds, digits: 3) + "µs" }
        return self.decimal(nanoseconds, digits: 6) + "ms"
    }

    private static func textFromSecond(_ nanoseconds: UInt64) -> String {
        let minutes = nanoseconds / 60_000_000_000
        let seconds = self.decimal(nanoseconds % 60_000_000_000, digits: 9) + "s"
        if minutes == 0 { return seconds }
        if minutes < 60 { return "\(minutes)m" + seconds }
        return "\(minutes / 60)h\(minutes % 60)m" + seconds
    }

    /// `value` divided by 10 to the power of `digits`, without trailing zeros.
    private static func decimal(_ value: UInt64, digits: Int) -> String {
        var unit: UInt64 = 1
        for _ in 0..<digits { unit *= 10 }
        var fraction = value % unit
        if fraction == 0 { return "\(value / unit)" }
        var width = digits
        while fraction % 10 == 0 {
            fraction /= 10
            width -= 1
        }
        let text = String(fraction)
        return "\(value / unit)." + String(repeating: "0", count: width - text.utf8.count) + text
    }
}

/// Go's parser step by step, overflow rules included.
private struct DurationReader {
    /// Go counts magnitudes up to 2⁶³, so that the most negative value can be read.
    private static let limit = UInt64(1) << 63

    private let bytes: [UInt8]
    private var position = 0

    init(_ text: String) {
        self.bytes = Array(text.utf8)
    }

    mutating func read() -> Int64? {
        var isNegative = false
        if let sign = self.peek, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
            isNegative = sign == UInt8(ascii: "-")
            self.position += 1
        }
        if self.bytes.count - self.position == 1, self.peek == UInt8(ascii: "0") { return 0 }
        guard self.peek != nil else { return nil }
        var total: UInt64 = 0
        while self.peek != nil {
            guard let part = self.readPart() else { return nil }
            let (sum, overflow) = total.addingReportingOverflow(part)
            guard !overflow, sum <= Self.limit else { return nil }
            total = sum
        }
        if isNegative { return total == Self.limit ? .min : -Int64(total) }
        return total < Self.limit ? Int64(total) : nil
    }

    private var peek: UInt8? { self.position < self.bytes.count ? self.bytes[self.position] : nil }

    private var digit: UInt64? {
        guard let byte = self.peek, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
        return UInt64(byte - UInt8(ascii: "0"))
    }

    /// One number with its unit.
    private mutating func readPart() -> UInt64? {
        let start = self.position
        guard let whole = self.readWhole() else { return nil }
        var hasDigits = self.position > start
        var fraction: UInt64 = 0
        var scale = 1.0
        if self.peek == UInt8(ascii: ".") {
            self.position += 1
            let fractionStart = self.position
            (fraction, scale) = self.readFraction()
            hasDigits = hasDigits || self.position > fractionStart
        }
        guard hasDigits, let unit = self.readUnit(), whole <= Self.limit / unit else { return nil }
        var value = whole * unit
        if fraction > 0 {
            value += UInt64(Double(fraction) * (Double(unit) / scale))
        }
        return value <= Self.limit ? value : nil
    }

    private mutating func readWhole() -> UInt64? {
        var value: UInt64 = 0
        while let digit = self.digit {
            guard value <= Self.limit / 10 else { return nil }
            value = value * 10 + digit
            guard value <= Self.limit else { return nil }
            self.position += 1
        }
        return value
    }

    /// Digits beyond the precision are read and ignored.
    private mutating func readFraction() -> (value: UInt64, scale: Double) {
        var value: UInt64 = 0
        var scale = 1.0
        var isFull = false
        while let digit = self.digit {
            self.position += 1
            if isFull || value > (Self.limit - 1) / 10 || value * 10 + digit > Self.limit {
                isFull = true
                continue
            }
            value = value * 10 + digit
            scale *= 10
        }
        return (value, scale)
    }

    private mutating func readUnit() -> UInt64? {
        let start = self.position
        while self.peek != nil, self.peek != UInt8(ascii: "."), self.digit == nil {
            self.position += 1
        }
        switch String(decoding: self.bytes[start..<self.position], as: UTF8.self) {
        case "ns": return 1
        case "us", "\u{B5}s", "\u{3BC}s": return 1000
        case "ms": return 1_000_000
        case "s": return 1_000_000_000
        case "m": return 60_000_000_000
        case "h": return 3_600_000_000_000
        default: return nil
        }
    }
}
