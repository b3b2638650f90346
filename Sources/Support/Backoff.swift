/// Growing delays between attempts: `base`, `base × factor`, … up to `cap`, each varied by `jitter`.
///
/// A value without clock or randomness of its own: the generator is an argument, so that tests and simulations
/// replay. It counts attempts and never ends by itself.
public struct Backoff: Sendable, Equatable {
    /// The delay after the first failure.
    public let base: Duration
    /// How much longer each next delay is.
    public let factor: Double
    /// No delay is longer than this before jitter.
    public let cap: Duration
    /// Largest relative deviation in both directions, 0…1; 0.2 varies a delay by ±20 %.
    public let jitter: Double
    /// Delays handed out since the start or the last `reset()`.
    public private(set) var attemptCount = 0

    /// Delays that double from `base` to `cap` unless told otherwise.
    public init(base: Duration, factor: Double = 2, cap: Duration, jitter: Double = 0) {
        precondition(base > .zero && cap >= base && factor >= 1, "a back-off grows from a positive delay to its cap")
        precondition(jitter >= 0 && jitter <= 1, "jitter is a share of the delay")
        self.base = base
        self.factor = factor
        self.cap = cap
        self.jitter = jitter
    }

    /// The delay before the next attempt.
    public mutating func next(using generator: inout some RandomNumberGenerator) -> Duration {
        let delay = self.nextWithoutJitter()
        guard self.jitter > 0 else { return delay }
        return delay * Double.random(in: (1 - self.jitter)...(1 + self.jitter), using: &generator)
    }

    /// The delay before the next attempt, not varied.
    public mutating func nextWithoutJitter() -> Duration {
        var delay = self.base
        // At most as many steps as lead to the cap, however many attempts there were.
        var step = 0
        while step < self.attemptCount, delay < self.cap {
            let grown = delay * self.factor
            if grown <= delay { break }
            delay = grown
            step += 1
        }
        if self.attemptCount < .max { self.attemptCount += 1 }
        return min(delay, self.cap)
    }

    /// Starts over after a success.
    public mutating func reset() {
        self.attemptCount = 0
    }
}
