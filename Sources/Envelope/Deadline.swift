/// Reads the `deadline` of an envelope (envelope.md 11): an RFC 3339 date and time.
public enum Deadline {
    /// Nanoseconds since 1970-01-01T00:00:00Z, or `nil` when the text is not RFC 3339.
    ///
    /// Digits behind the ninth of a fraction are dropped, a leap second counts as the next second, and dates
    /// that 64 bits of nanoseconds cannot express (before 1677, after 2262) are clamped.
    public static func parse(_ text: UnsafeRawBufferPointer) -> Int64? {
        var reader = Reader(text: text)
        guard let date = reader.readDate(), reader.skip("Tt "), let seconds = reader.readTime() else { return nil }
        guard let nanoseconds = reader.readFraction(), let offset = reader.readOffset() else { return nil }
        guard reader.isAtEnd else { return nil }
        return self.nanoseconds(seconds: date * 86_400 + seconds - offset, nanoseconds: nanoseconds)
    }

    private static func nanoseconds(seconds: Int64, nanoseconds: Int64) -> Int64 {
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (total, carry) = scaled.addingReportingOverflow(nanoseconds)
        if overflow || carry { return seconds < 0 ? .min : .max }
        return total
    }

    private struct Reader {
        let text: UnsafeRawBufferPointer
        var position = 0

        var isAtEnd: Bool { self.position == self.text.count }

        /// Steps over one of the given characters.
        mutating func skip(_ choices: StaticString) -> Bool {
            guard self.position < self.text.count else { return false }
            let byte = self.text[self.position]
            guard choices.withUTF8Buffer({ $0.contains(byte) }) else { return false }
            self.position += 1
            return true
        }

        /// Exactly `count` decimal digits.
        mutating func readNumber(_ count: Int) -> Int64? {
            guard self.text.count - self.position >= count else { return nil }
            var value: Int64 = 0
            for byte in self.text[self.position..<(self.position + count)] {
                guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
                value = value * 10 + Int64(byte - UInt8(ascii: "0"))
            }
            self.position += count
            return value
        }

        /// `YYYY-MM-DD` as days since 1970-01-01.
        mutating func readDate() -> Int64? {
            guard let year = self.readNumber(4), self.skip("-") else { return nil }
            guard let month = self.readNumber(2), (1...12).contains(month), self.skip("-") else { return nil }
            let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
            let lastDay: Int64 =
                switch month {
                case 2: isLeap ? 29 : 28
                case 4, 6, 9, 11: 30
                default: 31
                }
            guard let day = self.readNumber(2), (1...lastDay).contains(day) else { return nil }
            // Days from civil: years begin in March, so that the leap day is the last one.
            let shifted = month <= 2 ? year - 1 : year
            let era = (shifted >= 0 ? shifted : shifted - 399) / 400
            let yearOfEra = shifted - era * 400
            let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
            let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
            return era * 146_097 + dayOfEra - 719_468
        }

        /// `HH:MM:SS` as seconds since midnight.
        mutating func readTime() -> Int64? {
            guard let hour = self.readNumber(2), hour < 24, self.skip(":") else { return nil }
            guard let minute = self.readNumber(2), minute < 60, self.skip(":") else { return nil }
            guard let second = self.readNumber(2), second <= 60 else { return nil }
            return hour * 3600 + minute * 60 + second
        }

        /// `.digits`, or nothing, as nanoseconds.
        mutating func readFraction() -> Int64? {
            guard self.skip(".") else { return 0 }
            guard var value = self.readNumber(1) else { return nil }
            var digits = 1
            while let digit = self.readNumber(1) {
                if digits < 9 {
                    value = value * 10 + digit
                    digits += 1
                }
            }
            while digits < 9 {
                value *= 10
                digits += 1
            }
            return value
        }

        /// `Z` or `±HH:MM` as seconds east of Greenwich.
        mutating func readOffset() -> Int64? {
            if self.skip("Zz") { return 0 }
            let sign: Int64
            if self.skip("+") {
                sign = 1
            } else if self.skip("-") {
                sign = -1
            } else {
                return nil
            }
            guard let hour = self.readNumber(2), hour < 24, self.skip(":") else { return nil }
            guard let minute = self.readNumber(2), minute < 60 else { return nil }
            return sign * (hour * 3600 + minute * 60)
        }
    }
}
