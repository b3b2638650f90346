import Envelope

/// How far this machine's clock is from the service's, learnt from the `Date` of a reply that refused a signature.
///
/// Requests are refused when their time is more than five minutes off (15 on some services); a pod with a broken clock
/// then works with the service's time instead of failing for ever.
public struct ClockSkew: Sendable, Equatable {
    /// Below this the clock is not what made a signature wrong: services allow at least five minutes.
    public static let toleranceSeconds: Int64 = 240

    /// Seconds to add to our clock.
    public private(set) var offsetSeconds: Int64 = 0

    /// A clock that is right.
    public init() {}

    /// The time to sign with.
    public func corrected(epochSeconds: Int64) -> Int64 { epochSeconds + self.offsetSeconds }

    /// Takes note of a refused request. Returns whether the offset changed so much that a retry is worth while.
    ///
    /// - Parameters:
    ///   - kind: what the reply's error was.
    ///   - date: the reply's `Date` header.
    ///   - now: our clock, uncorrected, when the reply arrived.
    public mutating func learn(from kind: SQSError.Kind, date: String?, nowEpochSeconds now: Int64) -> Bool {
        guard kind == .clockSkew || kind == .signatureMismatch else { return false }
        guard let date, let theirs = HTTPDate.epochSeconds(date) else { return false }
        let offset = theirs - now
        // A wrong secret key also yields a mismatch; it must not be taken for a wrong clock.
        guard abs(offset - self.offsetSeconds) > Self.toleranceSeconds else { return false }
        self.offsetSeconds = offset
        return true
    }
}

/// The `Date` header of HTTP, RFC 9110's preferred format only: `Sun, 06 Nov 1994 08:49:37 GMT`.
enum HTTPDate {
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    static func epochSeconds(_ text: String) -> Int64? {
        let parts = text.split(separator: " ")
        guard parts.count == 6, parts[0].hasSuffix(","), parts[5] == "GMT" else { return nil }
        guard let month = self.months.firstIndex(where: { $0 == parts[2] }) else { return nil }
        let number = month < 9 ? "0\(month + 1)" : "\(month + 1)"
        return EpochTime.seconds("\(parts[3])-\(number)-\(parts[1])T\(parts[4])Z")
    }
}

/// RFC 3339 text, as in the expiration of temporary credentials, as seconds since 1970.
enum EpochTime {
    static func seconds(_ text: String) -> Int64? {
        var text = text
        return text.withUTF8 { Deadline.parse(UnsafeRawBufferPointer($0)) }.map { $0 / 1_000_000_000 }
    }
}
