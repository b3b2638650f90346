/// A place in a distributed trace, as `traceparent` carries it (W3C Trace Context, section 3.2).
public struct TraceContext: Equatable, Sendable {
    /// The trace; never zero.
    public var traceID: TraceID
    /// The span that caused what happens now; never zero.
    public var parentID: SpanID
    /// Whether somebody records this trace; spans of others are not made.
    public var isSampled: Bool

    /// A context from its parts.
    public init(traceID: TraceID, parentID: SpanID, isSampled: Bool) {
        self.traceID = traceID
        self.parentID = parentID
        self.isSampled = isSampled
    }

    /// Reads `00-<trace>-<parent>-<flags>`: lower-case hexadecimal, no zero identifiers. A later version may have more
    /// behind the flags; version `ff` and everything else is nil, as the standard wants it.
    public init?(traceparent text: String) {
        self.init(traceparent: Array(text.utf8))
    }

    /// The same from bytes.
    public init?(traceparent bytes: [UInt8]) {
        guard bytes.count >= Self.byteCount, bytes[2] == Self.dash, bytes[35] == Self.dash, bytes[52] == Self.dash,
            let version = Hexadecimal.value(of: bytes[0..<2]), version != 0xFF,
            bytes.count == Self.byteCount || (version > 0 && bytes[Self.byteCount] == Self.dash),
            let high = Hexadecimal.value(of: bytes[3..<19]), let low = Hexadecimal.value(of: bytes[19..<35]),
            let parent = Hexadecimal.value(of: bytes[36..<52]), let flags = Hexadecimal.value(of: bytes[53..<55]),
            high != 0 || low != 0, parent != 0
        else { return nil }
        self.init(
            traceID: TraceID(high: high, low: low),
            parentID: SpanID(rawValue: parent),
            isSampled: flags & 1 == 1
        )
    }

    /// The header's value, version 00.
    public var traceparent: String {
        "00-\(self.traceID.hexadecimal)-\(self.parentID.hexadecimal)-\(self.isSampled ? "01" : "00")"
    }

    private static let byteCount = 55
    private static let dash = UInt8(ascii: "-")
}

/// Sixteen bytes that name a trace.
public struct TraceID: Hashable, Sendable {
    /// The first eight bytes.
    public var high: UInt64
    /// The last eight bytes.
    public var low: UInt64

    /// An identifier from its halves; one of them must not be zero.
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// A new one.
    public static func random(using generator: inout some RandomNumberGenerator) -> TraceID {
        TraceID(high: generator.next(), low: max(generator.next(), 1))
    }

    /// 32 lower-case digits.
    public var hexadecimal: String { Hexadecimal.text(self.high) + Hexadecimal.text(self.low) }
}

/// Eight bytes that name a span.
public struct SpanID: Hashable, Sendable {
    /// The bytes as a number; not zero.
    public var rawValue: UInt64

    /// An identifier from its number.
    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// A new one.
    public static func random(using generator: inout some RandomNumberGenerator) -> SpanID {
        SpanID(rawValue: max(generator.next(), 1))
    }

    /// 16 lower-case digits.
    public var hexadecimal: String { Hexadecimal.text(self.rawValue) }
}

enum Hexadecimal {
    /// At most sixteen lower-case digits as a number; nil for anything else.
    static func value(of digits: ArraySlice<UInt8>) -> UInt64? {
        var value: UInt64 = 0
        for digit in digits {
            switch digit {
            case 0x30...0x39: value = value << 4 | UInt64(digit - 0x30)
            case 0x61...0x66: value = value << 4 | UInt64(digit - 0x61 + 10)
            default: return nil
            }
        }
        return value
    }

    /// Sixteen lower-case digits.
    static func text(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
