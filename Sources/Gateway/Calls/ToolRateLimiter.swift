internal import Synchronization

/// Token buckets of the calls: one for all tools and one for each that has a limit (`gateway.md` 25.12).
final class ToolRateLimiter: Sendable {
    private let global: RateLimit?
    private let buckets = Mutex<[String: TokenBucket]>([:])

    init(global: RateLimit?) {
        self.global = global
    }

    /// Takes a token; returns how long to wait when there is none.
    func secondsToWait(tool: ToolDefinition, now: UInt64) -> Int? {
        if self.global == nil, tool.rateLimit == nil { return nil }
        return self.buckets.withLock { buckets in
            if let global = self.global, let seconds = self.take("", global, &buckets, now) { return seconds }
            guard let limit = tool.rateLimit else { return nil }
            return self.take(tool.name, limit, &buckets, now)
        }
    }

    private func take(
        _ name: String,
        _ limit: RateLimit,
        _ buckets: inout [String: TokenBucket],
        _ now: UInt64
    ) -> Int? {
        var bucket = buckets[name] ?? TokenBucket(limit, now: now)
        bucket.limit = limit
        defer { buckets[name] = bucket }
        return bucket.take(now: now)
    }
}

/// One bucket. Pure: the clock is an argument.
struct TokenBucket: Sendable, Equatable {
    var limit: RateLimit
    private(set) var tokens: Double
    private(set) var updated: UInt64

    /// A full bucket.
    init(_ limit: RateLimit, now: UInt64) {
        self.limit = limit
        self.tokens = limit.burst
        self.updated = now
    }

    /// Whether the bucket has been full for so long that forgetting it changes nothing.
    func isFull(now: UInt64) -> Bool {
        self.tokens + Double(now &- self.updated) / 1e9 * self.limit.perSecond >= self.limit.burst
    }

    /// Takes a token; returns the whole seconds until there is one when there is none.
    mutating func take(now: UInt64) -> Int? {
        let gained = Double(now &- self.updated) / 1e9 * self.limit.perSecond
        self.tokens = min(self.limit.burst, self.tokens + gained)
        self.updated = now
        guard self.tokens >= 1 else {
            return max(1, Int(((1 - self.tokens) / self.limit.perSecond).rounded(.up)))
        }
        self.tokens -= 1
        return nil
    }
}
