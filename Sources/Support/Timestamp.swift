import Glibc

/// RFC 3339 text of points in time, in UTC, for logs and for the gateway (`sidecar.md` 9.4, 11).
public enum Timestamp {
    /// Milliseconds since 1970 by the system's clock.
    public static func currentMilliseconds() -> Int64 {
        var time = timespec()
        guard clock_gettime(CLOCK_REALTIME, &time) == 0 else { return 0 }
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }

    /// `2026-01-02T03:04:05Z`.
    public static func text(epochSeconds: Int64) -> String {
        String(decoding: self.utf8(epochSeconds: epochSeconds, milliseconds: nil), as: UTF8.self)
    }

    /// `2026-01-02T03:04:05.678Z`.
    public static func text(epochMilliseconds: Int64) -> String {
        String(decoding: self.utf8(epochMilliseconds: epochMilliseconds), as: UTF8.self)
    }

    static func utf8(epochMilliseconds: Int64) -> [UInt8] {
        let (seconds, milliseconds) = self.floorDivide(epochMilliseconds, by: 1000)
        return self.utf8(epochSeconds: seconds, milliseconds: milliseconds)
    }

    private static func utf8(epochSeconds: Int64, milliseconds: Int64?) -> [UInt8] {
        // The format has four digits for the year; clocks outside of it are broken.
        let clamped = min(max(epochSeconds, -62_167_219_200), 253_402_300_799)
        let (days, secondOfDay) = self.floorDivide(clamped, by: 86_400)
        let (year, month, day) = self.date(daysSince1970: days)
        var text: [UInt8] = []
        text.reserveCapacity(24)
        text.appendDecimal(year, width: 4)
        text.append(UInt8(ascii: "-"))
        text.appendDecimal(month, width: 2)
        text.append(UInt8(ascii: "-"))
        text.appendDecimal(day, width: 2)
        text.append(UInt8(ascii: "T"))
        text.appendDecimal(secondOfDay / 3600, width: 2)
        text.append(UInt8(ascii: ":"))
        text.appendDecimal(secondOfDay / 60 % 60, width: 2)
        text.append(UInt8(ascii: ":"))
        text.appendDecimal(secondOfDay % 60, width: 2)
        if let milliseconds {
            text.append(UInt8(ascii: "."))
            text.appendDecimal(milliseconds, width: 3)
        }
        text.append(UInt8(ascii: "Z"))
        return text
    }

    /// The proleptic Gregorian date; years are counted from March, so that leap days come last.
    private static func date(daysSince1970 days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let (era, dayOfEra) = self.floorDivide(days + 719_468, by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }

    private static func floorDivide(_ value: Int64, by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}

extension [UInt8] {
    /// Appends a non-negative number, filled up with zeros.
    fileprivate mutating func appendDecimal(_ value: Int64, width: Int) {
        var divisor: Int64 = 1
        for _ in 1..<width { divisor *= 10 }
        while divisor > 0 {
            self.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value / divisor % 10))
            divisor /= 10
        }
    }
}
