import Sidecar

/// Entries that are collected into calls of up to ten: sends to one queue, deletes, changes of visibility.
///
/// Decides only when which entries leave. A lone entry does not wait: only when another one came shortly before does
/// it wait for company, at most `linger`. The number of calls under way is bounded; what exceeds it waits here, in
/// order.
struct EntryQueue<Entry> {
    struct Limits: Equatable {
        /// Most entries of a call, the service's limit.
        var entryCount = 10
        /// Most payload bytes of a call; a single larger entry goes alone.
        var byteCount = Int.max
        /// How long an entry may wait for others.
        var linger: Duration
        /// Calls at a time.
        var callCount: Int
    }

    private struct Waiting {
        var entry: Entry
        var byteCount: Int
        var due: MonotonicTime
    }

    private var limits: Limits
    private let lingerNanoseconds: UInt64
    private var waiting: [Waiting] = []
    private var head = 0
    private var lastAdded: MonotonicTime?
    /// Calls under way.
    private(set) var callCount = 0
    /// Payload bytes that wait here.
    private(set) var byteCount = 0

    init(limits: Limits) {
        precondition(limits.entryCount > 0 && limits.callCount > 0, "a call has entries, and there are calls")
        self.limits = limits
        self.lingerNanoseconds = limits.linger.wholeNanoseconds
    }

    /// Entries that wait here.
    var count: Int { self.waiting.count - self.head }
    /// Nothing waits and nothing is under way.
    var isIdle: Bool { self.count == 0 && self.callCount == 0 }

    mutating func add(_ entry: Entry, byteCount: Int = 0, now: MonotonicTime) {
        let isStream = self.lastAdded.map { now.nanoseconds &- $0.nanoseconds <= 2 * self.lingerNanoseconds } ?? false
        self.lastAdded = now
        let due = isStream ? now + self.lingerNanoseconds : now
        self.waiting.append(Waiting(entry: entry, byteCount: byteCount, due: due))
        self.byteCount += byteCount
    }

    /// The entries of a call that should leave now, counted as under way until `callEnded`; nil when there is none.
    /// `isClosing` lets nothing wait any longer.
    mutating func nextCall(now: MonotonicTime, isClosing: Bool = false) -> [Entry]? {
        guard self.count > 0, self.callCount < self.limits.callCount else { return nil }
        let (count, byteCount, isFull) = self.firstBatch
        guard isFull || isClosing || self.waiting[self.head].due <= now else { return nil }
        let entries = self.waiting[self.head..<self.head + count].map(\.entry)
        self.head += count
        self.byteCount -= byteCount
        self.dropTaken()
        self.callCount += 1
        return entries
    }

    private var firstBatch: (count: Int, byteCount: Int, isFull: Bool) {
        var count = 0
        var byteCount = 0
        for waiting in self.waiting[self.head...] {
            if count > 0, byteCount + waiting.byteCount > self.limits.byteCount { return (count, byteCount, true) }
            count += 1
            byteCount += waiting.byteCount
            if count == self.limits.entryCount { return (count, byteCount, true) }
        }
        return (count, byteCount, byteCount >= self.limits.byteCount)
    }

    /// Moves nothing until everything, or many, were taken.
    private mutating func dropTaken() {
        if self.head == self.waiting.count {
            self.waiting.removeAll(keepingCapacity: true)
            self.head = 0
        } else if self.head >= 64, self.head * 2 >= self.waiting.count {
            self.waiting.removeFirst(self.head)
            self.head = 0
        }
    }

    /// The service takes less at a time than was thought.
    mutating func lowerByteLimit(to byteCount: Int) {
        self.limits.byteCount = min(self.limits.byteCount, max(byteCount, 1))
    }

    mutating func callEnded() {
        precondition(self.callCount > 0, "only a call under way can end")
        self.callCount -= 1
    }

    /// When `nextCall` has something to say because of time; nil when only an event can change its answer.
    var nextDue: MonotonicTime? {
        guard self.count > 0, self.callCount < self.limits.callCount else { return nil }
        return self.waiting[self.head].due
    }
}
