import Support
import Testing

@Suite struct TimestampTests {
    @Test(
        "seconds since 1970 become UTC dates",
        arguments: [
            (0, "1970-01-01T00:00:00Z"), (-1, "1969-12-31T23:59:59Z"), (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"), (1_767_323_045, "2026-01-02T03:04:05Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"), (1_709_164_800, "2024-02-29T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"), (Int64.max, "9999-12-31T23:59:59Z"),
            (Int64.min, "0000-01-01T00:00:00Z"),
        ] as [(Int64, String)]
    )
    func seconds(seconds: Int64, text: String) {
        #expect(Timestamp.text(epochSeconds: seconds) == text)
    }

    @Test(
        "milliseconds have three digits, also before 1970",
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (1, "1970-01-01T00:00:00.001Z"), (-1, "1969-12-31T23:59:59.999Z"),
            (1_767_323_045_678, "2026-01-02T03:04:05.678Z"), (Int64.max, "9999-12-31T23:59:59.807Z"),
        ] as [(Int64, String)]
    )
    func milliseconds(milliseconds: Int64, text: String) {
        #expect(Timestamp.text(epochMilliseconds: milliseconds) == text)
    }

    @Test("the system's clock is in this century")
    func now() {
        #expect(Timestamp.currentMilliseconds() > 1_700_000_000_000)
    }
}
