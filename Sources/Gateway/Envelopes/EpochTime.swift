internal import Envelope
internal import Glibc
internal import Support

/// A point in time with the resolution of PostgreSQL's timestamps: microseconds since 1970, UTC.
public struct EpochTime: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// Microseconds since 1970.
    public var microseconds: Int64

    /// That many microseconds after 1970.
    public init(microseconds: Int64) {
        self.microseconds = microseconds
    }

    /// Reads RFC 3339; nil when the text is something else or outside of the range.
    public init?(parsing text: String) {
        var text = text
        let nanoseconds = text.withUTF8 { Deadline.parse(UnsafeRawBufferPointer($0)) }
        guard let nanoseconds else { return nil }
        self.init(microseconds: nanoseconds / 1000)
    }

    /// The system's clock.
    public static func now() -> EpochTime {
        var time = timespec()
        guard clock_gettime(CLOCK_REALTIME, &time) == 0 else { return EpochTime(microseconds: 0) }
        return EpochTime(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
    }

    /// Earlier.
    public static func < (left: EpochTime, right: EpochTime) -> Bool { left.microseconds < right.microseconds }

    /// A later (or earlier) time; saturates at the ends of the range.
    public func advanced(by duration: Duration) -> EpochTime {
        let (sum, overflow) = self.microseconds.addingReportingOverflow(GoDuration(duration).nanoseconds / 1000)
        return EpochTime(microseconds: overflow ? (duration < .zero ? .min : .max) : sum)
    }

    /// How much later `other` is; 0 when it is earlier, as another machine's clock may have it.
    func seconds(until other: EpochTime) -> Double {
        let (difference, overflow) = other.microseconds.subtractingReportingOverflow(self.microseconds)
        return overflow ? 0 : max(0, Double(difference) / 1e6)
    }

    /// RFC 3339 with microseconds: `2026-01-02T03:04:05.678901Z`.
    public var description: String {
        let fraction = self.microseconds - self.wholeSeconds * 1_000_000
        let digits = String(fraction + 1_000_000).dropFirst()
        return Timestamp.text(epochSeconds: self.wholeSeconds).dropLast() + "." + digits + "Z"
    }

    /// RFC 3339 with whole seconds, for queue messages (`gateway.md` 9.1).
    public var secondsText: String { Timestamp.text(epochSeconds: self.wholeSeconds) }

    /// Seconds since 1970, rounded down.
    public var wholeSeconds: Int64 {
        let (quotient, remainder) = self.microseconds.quotientAndRemainder(dividingBy: 1_000_000)
        return remainder < 0 ? quotient - 1 : quotient
    }

    /// The year 9999 ends here: later times have no text.
    static let latest = EpochTime(microseconds: 253_402_300_799_000_000)
}
