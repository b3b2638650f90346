import SeededRandom
import Support
import Testing

/// The tables follow Go's own tests of `time.ParseDuration` and `Duration.String`.
@Suite struct GoDurationTests {
    @Test(
        "durations are read as Go reads them",
        arguments: [
            ("0", 0), ("5s", 5_000_000_000), ("30s", 30_000_000_000), ("1478s", 1_478_000_000_000),
            ("-5s", -5_000_000_000), ("+5s", 5_000_000_000), ("-0", 0), ("+0", 0),
            ("5.0s", 5_000_000_000), ("5.6s", 5_600_000_000), ("5.s", 5_000_000_000), (".5s", 500_000_000),
            ("1.0s", 1_000_000_000), ("1.004s", 1_004_000_000), ("1.0040s", 1_004_000_000),
            ("100.00100s", 100_001_000_000), ("10ns", 10), ("11us", 11_000), ("12µs", 12_000), ("12μs", 12_000),
            ("13ms", 13_000_000), ("14s", 14_000_000_000), ("15m", 900_000_000_000), ("16h", 57_600_000_000_000),
            ("3h30m", 12_600_000_000_000), ("10.5s4m", 250_500_000_000), ("-2m3.4s", -123_400_000_000),
            ("1h2m3s4ms5us6ns", 3_723_004_005_006), ("39h9m14.425s", 140_954_425_000_000),
            ("52763797000ns", 52_763_797_000), ("0.3333333333333333333h", 1_200_000_000_000),
            ("9007199254740993ns", 9_007_199_254_740_993), ("9223372036854775807ns", Int64.max),
            ("9223372036854775.807us", Int64.max), ("9223372036s854ms775us807ns", Int64.max),
            ("-9223372036854775808ns", Int64.min), ("-9223372036s854ms775us808ns", Int64.min),
            ("0.100000000000000000000h", 360_000_000_000), ("0.830103483285477580700h", 2_988_372_539_827),
            ("5m", 300_000_000_000), ("1.5s", 1_500_000_000), ("1h30m", 5_400_000_000_000), ("100ms", 100_000_000),
        ] as [(String, Int64)]
    )
    func parsed(text: String, nanoseconds: Int64) {
        #expect(GoDuration(parsing: text)?.nanoseconds == nanoseconds)
    }

    @Test(
        "other texts are refused",
        arguments: [
            "", "3", "-", "s", ".", "-.", ".s", "+.s", "1d", "1 s", " 1s", "1s ", "5", "1.5", "1e3s", "--1s", "1S",
            "1m2", "9223372036854775808ns", "9223372036854775.808us", "9223372036854ms775us808ns", "3000000h",
            "-9223372036854775809ns", "9223372036854775808ns9223372036854775808ns", "1\u{1F600}", "0s0",
        ]
    )
    func refused(text: String) {
        #expect(GoDuration(parsing: text) == nil)
    }

    @Test(
        "durations are printed as Go prints them",
        arguments: [
            (0, "0s"), (1, "1ns"), (1_100, "1.1µs"), (2_200_000, "2.2ms"), (3_300_000_000, "3.3s"),
            (245_000_000_000, "4m5s"), (245_001_000_000, "4m5.001s"), (18_367_001_000_000, "5h6m7.001s"),
            (480_000_000_001, "8m0.000000001s"), (Int64.max, "2562047h47m16.854775807s"),
            (Int64.min, "-2562047h47m16.854775808s"), (300_000_000_000, "5m0s"), (90_000_000_000, "1m30s"),
            (3_000_000_000, "3s"), (1_500_000_000, "1.5s"), (100_000_000, "100ms"), (3_600_000_000_000, "1h0m0s"),
            (-1_500_000, "-1.5ms"), (999_999_999, "999.999999ms"),
        ] as [(Int64, String)]
    )
    func printed(nanoseconds: Int64, text: String) {
        #expect(GoDuration(nanoseconds: nanoseconds).description == text)
    }

    @Test("what is printed reads back as the same duration")
    func roundTrip() {
        var generator = SeededRandom(seed: 7)
        for _ in 0..<20_000 {
            let bits = Int64(bitPattern: generator.next()) >> Int64(generator.next() % 63)
            let duration = GoDuration(nanoseconds: bits)
            #expect(GoDuration(parsing: duration.description) == duration)
        }
    }

    @Test("Swift durations convert and saturate")
    func conversion() {
        #expect(GoDuration(.milliseconds(1500)).description == "1.5s")
        #expect(GoDuration(.seconds(Int64.max)).nanoseconds == .max)
        #expect(GoDuration(.seconds(Int64.min)).nanoseconds == .min)
        #expect(GoDuration(nanoseconds: 1_500_000_000).duration == .milliseconds(1500))
    }
}
