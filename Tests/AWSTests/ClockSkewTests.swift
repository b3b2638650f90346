import Testing

@testable import AWS

@Suite struct ClockSkewTests {
    @Test(
        "the preferred date format of HTTP is read",
        arguments: [
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Thu, 29 Feb 2024 23:59:59 GMT", 1_709_251_199),
        ]
    )
    func dates(text: String, seconds: Int64) {
        #expect(HTTPDate.epochSeconds(text) == seconds)
    }

    @Test(
        "anything else is no date",
        arguments: [
            "", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 32 Nov 1994 08:49:37 GMT", "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nov 1994 08:60:00 GMT", "Sun, 06 Nov 999999 08:49:37 GMT", "Sun, -6 Nov 1994 08:49:37 GMT",
        ]
    )
    func notDates(text: String) {
        #expect(HTTPDate.epochSeconds(text) == nil)
    }

    @Test("a refused time moves the clock to the service's")
    func learns() {
        var skew = ClockSkew()
        let changed = skew.learn(from: .clockSkew, date: "Sun, 06 Nov 1994 08:49:37 GMT", nowEpochSeconds: 784_110_000)
        #expect(changed)
        #expect(skew.offsetSeconds == 1777)
        #expect(skew.corrected(epochSeconds: 784_110_010) == 784_111_787)
    }

    @Test("a wrong key is not taken for a wrong clock, nor is one offset learnt twice")
    func ignores() {
        var skew = ClockSkew()
        let date = "Sun, 06 Nov 1994 08:49:37 GMT"
        let refusals: [(SQSError.Kind, String?, Int64)] = [
            (.signatureMismatch, date, 784_111_700), (.accessDenied, date, 0), (.clockSkew, nil, 0),
            (.clockSkew, "yesterday", 0),
        ]
        for (kind, date, now) in refusals {
            let isLearnt = skew.learn(from: kind, date: date, nowEpochSeconds: now)
            #expect(!isLearnt)
        }
        #expect(skew == ClockSkew())
        let first = skew.learn(from: .signatureMismatch, date: date, nowEpochSeconds: 784_000_000)
        let second = skew.learn(from: .signatureMismatch, date: date, nowEpochSeconds: 784_000_000)
        #expect(first && !second)
    }
}
