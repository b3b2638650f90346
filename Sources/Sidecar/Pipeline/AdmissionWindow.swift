/// How many unsettled deliveries the sidecar may hold (`sidecar.md` 4.5), decided from the time runtime calls take.
///
/// Fast handlers get a wide window, so that publishing and confirming overlap with the next call; slow ones hold a
/// single message, so that another pod can take the rest.
struct AdmissionWindow {
    /// Calls that have to stay fast before the window widens.
    static let callsToWiden = 32
    /// Average below which the window widens, and above which it narrows again.
    static let fastCallNanoseconds = 20e6
    static let slowCallNanoseconds = 100e6
    /// Average up to which requests are sent ahead (`sidecar.md` 8.2).
    static let aheadCallNanoseconds = 1e6
    /// Calls to see before the average is trusted for sending ahead.
    private static let callsToTrust = 8
    /// Weight of a new call in the moving average.
    private static let smoothing = 0.125

    /// The limit in force.
    private(set) var messageCount: Int
    private let wideCount: Int
    private let widestCount: Int
    private let isPinned: Bool
    private var averageNanoseconds = 0.0
    private var callCount = 0
    private var fastCallCount = 0

    /// - Parameters:
    ///   - pinned: the configured window; nil lets it adapt between 1 and `wide`.
    ///   - wide: window for fast handlers (16 on RabbitMQ).
    ///   - widest: how far the window may go beyond `wide` for very fast handlers, where each message waits for round
    ///     trips to a distant service: rate = window / time held.
    init(pinned: Int?, wide: Int, widest: Int? = nil) {
        self.isPinned = pinned != nil
        self.messageCount = pinned ?? 1
        self.wideCount = wide
        self.widestCount = max(widest ?? wide, wide)
    }

    /// The window for the present average: what a handler works off in the time that `wide` calls of the slowest fast
    /// handler take, so that no more work is held back from other pods than with those.
    private var fittingCount: Int {
        let count = Double(self.wideCount) * Self.fastCallNanoseconds / max(self.averageNanoseconds, 1)
        return count >= Double(self.widestCount) ? self.widestCount : max(self.wideCount, Int(count))
    }

    /// Whether calls are short enough for requests to wait in the runtime's socket.
    var allowsSendingAhead: Bool {
        self.callCount >= Self.callsToTrust
            && self.averageNanoseconds <= Self.aheadCallNanoseconds
    }

    /// One runtime call ended after `nanoseconds`. Returns true when `messageCount` changed.
    mutating func recordCall(nanoseconds: UInt64) -> Bool {
        self.averageNanoseconds =
            self.callCount == 0
            ? Double(nanoseconds)
            : self.averageNanoseconds + (Double(nanoseconds) - self.averageNanoseconds) * Self.smoothing
        self.callCount += 1
        self.fastCallCount =
            self.averageNanoseconds < Self.fastCallNanoseconds ? self.fastCallCount + 1 : 0
        guard !self.isPinned else { return false }
        if self.messageCount == 1 {
            guard self.fastCallCount >= Self.callsToWiden else { return false }
            self.messageCount = self.fittingCount
            return true
        }
        if self.averageNanoseconds > Self.slowCallNanoseconds {
            self.messageCount = 1
            return true
        }
        return self.adjust()
    }

    /// Follows the average in steps of a factor of two: small changes are not worth telling the broker.
    private mutating func adjust() -> Bool {
        guard self.widestCount > self.wideCount else { return false }
        let fitting = self.fittingCount
        guard
            fitting >= 2 * self.messageCount || 2 * fitting <= self.messageCount
                || (fitting != self.messageCount && (fitting == self.widestCount || fitting == self.wideCount))
        else { return false }
        self.messageCount = fitting
        return true
    }
}
