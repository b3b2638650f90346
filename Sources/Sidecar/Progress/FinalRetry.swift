/// When a final status is sent again (`sidecar.md` 9.4): no answer means up to 30 s with growing delays, an answer that
/// refuses it means two more attempts. A pure value; time comes in as an argument.
struct FinalRetry: Equatable {
    enum Decision: Equatable {
        case accepted
        case rejected
        case unreachable
        case retry(after: Duration)
    }

    static let patience = Duration.seconds(30)
    /// What is left of it at a shutdown: the message goes back and the status is sent again later (`sidecar.md` 12).
    static let shutdownPatience = Duration.seconds(5)
    static let firstDelay = Duration.milliseconds(200)
    static let longestDelay = Duration.seconds(5)
    /// Attempts that were answered with a refusal.
    static let refusalLimit = 3
    /// Statuses that say "not now" rather than "no".
    private static let transientStatuses = [429, 502, 503, 504]

    private let startedAt: MonotonicTime
    private let isSingleAttempt: Bool
    private var limit: Duration
    private var delayCount = 0
    private var refusalCount = 0

    /// - Parameter singleAttemptLimit: with a value there is one attempt of this length and no retry.
    init(startedAt: MonotonicTime, singleAttemptLimit: Duration?) {
        self.startedAt = startedAt
        self.isSingleAttempt = singleAttemptLimit != nil
        self.limit = singleAttemptLimit ?? Self.patience
    }

    /// When everything is over.
    var deadline: MonotonicTime { self.startedAt + self.limit }

    /// How long an attempt that starts now may take.
    func attemptLimit(now: MonotonicTime) -> Duration {
        min(GatewayClient.requestLimit, max(self.deadline - now, .milliseconds(1)))
    }

    /// The process is to end: what has not been accepted `patience` from now will not be.
    mutating func hurry(now: MonotonicTime, patience: Duration = Self.shutdownPatience) {
        self.limit = min(self.limit, now - self.startedAt + patience)
    }

    mutating func attempted(_ outcome: GatewayOutcome, now: MonotonicTime) -> Decision {
        switch outcome {
        case .answered(let status) where (200..<300).contains(status):
            return .accepted
        case .answered(let status) where !Self.transientStatuses.contains(status):
            self.refusalCount += 1
            if self.isSingleAttempt || self.refusalCount >= Self.refusalLimit { return .rejected }
            // A refusal near the end of the patience is still an answer: it must not turn into a redelivery.
            return self.isOver(after: Self.firstDelay, now: now) ? .rejected : .retry(after: Self.firstDelay)
        case .answered, .failed:
            let delay = min(Self.firstDelay * (1 << min(self.delayCount, 10)), Self.longestDelay)
            self.delayCount += 1
            if self.isSingleAttempt || self.isOver(after: delay, now: now) { return .unreachable }
            return .retry(after: delay)
        }
    }

    private func isOver(after delay: Duration, now: MonotonicTime) -> Bool { now + delay >= self.deadline }
}
