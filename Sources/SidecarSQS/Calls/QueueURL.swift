import Sidecar

/// The URL of one queue, looked up when it is needed and again after the service said that the queue does not exist:
/// a queue that is deleted and made anew is found again (`sidecar.md` 7.2).
///
/// Decides only; whoever waits for the URL is kept elsewhere.
struct QueueURL: Equatable {
    enum Lookup: Equatable {
        case none
        case underWay
        case known(String)
    }

    private(set) var lookup = Lookup.none

    /// The URL when it is known.
    var value: String? {
        if case .known(let url) = self.lookup { return url }
        return nil
    }

    /// Whether a look-up has to be started now; it then counts as under way.
    mutating func needsLookup() -> Bool {
        guard self.lookup == .none else { return false }
        self.lookup = .underWay
        return true
    }

    mutating func found(_ url: String) {
        self.lookup = .known(url)
    }

    mutating func lookupFailed() {
        self.lookup = .none
    }

    /// A call with this URL was told that the queue does not exist. A newer URL is kept.
    mutating func refused(_ url: String) {
        if self.lookup == .known(url) { self.lookup = .none }
    }
}

/// When the actor's own queue is looked for again (`ASYA_QUEUE_RETRY_*`): the configured attempts with growing delays,
/// then for ever every 30 s.
struct OwnQueueRetry: Equatable {
    static let longestDelay = Duration.seconds(30)

    let attempts: Int
    let firstDelay: Duration
    private var failureCount = 0

    init(attempts: Int, firstDelay: Duration) {
        self.attempts = attempts
        self.firstDelay = firstDelay
    }

    mutating func failed() -> Duration {
        self.failureCount += 1
        guard self.failureCount < self.attempts else { return Self.longestDelay }
        let doubled = self.firstDelay * (1 << min(self.failureCount - 1, 20))
        return min(doubled, Self.longestDelay)
    }

    mutating func succeeded() {
        self.failureCount = 0
    }
}
