/// What an actor has done since `asya up` started, and how fast.
///
/// The sidecars' counters are added up over all the sidecars the actor has had; what one did between the last look and
/// its end is missing in them, so a transport that counts by itself is preferred for the number of messages.
struct WorkLedger: Equatable, Sendable {
    /// The rate is that of so long.
    private static let rateWindow: Duration = .seconds(5)

    /// Messages that left the actor.
    private(set) var shownDone = 0
    /// Messages of these per second, over the last seconds.
    private(set) var rate = 0.0
    /// Messages that went to error-end, or were refused.
    private(set) var failed = 0
    /// Messages that the living sidecars hold.
    var active: Int { self.latest.values.reduce(0) { $0 + $1.active } }

    private var counted = 0
    private var latest: [PairID: MetricsSample] = [:]
    private var history: [Point] = []

    private struct Point: Equatable, Sendable {
        var time: Duration
        var done: Int
    }

    /// A sidecar's counters as they are now; they only grow while it lives.
    mutating func note(_ sample: MetricsSample, of pair: PairID) {
        let previous = self.latest[pair] ?? MetricsSample()
        self.counted += max(sample.done - previous.done, 0)
        self.failed += max(sample.failed - previous.failed, 0)
        self.latest[pair] = sample
    }

    /// A sidecar is gone; the next one of the pair counts from zero.
    mutating func forget(_ pair: PairID) {
        self.latest[pair] = nil
    }

    /// Brings number and rate up to date; `done` is the transport's own count if it has one. Call regularly.
    mutating func noteDone(_ done: Int?, now: Duration) {
        self.shownDone = max(done ?? self.counted, 0)
        self.history.removeAll { $0.time + Self.rateWindow < now }
        self.history.append(Point(time: now, done: self.shownDone))
        guard let first = self.history.first, now > first.time else {
            self.rate = 0
            return
        }
        self.rate = Double(self.shownDone - first.done) / ((now - first.time) / .seconds(1))
    }
}
