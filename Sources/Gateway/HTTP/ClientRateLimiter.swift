internal import Support
internal import Synchronization

/// A token bucket per client.
final class ClientRateLimiter: Sendable {
    /// Clients that are remembered; beyond that those with full buckets are forgotten, which changes nothing for them.
    private static let capacity = 10_000

    private let limit: RateLimit?
    private let buckets = Mutex<[Int: TokenBucket]>([:])

    init(limit: RateLimit?) {
        self.limit = limit
    }

    /// Takes a token of this client's; returns how long to wait when there is none.
    func secondsToWait(client: String) -> Int? {
        guard let limit = self.limit else { return nil }
        let now = MonotonicClock.nanoseconds()
        // Only a hash is kept: the client may be named by its token.
        let key = client.hashValue
        return self.buckets.withLock { buckets in
            if buckets.count >= Self.capacity { buckets = buckets.filter { !$0.value.isFull(now: now) } }
            // Everybody is busy: one more client shares a bucket instead of taking memory.
            let key = buckets.count >= Self.capacity && buckets[key] == nil ? 0 : key
            return buckets[key, default: TokenBucket(limit, now: now)].take(now: now)
        }
    }
}
