import SeededRandom
import Support
import Testing

/// Expected texts are those of Go 1.22: `strconv.FormatFloat(v, 'g', -1, 64)` and `encoding/json`.
@Suite struct DecimalTextTests {
    @Test(
        "numbers look as on a page of the Go client",
        arguments: [
            (0, "0", "0.0"), (1, "1", "1.0"), (-1, "-1", "-1.0"), (0.005, "0.005", "0.005"), (2.5, "2.5", "2.5"),
            (100, "100", "100.0"), (100_000, "100000", "100000.0"), (999_999, "999999", "999999.0"),
            (1e6, "1e+06", "1e+06"), (1_234_567, "1.234567e+06", "1.234567e+06"), (1e9, "1e+09", "1e+09"),
            (0.0001, "0.0001", "0.0001"), (0.00001, "1e-05", "1e-05"),
            (0.1 + 0.2, "0.30000000000000004", "0.30000000000000004"),
            (1.5e300, "1.5e+300", "1.5e+300"), (.leastNonzeroMagnitude, "5e-324", "5e-324"),
            (123.456, "123.456", "123.456"),
            (.infinity, "+Inf", "+Inf"), (-.infinity, "-Inf", "-Inf"), (.nan, "NaN", "NaN"),
            (9_007_199_254_740_992, "9.007199254740992e+15", "9.007199254740992e+15"),
        ] as [(Double, String, String)]
    )
    func pages(value: Double, prometheus: String, openMetrics: String) {
        #expect(DecimalText.prometheus(value) == prometheus)
        #expect(DecimalText.openMetrics(value) == openMetrics)
    }

    @Test(
        "numbers look as in Go's JSON",
        arguments: [
            (0, "0"), (1, "1"), (0.119140625, "0.119140625"), (1e6, "1000000"), (1e20, "100000000000000000000"),
            (1e21, "1e+21"), (0.000001, "0.000001"), (0.0000001, "1e-7"), (-2.5, "-2.5"), (9765.625, "9765.625"),
        ] as [(Double, String)]
    )
    func json(value: Double, text: String) {
        #expect(DecimalText.json(value) == text)
    }

    @Test("every text reads back as the same number")
    func roundTrip() {
        var generator = SeededRandom(seed: 3)
        for _ in 0..<50_000 {
            let value = Double(bitPattern: generator.next())
            guard value.isFinite else { continue }
            #expect(Double(DecimalText.prometheus(value)) == value)
            #expect(Double(DecimalText.json(value)) == value)
        }
    }
}
