import Testing

@testable import Sidecar

@Suite("PublicationRetry")
struct PublicationRetryTests {
    private static let start = MonotonicTime(nanoseconds: 5_000_000_000)

    @Test("a missing destination is tried again after 0.5, 1 and 2 s, then given up")
    func missingDestination() {
        var retry = PublicationRetry()
        let decisions = (0..<4).map { _ in retry.refused(.destinationMissing, now: Self.start) }
        #expect(
            decisions == [
                .retry(after: .milliseconds(500)), .retry(after: .seconds(1)), .retry(after: .seconds(2)), .giveUp,
            ]
        )
    }

    @Test(
        "other refusals are tried again after 0.1, 0.2 … 5 s",
        arguments: [
            PublicationFailure.refusedByBroker, .connectionLost,
        ]
    )
    func growingDelays(failure: PublicationFailure) {
        var retry = PublicationRetry()
        let delays = [100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000, 5000, 5000, 5000, 5000, 5000]
        for milliseconds in delays {
            #expect(retry.refused(failure, now: Self.start) == .retry(after: .milliseconds(milliseconds)))
        }
    }

    @Test("other refusals are given up 60 s after the first")
    func patience() {
        var retry = PublicationRetry()
        #expect(!retry.isOutOfPatience(now: Self.start))
        _ = retry.refused(.connectionLost, now: Self.start)
        let last = Self.start + .milliseconds(59_999)
        #expect(retry.refused(.refusedByBroker, now: last) != .giveUp)
        #expect(!retry.isOutOfPatience(now: last))
        #expect(retry.isOutOfPatience(now: Self.start + .seconds(60)))
        #expect(retry.refused(.refusedByBroker, now: Self.start + .seconds(60)) == .giveUp)
    }

    @Test("a lost connection does not use up the attempts of a missing destination")
    func separateCounts() {
        var retry = PublicationRetry()
        for _ in 0..<10 { _ = retry.refused(.connectionLost, now: Self.start) }
        #expect(retry.refused(.destinationMissing, now: Self.start) == .retry(after: .milliseconds(500)))
    }

    @Test("what is too large is never tried again")
    func tooLarge() {
        var retry = PublicationRetry()
        #expect(retry.refused(.tooLarge, now: Self.start) == .replaceByError)
        #expect(retry.refused(.notCarried, now: Self.start) == .replaceByError)
    }
}

@Suite("ReleaseBackOff")
struct ReleaseBackOffTests {
    @Test(
        "doubles from 1 s to 30 s",
        arguments: [(1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 30), (7, 30), (100, 30), (Int.max, 30)]
    )
    func doubles(attempt: Int, seconds: Int) {
        #expect(ReleaseBackOff.delay(attempt: attempt, unitRandom: 0.5) == .seconds(seconds))
    }

    @Test("strays by at most 20 % in either direction", arguments: [1, 3, 9])
    func strays(attempt: Int) {
        let middle = ReleaseBackOff.delay(attempt: attempt, unitRandom: 0.5)
        #expect(ReleaseBackOff.delay(attempt: attempt, unitRandom: 0) == middle * 4 / 5)
        let longest = ReleaseBackOff.delay(attempt: attempt, unitRandom: 1.0.nextDown)
        #expect(longest > middle && longest <= middle * 6 / 5)
    }

    @Test("an attempt below 1 counts as the first", arguments: [0, -1, Int.min + 1])
    func belowOne(attempt: Int) {
        #expect(ReleaseBackOff.delay(attempt: attempt, unitRandom: 0.5) == .seconds(1))
    }
}
