/// What the registry needs of a family, whatever its type.
protocol RenderedFamily: AnyObject {
    var name: String { get }
    func write(to page: inout ExpositionWriter)
}

/// All series of one metric name. Series are made on first use and kept for the life of the process, so their number
/// is bounded: values that come from outside must not fill the memory.
final class MetricFamily<Series: MetricSeries>: RenderedFamily {
    /// Far above what a sidecar with sane routes has; beyond it everything is counted in one series.
    static var seriesLimit: Int { 1000 }
    /// Longer label values are cut.
    static var labelValueByteLimit: Int { 256 }

    private struct Entry {
        /// In the order of the page.
        let values: [String]
        let labels: [UInt8]
        let series: Series
    }

    let name: String
    private let help: String
    /// Label names as they appear on the page, and for each the position of its value in `series(_:)`.
    private let labelNames: [String]
    private let positions: [Int]
    private let make: () -> Series
    private let overflowed: (String) -> Void
    private var byValues: [[String]: Series] = [:]
    private var entries: [Entry] = []
    private var hasOverflowed = false

    /// - Parameters:
    ///   - labels: in the order in which `series(_:)` takes their values.
    ///   - overflowed: called once, with the name, when the bound is reached.
    init(
        name: String,
        help: String,
        labels: [String],
        overflowed: @escaping (String) -> Void = { _ in },
        make: @escaping () -> Series
    ) {
        self.name = name
        self.help = help
        self.positions = labels.indices.sorted { labels[$0] < labels[$1] }
        self.labelNames = self.positions.map { labels[$0] }
        self.make = make
        self.overflowed = overflowed
    }

    /// The series with these label values, made when it does not exist. Callers on the message path keep it.
    func series(_ values: [String]) -> Series {
        if let known = self.byValues[values] { return known }
        precondition(values.count == self.positions.count, "as many values as labels")
        guard self.entries.count >= Self.seriesLimit else { return self.insert(values) }
        if !self.hasOverflowed {
            self.hasOverflowed = true
            self.overflowed(self.name)
        }
        let other = [String](repeating: "other", count: values.count)
        return self.byValues[other] ?? self.insert(other)
    }

    func write(to page: inout ExpositionWriter) {
        guard self.entries.contains(where: { $0.series.isShown }) else { return }
        page.header(name: self.name, help: self.help, type: Series.typeName)
        for entry in self.entries where entry.series.isShown {
            entry.series.write(to: &page, name: self.name, labels: entry.labels)
        }
    }

    private func insert(_ values: [String]) -> Series {
        let shown = self.positions.map { Self.cut(values[$0]) }
        // Two values that differ only behind the cut are one series on the page.
        if let same = self.entries.first(where: { $0.values == shown }) {
            return same.series
        }
        var labels: [UInt8] = []
        for (name, value) in zip(self.labelNames, shown) {
            if !labels.isEmpty { labels.append(UInt8(ascii: ",")) }
            ExpositionWriter.appendLabel(name, value, to: &labels)
        }
        let entry = Entry(values: shown, labels: labels, series: self.make())
        let index = self.entries.firstIndex { Self.precedes(shown, $0.values) } ?? self.entries.count
        self.entries.insert(entry, at: index)
        self.byValues[values] = entry.series
        return entry.series
    }

    private static func cut(_ value: String) -> String {
        guard value.utf8.count > self.labelValueByteLimit else { return value }
        var kept = ""
        var byteCount = 0
        for scalar in value.unicodeScalars {
            byteCount += UTF8.width(scalar)
            if byteCount > self.labelValueByteLimit { break }
            kept.unicodeScalars.append(scalar)
        }
        return kept
    }

    /// The order of Prometheus pages: by the values of the sorted labels, byte by byte.
    private static func precedes(_ left: [String], _ right: [String]) -> Bool {
        for (one, other) in zip(left, right) where one != other {
            return one.utf8.lexicographicallyPrecedes(other.utf8)
        }
        return false
    }
}

extension MetricFamily where Series == Counter {
    convenience init(
        counter name: String,
        help: String,
        labels: [String],
        overflowed: @escaping (String) -> Void = { _ in }
    ) {
        self.init(name: name, help: help, labels: labels, overflowed: overflowed) { Counter() }
    }
}

extension MetricFamily where Series == Gauge {
    convenience init(
        gauge name: String,
        help: String,
        labels: [String],
        overflowed: @escaping (String) -> Void = { _ in }
    ) {
        self.init(name: name, help: help, labels: labels, overflowed: overflowed) { Gauge() }
    }
}

extension MetricFamily where Series == Histogram {
    convenience init(
        histogram name: String,
        help: String,
        labels: [String],
        buckets: [Double],
        overflowed: @escaping (String) -> Void = { _ in }
    ) {
        let bounds = HistogramBounds(buckets)
        self.init(name: name, help: help, labels: labels, overflowed: overflowed) { Histogram(bounds: bounds) }
    }
}
