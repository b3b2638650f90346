/// The families of the process in the order of the page: sorted by name.
final class MetricsRegistry {
    private var families: [any RenderedFamily] = []
    private var lastPageByteCount = 8192

    /// Adds a family and hands it back. Names are unique; those from configuration were checked before.
    func add<Series: MetricSeries>(_ family: MetricFamily<Series>) -> MetricFamily<Series> {
        precondition(!self.families.contains { $0.name == family.name }, "a metric name is used once")
        let index =
            self.families.firstIndex { family.name.utf8.lexicographicallyPrecedes($0.name.utf8) }
            ?? self.families.count
        self.families.insert(family, at: index)
        return family
    }

    /// The page as of now.
    func render(_ format: ExpositionFormat) -> [UInt8] {
        var page = ExpositionWriter(format: format, capacity: self.lastPageByteCount + 512)
        for family in self.families { family.write(to: &page) }
        page.finish()
        self.lastPageByteCount = page.bytes.count
        return page.bytes
    }
}
