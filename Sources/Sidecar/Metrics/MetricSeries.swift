/// One series of a metric family: plain fields on the loop thread, read only when a page is rendered.
protocol MetricSeries: AnyObject {
    /// The word of the `# TYPE` line.
    static var typeName: StaticString { get }
    /// Whether the series belongs on the page: labelled series appear on first use (`sidecar.md` 10.2).
    var isShown: Bool { get }
    /// Puts the series on the page before its first use.
    func show()
    /// Appends its sample lines; `labels` is ready text such as `queue="a"`, empty without labels.
    func write(to page: inout ExpositionWriter, name: String, labels: [UInt8])
}

/// A value that only grows.
final class Counter: MetricSeries {
    static let typeName: StaticString = "counter"

    /// Whole steps and the rest apart, so that counting messages stays exact beyond 2⁵³.
    private var count: UInt64 = 0
    private var fraction = 0.0
    private(set) var isShown = false

    /// The value as pages show it.
    var value: Double { Double(self.count) + self.fraction }

    func increment() {
        self.count &+= 1
        self.isShown = true
    }

    /// Adds an amount that is not negative.
    func add(_ amount: Double) {
        precondition(amount >= 0 && amount.isFinite, "a counter only grows")
        if let whole = UInt64(exactly: amount) {
            self.count &+= whole
        } else {
            self.fraction += amount
        }
        self.isShown = true
    }

    func show() { self.isShown = true }

    func write(to page: inout ExpositionWriter, name: String, labels: [UInt8]) {
        page.sample(name, labels: labels, float: self.value)
    }
}

/// A value that goes up and down.
final class Gauge: MetricSeries {
    static let typeName: StaticString = "gauge"

    private(set) var value = 0.0
    private(set) var isShown = false

    func set(_ value: Double) {
        self.value = value
        self.isShown = true
    }

    func add(_ amount: Double) {
        self.value += amount
        self.isShown = true
    }

    func show() { self.isShown = true }

    func write(to page: inout ExpositionWriter, name: String, labels: [UInt8]) {
        page.sample(name, labels: labels, float: self.value)
    }
}

/// Counts of observations by size.
final class Histogram: MetricSeries {
    static let typeName: StaticString = "histogram"

    private let bounds: HistogramBounds
    /// Observations per bucket, not cumulative; the last one has no upper bound.
    private let counts: UnsafeMutablePointer<UInt64>
    private(set) var sum = 0.0
    private var isForced = false

    init(bounds: HistogramBounds) {
        self.bounds = bounds
        self.counts = .allocate(capacity: bounds.count + 1)
        self.counts.initialize(repeating: 0, count: bounds.count + 1)
    }

    deinit {
        self.counts.deallocate()
    }

    var isShown: Bool { self.isForced || self.count > 0 }

    /// Number of observations.
    var count: UInt64 {
        var total: UInt64 = 0
        for index in 0...self.bounds.count { total &+= self.counts[index] }
        return total
    }

    func observe(_ value: Double) {
        self.counts[self.bounds.index(of: value)] &+= 1
        self.sum += value
    }

    func show() { self.isForced = true }

    /// Observations up to and including each bound, the unbounded bucket last.
    var cumulativeCounts: [UInt64] {
        var total: UInt64 = 0
        return (0...self.bounds.count).map { index in
            total &+= self.counts[index]
            return total
        }
    }

    func write(to page: inout ExpositionWriter, name: String, labels: [UInt8]) {
        let counts = self.cumulativeCounts
        for (index, count) in counts.enumerated() {
            let bound = index < self.bounds.count ? self.bounds[index] : .infinity
            page.bucket(name, labels: labels, bound: bound, count: count)
        }
        page.sample(name, suffix: "_sum", labels: labels, float: self.sum)
        page.sample(name, suffix: "_count", labels: labels, integer: counts.last ?? 0)
    }
}

/// The upper bounds of a histogram's buckets, shared by the series of a family.
final class HistogramBounds {
    let count: Int
    private let values: UnsafeMutablePointer<Double>

    /// - Parameter values: finite and rising.
    init(_ values: [Double]) {
        for (lower, upper) in zip(values, values.dropFirst()) {
            precondition(lower < upper, "the bounds of buckets rise")
        }
        self.count = values.count
        self.values = .allocate(capacity: values.count)
        self.values.initialize(from: values, count: values.count)
    }

    deinit {
        self.values.deallocate()
    }

    subscript(index: Int) -> Double {
        precondition(index >= 0 && index < self.count, "a bound has an index")
        return self.values[index]
    }

    /// The bucket of a value: the number of bounds below it, counted without branches. What is not a number goes
    /// into the last bucket.
    func index(of value: Double) -> Int {
        var index = 0
        for position in 0..<self.count {
            index &+= value <= self.values[position] ? 0 : 1
        }
        return index
    }
}
