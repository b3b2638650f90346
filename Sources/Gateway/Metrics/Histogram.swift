/// Counts of durations between fixed bounds.
struct Histogram: Sendable {
    /// Upper bounds in seconds of what takes moments: from a batched commit to the send deadline.
    static let moments = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
    /// Upper bounds in seconds of what pipelines take: from a warm actor to one that is scaled up from nothing and works
    /// for an hour.
    static let pipelines = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600]

    let bounds: [Double]
    /// Observations above the bound before and up to this one; those above all bounds are only in `count`.
    private var counts: [Int]
    private(set) var count = 0
    private(set) var sumSeconds = 0.0

    init(bounds: [Double] = Histogram.moments) {
        self.bounds = bounds
        self.counts = [Int](repeating: 0, count: bounds.count)
    }

    mutating func observe(seconds: Double) {
        if let index = self.bounds.firstIndex(where: { seconds <= $0 }) { self.counts[index] += 1 }
        self.count += 1
        self.sumSeconds += seconds
    }

    mutating func observe(nanoseconds: UInt64) { self.observe(seconds: Double(nanoseconds) / 1e9) }

    /// How many were at most each bound, as Prometheus has its buckets.
    var cumulativeCounts: [Int] {
        var total = 0
        return self.counts.map { count in
            total += count
            return total
        }
    }
}
