import Support

/// What keeps a cache equal to one collection of the API server: list, then watch from there, for ever.
/// A pure state machine; the shell is `Reflector`.
struct ReflectorState {
    enum Action: Equatable {
        /// Read the collection, or the next page of it.
        case list(continuation: String?)
        /// Follow the collection from here.
        case watch(resourceVersion: String)
        /// Wait, then ask again with `next()`.
        case wait(Duration)
    }

    private enum Step: Equatable {
        case listing(continuation: String?)
        case watching(resourceVersion: String)
    }

    /// An API that is not installed (KEDA) is looked for this often. A request of a few hundred bytes.
    static let absentInterval = Duration.seconds(10)

    /// Whether a refusal counts like an API that is not there: for what the role of an older installation lacks.
    var toleratesRefusal = false

    private var step = Step.listing(continuation: nil)
    private var delay: Duration?
    private var backoff = Backoff(base: .milliseconds(250), cap: .seconds(30), jitter: 0.2)
    /// Whether a whole list has arrived since the start; reconciling may begin.
    private(set) var isSynced = false
    /// Whether the API server has no such collection.
    private(set) var isAbsent = false

    /// What to do now. A delay is handed out once.
    mutating func next() -> Action {
        if let delay = self.delay {
            self.delay = nil
            return .wait(delay)
        }
        switch self.step {
        case .listing(let continuation): return .list(continuation: continuation)
        case .watching(let version): return .watch(resourceVersion: version)
        }
    }

    /// A page arrived. True when it was the last one: what was not listed is gone.
    mutating func listed(resourceVersion: String, continuation: String?) -> Bool {
        self.isAbsent = false
        if let continuation, !continuation.isEmpty {
            self.step = .listing(continuation: continuation)
            return false
        }
        self.step = .watching(resourceVersion: resourceVersion)
        self.isSynced = true
        self.backoff.reset()
        return true
    }

    /// An event or a bookmark arrived: a later watch continues there.
    mutating func advanced(to resourceVersion: String) {
        guard case .watching = self.step else { return }
        self.step = .watching(resourceVersion: resourceVersion)
        self.backoff.reset()
    }

    /// The watch ended as it does every few minutes. One that brought nothing is not repeated at once, so that a
    /// server which closes immediately is not asked in a circle.
    mutating func watchEnded(receivedAnything: Bool, using generator: inout some RandomNumberGenerator) {
        if !receivedAnything { self.delay = self.backoff.next(using: &generator) }
    }

    /// Listing or watching failed.
    mutating func failed(_ error: APIError, using generator: inout some RandomNumberGenerator) {
        if error.isUnknownAPI || (self.toleratesRefusal && error.status?.code == 403) {
            self.isAbsent = true
            self.isSynced = true
            self.step = .listing(continuation: nil)
            self.delay = Self.absentInterval
            return
        }
        if error.isExpired {
            // Neither the position nor a page's token is good any more. One fresh list at once, then with patience.
            self.step = .listing(continuation: nil)
            if self.backoff.attemptCount == 0 {
                _ = self.backoff.next(using: &generator)
                return
            }
        }
        let delay = self.backoff.next(using: &generator)
        self.delay = max(delay, error.retryAfter ?? .zero)
    }
}
