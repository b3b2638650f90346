/// When a refused publication is tried again before the message is given back (`sidecar.md` 5.3).
struct PublicationRetry: Equatable {
    /// What to do about a refusal.
    enum Decision: Equatable {
        case retry(after: Duration)
        /// Out of attempts: give the message back.
        case giveUp
        /// No retry can help: say so in an error envelope.
        case replaceByError
    }

    /// Delays when the destination does not exist.
    static let missingDelays: [Duration] = [.milliseconds(500), .seconds(1), .seconds(2)]
    /// Everything else is tried for this long …
    static let patience = Duration.seconds(60)
    /// … with delays doubling from the first to the longest.
    static let firstDelay = Duration.milliseconds(100)
    static let longestDelay = Duration.seconds(5)

    private var missingCount = 0
    private var failureCount = 0
    private var firstFailure: MonotonicTime?

    /// Whether a message that cannot even be tried (no connection) has waited long enough.
    func isOutOfPatience(now: MonotonicTime) -> Bool {
        guard let first = self.firstFailure else { return false }
        return now - first >= Self.patience
    }

    mutating func refused(_ failure: PublicationFailure, now: MonotonicTime) -> Decision {
        switch failure {
        case .tooLarge, .notCarried:
            return .replaceByError
        case .deliveryLost:
            return .giveUp
        case .destinationMissing:
            guard self.missingCount < Self.missingDelays.count else { return .giveUp }
            self.missingCount += 1
            return .retry(after: Self.missingDelays[self.missingCount - 1])
        case .refusedByBroker, .connectionLost:
            let first = self.firstFailure ?? now
            self.firstFailure = first
            guard now - first < Self.patience else { return .giveUp }
            let doubling = Self.firstDelay * (1 << min(self.failureCount, 10))
            self.failureCount += 1
            return .retry(after: min(doubling, Self.longestDelay))
        }
    }
}

/// How long a message is held before it is given back (`sidecar.md` 5.2): 1, 2, 4 … 30 s, give or take 20 %.
enum ReleaseBackOff {
    static let longestSeconds = 30.0
    static let spread = 0.2

    /// - Parameters:
    ///   - attempt: which delivery of the message failed, counted from 1.
    ///   - unitRandom: 0..<1.
    static func delay(attempt: Int, unitRandom: Double) -> Duration {
        let seconds = min(Double(UInt64(1) << UInt64(max(0, min(attempt - 1, 20)))), Self.longestSeconds)
        let factor = 1 + Self.spread * (2 * unitRandom - 1)
        return .milliseconds(Int64(seconds * factor * 1000))
    }
}
