import Testing

@testable import Sidecar

@Suite struct MetricSeriesTests {
    @Test("a histogram puts a value into the first bucket that is not below it")
    func buckets() {
        let histogram = Histogram(bounds: HistogramBounds([1, 2.5, 10]))
        for value in [0, 1, 1.0001, 2.5, 10, 10.5, -3, .infinity, .nan] { histogram.observe(value) }
        #expect(histogram.cumulativeCounts == [3, 5, 6, 9])
        #expect(histogram.count == 9)
    }

    @Test("series appear with their first use, or when they are told to")
    func shown() {
        let counter = Counter()
        #expect(!counter.isShown)
        counter.add(0)
        #expect(counter.isShown)
        let histogram = Histogram(bounds: HistogramBounds([1]))
        #expect(!histogram.isShown)
        histogram.observe(0.5)
        #expect(histogram.isShown)
        let gauge = Gauge()
        #expect(!gauge.isShown)
        gauge.show()
        #expect(gauge.isShown)
    }

    @Test("a counter counts exactly and takes fractions")
    func counting() {
        let counter = Counter()
        counter.add(9_007_199_254_740_992)
        counter.increment()
        counter.increment()
        #expect(counter.value == 9_007_199_254_740_994)
        counter.add(0.5)
        #expect(Counter().value == 0)
    }

    @Test("beyond its bound a family counts everything in one series and says so once")
    func overflow() {
        var overflows: [String] = []
        let family = MetricFamily(counter: "x_total", help: "", labels: ["a", "b"]) { overflows.append($0) }
        for index in 0..<1500 { family.series(["\(index)", "v"]).increment() }
        #expect(overflows == ["x_total"])
        #expect(family.series(["other", "other"]).value == 500)
        #expect(family.series(["3", "v"]).value == 1)
    }

    @Test("long label values are cut, and what is equal then is one series")
    func cut() {
        let family = MetricFamily(counter: "x_total", help: "", labels: ["a"])
        let long = String(repeating: "ü", count: 300)
        family.series([long]).increment()
        family.series([long + "x"]).increment()
        #expect(family.series([long]).value == 2)
    }
}

@Suite struct ExpositionTests {
    private func registry() -> MetricsRegistry {
        let registry = MetricsRegistry()
        let counter = registry.add(
            MetricFamily(counter: "b_total", help: "Help with \\ and \"quotes\"\nand a line", labels: ["z", "a"])
        )
        counter.series(["2", "x"]).increment()
        counter.series(["1", "y"]).add(1e6)
        counter.series(["1", "x\"\\\n"]).add(0.5)
        _ = counter.series(["never", "used"])
        registry.add(MetricFamily(counter: "plain", help: "", labels: [])).series([]).show()
        registry.add(MetricFamily(gauge: "a_gauge", help: "A gauge", labels: [])).series([]).set(-2)
        let histogram = registry.add(
            MetricFamily(histogram: "h_seconds", help: "Times", labels: ["q"], buckets: [0.005, 1, 1e6])
        )
        histogram.series(["a"]).observe(0.5)
        histogram.series(["a"]).observe(3)
        _ = registry.add(MetricFamily(counter: "unused_total", help: "Never", labels: ["q"]))
        return registry
    }

    @Test("the Prometheus page is what the Go client writes")
    func prometheus() {
        let page = String(decoding: self.registry().render(.prometheus), as: UTF8.self)
        #expect(
            page == """
                # HELP a_gauge A gauge
                # TYPE a_gauge gauge
                a_gauge -2
                # HELP b_total Help with \\\\ and "quotes"\\nand a line
                # TYPE b_total counter
                b_total{a="x",z="2"} 1
                b_total{a="x\\"\\\\\\n",z="1"} 0.5
                b_total{a="y",z="1"} 1e+06
                # HELP h_seconds Times
                # TYPE h_seconds histogram
                h_seconds_bucket{q="a",le="0.005"} 0
                h_seconds_bucket{q="a",le="1"} 1
                h_seconds_bucket{q="a",le="1e+06"} 2
                h_seconds_bucket{q="a",le="+Inf"} 2
                h_seconds_sum{q="a"} 3.5
                h_seconds_count{q="a"} 2
                # HELP plain \("")
                # TYPE plain counter
                plain 0

                """
        )
    }

    @Test("the OpenMetrics page is what the Go client writes")
    func openMetrics() {
        let page = String(decoding: self.registry().render(.openMetrics(version: "1.0.0")), as: UTF8.self)
        #expect(
            page == """
                # HELP a_gauge A gauge
                # TYPE a_gauge gauge
                a_gauge -2.0
                # HELP b Help with \\\\ and \\"quotes\\"\\nand a line
                # TYPE b counter
                b_total{a="x",z="2"} 1.0
                b_total{a="x\\"\\\\\\n",z="1"} 0.5
                b_total{a="y",z="1"} 1e+06
                # HELP h_seconds Times
                # TYPE h_seconds histogram
                h_seconds_bucket{q="a",le="0.005"} 0
                h_seconds_bucket{q="a",le="1.0"} 1
                h_seconds_bucket{q="a",le="1e+06"} 2
                h_seconds_bucket{q="a",le="+Inf"} 2
                h_seconds_sum{q="a"} 3.5
                h_seconds_count{q="a"} 2
                # HELP plain \("")
                # TYPE plain unknown
                plain 0.0
                # EOF

                """
        )
    }
}
