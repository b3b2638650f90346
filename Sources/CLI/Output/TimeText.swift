import Support

/// Times and lengths of time for people.
enum TimeText {
    /// `850ms`, `12.3s`, `5m12s`, `3h20m`, `2d4h`: two units at most.
    static func duration(_ duration: Duration) -> String {
        let milliseconds = max(0, Int64(duration / .milliseconds(1)))
        if milliseconds < 1000 { return "\(milliseconds)ms" }
        let seconds = milliseconds / 1000
        if seconds < 60 { return "\(seconds).\(milliseconds % 1000 / 100)s" }
        let (minutes, hours) = (seconds / 60, seconds / 3600)
        if minutes < 60 { return "\(minutes)m\(seconds % 60)s" }
        if hours < 24 { return "\(hours)h\(minutes % 60)m" }
        return "\(hours / 24)d\(hours % 24)h"
    }

    /// Between two points in microseconds.
    static func duration(from start: Int64, to end: Int64) -> String {
        self.duration(.microseconds(max(0, end - start)))
    }

    /// `2026-01-02T03:04:05.678Z` from microseconds since 1970.
    static func timestamp(_ microseconds: Int64) -> String {
        Timestamp.text(epochMilliseconds: microseconds / 1000)
    }

    /// `1234` as `1.2 KiB`.
    static func byteCount(_ count: Int) -> String {
        if count < 1024 { return "\(count) B" }
        var value = Double(count)
        for unit in ["KiB", "MiB"] {
            value /= 1024
            if value < 1024 || unit == "MiB" {
                let tenths = Int((value * 10).rounded())
                return "\(tenths / 10).\(tenths % 10) \(unit)"
            }
        }
        return "\(count) B"
    }
}
