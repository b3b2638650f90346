import Support

/// Which keys to work on, in which order, and when: each key waits at most once, is worked on by one worker at a time,
/// and is put back by a growing delay after a failure (operator.md 3). A pure state machine; the shell is `WorkQueue`.
struct WorkQueueState<Key: Hashable & Sendable> {
    /// Base, cap and jitter of operator.md 3, "NEW".
    static var retryBase: Duration { .milliseconds(200) }
    static var retryCap: Duration { .seconds(300) }
    /// Retries of all keys together: 10 each second, 100 at once.
    static var retryInterval: Duration { .milliseconds(100) }
    static var retryBurst: Int { 100 }

    /// What a worker should do.
    enum Next: Equatable {
        case work(Key)
        /// Nothing is ready; something will be at this time.
        case wait(until: Duration)
        case idle
    }

    private var urgent = FIFO<Key>()
    private var ordinary = FIFO<Key>()
    /// Keys in one of the two lines, or to be put there when their worker is done.
    private var waiting: Set<Key> = []
    private var working: Set<Key> = []
    /// Of those, keys that became urgent meanwhile.
    private var urgentAgain: Set<Key> = []
    private var delayed: [Key: Duration] = [:]
    private var backoffs: [Key: Backoff] = [:]
    /// The earliest time the next retry may have, for the limit over all keys.
    private var retryTime = Duration.zero
    private(set) var retryCount = 0
    private(set) var addCount = 0

    /// Keys ready to be worked on.
    var depth: Int { self.waiting.count }
    /// Keys being worked on.
    var workingCount: Int { self.working.count }
    /// Nothing is waiting, delayed or being worked on.
    var isQuiet: Bool { self.waiting.isEmpty && self.working.isEmpty && self.delayed.isEmpty }

    /// Something about `key` has changed.
    mutating func add(_ key: Key, isUrgent: Bool = false) {
        self.addCount += 1
        // What the delay was for is looked at now.
        self.delayed[key] = nil
        let isNew = self.waiting.insert(key).inserted
        if self.working.contains(key) {
            if isUrgent { self.urgentAgain.insert(key) }
            return
        }
        guard isNew || isUrgent else { return }
        if isUrgent { self.urgent.append(key) } else { self.ordinary.append(key) }
    }

    /// Looks at `key` again at `time`; an earlier appointment stands.
    mutating func add(_ key: Key, at time: Duration) {
        guard !self.waiting.contains(key) else { return }
        self.delayed[key] = min(self.delayed[key] ?? time, time)
    }

    /// `key` failed: looks at it again after its next delay.
    @discardableResult
    mutating func retry(
        _ key: Key,
        now: Duration,
        atLeast minimum: Duration = .zero,
        using generator: inout some RandomNumberGenerator
    ) -> Duration {
        self.retryCount += 1
        var backoff = self.backoffs[key] ?? Backoff(base: Self.retryBase, cap: Self.retryCap, jitter: 0.2)
        let delay = max(backoff.next(using: &generator), minimum)
        self.backoffs[key] = backoff
        // A token bucket as a time: each retry moves it by one interval, and it may lag by the burst.
        self.retryTime = max(self.retryTime + Self.retryInterval, now - Self.retryInterval * Self.retryBurst)
        let time = max(now + delay, self.retryTime)
        self.add(key, at: time)
        return time
    }

    /// `key` succeeded: its next failure starts with the shortest delay.
    mutating func forget(_ key: Key) {
        self.backoffs[key] = nil
    }

    /// The next key for a worker, which must report `done`.
    mutating func next(now: Duration) -> Next {
        self.promote(now: now)
        while let key = self.urgent.popFirst() ?? self.ordinary.popFirst() {
            // A key that was made urgent stands in both lines; the second time it is gone.
            guard self.waiting.contains(key), !self.working.contains(key) else { continue }
            self.waiting.remove(key)
            self.working.insert(key)
            return .work(key)
        }
        if let earliest = self.delayed.values.min() { return .wait(until: earliest) }
        return .idle
    }

    /// A worker is done with `key`. If it was added meanwhile, it waits again.
    mutating func done(_ key: Key) {
        self.working.remove(key)
        let isUrgent = self.urgentAgain.remove(key) != nil
        guard self.waiting.contains(key) else { return }
        if isUrgent { self.urgent.append(key) } else { self.ordinary.append(key) }
    }

    private mutating func promote(now: Duration) {
        guard !self.delayed.isEmpty else { return }
        for (key, time) in self.delayed where time <= now {
            self.delayed[key] = nil
            if self.waiting.insert(key).inserted, !self.working.contains(key) { self.ordinary.append(key) }
        }
    }
}

/// A first-in-first-out line with constant cost at both ends.
private struct FIFO<Element> {
    private var elements: [Element?] = []
    private var head = 0

    mutating func append(_ element: Element) { self.elements.append(element) }

    mutating func popFirst() -> Element? {
        guard self.head < self.elements.count else { return nil }
        defer {
            self.head += 1
            if self.head > 64, self.head * 2 > self.elements.count {
                self.elements.removeFirst(self.head)
                self.head = 0
            }
        }
        let element = self.elements[self.head]
        self.elements[self.head] = nil
        return element
    }
}
