import Support

/// Keeps credentials fresh: says when to fetch, never twice at a time, and keeps the old ones as long as they are valid.
///
/// A value without clock and I/O. The owner asks `isFetchDue` now and then (before each use, and at `nextFetch`), runs
/// a `CredentialFetch` when told to, and reports what came of it.
public struct CredentialRefresh: Sendable {
    /// New credentials are fetched this long before the old ones end (`sidecar.md` 7.1 asks for five minutes at least),
    /// or at half their life when that is shorter.
    public static let leadSeconds: Int64 = 600

    /// Delays between failed fetches.
    private var backoff = Backoff(base: .seconds(1), cap: .seconds(30), jitter: 0.2)
    private let isRefreshable: Bool
    private var current: Credentials?
    private var isFetching = false
    /// When the next fetch is due, in seconds since 1970; nil when never, or while one is under way.
    public private(set) var nextFetch: Int64?
    /// What the last fetch failed with; nil after a success.
    public private(set) var lastError: CredentialError?

    /// Nothing yet; the first fetch is due at once.
    public init(source: CredentialSource) {
        self.isRefreshable = source.isRefreshable
        self.nextFetch = .min
    }

    /// Whether a fetch should begin now; if so, it counts as begun.
    public mutating func isFetchDue(nowEpochSeconds now: Int64) -> Bool {
        guard !self.isFetching, let due = self.nextFetch, due <= now else { return false }
        self.isFetching = true
        self.nextFetch = nil
        return true
    }

    /// The credentials to use now; nil when there are none, or none that are still valid.
    public func usable(nowEpochSeconds now: Int64) -> Credentials? {
        guard let current = self.current, !current.isExpired(atEpochSeconds: now) else { return nil }
        return current
    }

    /// A fetch brought these.
    public mutating func fetched(_ credentials: Credentials, nowEpochSeconds now: Int64) {
        precondition(self.isFetching, "credentials come from a fetch")
        self.isFetching = false
        self.lastError = nil
        self.current = credentials
        self.backoff.reset()
        guard self.isRefreshable, let expiration = credentials.expiration else { return }
        let remaining = max(expiration - now, 0)
        // Credentials that end at once are not asked for in a tight loop.
        self.nextFetch = now + max(remaining - min(Self.leadSeconds, remaining / 2), 1)
    }

    /// A fetch failed. What there is stays in use until it ends.
    public mutating func failed(
        _ error: CredentialError,
        nowEpochSeconds now: Int64,
        using generator: inout some RandomNumberGenerator
    ) {
        precondition(self.isFetching, "a failure comes from a fetch")
        self.isFetching = false
        self.lastError = error
        let delay = self.backoff.next(using: &generator)
        // A refusal for good is asked about again too, only rarely: somebody may repair a role's policy meanwhile.
        self.nextFetch = now + (error.isTransient ? max(delay.components.seconds, 1) : 30)
    }

    /// The service refused these credentials as ended or unknown: do not use them any more, fetch others now.
    /// Returns whether that can help.
    public mutating func rejected(accessKeyID: String, nowEpochSeconds now: Int64) -> Bool {
        // Requests under way may still be refused after the new ones have come.
        guard let current = self.current, current.accessKeyID == accessKeyID else { return true }
        guard self.isRefreshable else { return false }
        self.current = nil
        if !self.isFetching { self.nextFetch = min(self.nextFetch ?? now, now) }
        return true
    }
}
