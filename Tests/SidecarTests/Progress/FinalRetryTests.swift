import Testing

@testable import Sidecar

@Suite struct FinalRetryTests {
    private let start = MonotonicTime(nanoseconds: 1_000_000_000)

    @Test("2xx is accepted", arguments: [200, 201, 204, 299])
    func accepted(status: Int) {
        var retry = FinalRetry(startedAt: self.start, singleAttemptLimit: nil)
        #expect(retry.attempted(.answered(status: status), now: self.start) == .accepted)
    }

    @Test(
        "no answer is retried with growing delays for 30 seconds",
        arguments: [
            .failed(reason: "x"), .answered(status: 429), .answered(status: 502), .answered(status: 503),
            .answered(status: 504),
        ] as [GatewayOutcome]
    )
    func unreachable(outcome: GatewayOutcome) {
        var retry = FinalRetry(startedAt: self.start, singleAttemptLimit: nil)
        var now = self.start
        var delays: [Duration] = []
        while true {
            guard case .retry(let delay) = retry.attempted(outcome, now: now) else { break }
            delays.append(delay)
            now = now + delay
        }
        #expect(
            delays.prefix(6) == [
                .milliseconds(200), .milliseconds(400), .milliseconds(800), .milliseconds(1600), .milliseconds(3200),
                .seconds(5),
            ]
        )
        #expect(delays.count == 9)
        #expect(now - self.start <= .seconds(30))
        #expect(retry.attempted(outcome, now: now) == .unreachable)
    }

    @Test("a refusal is repeated twice", arguments: [400, 404, 409, 500, 301])
    func rejected(status: Int) {
        var retry = FinalRetry(startedAt: self.start, singleAttemptLimit: nil)
        #expect(retry.attempted(.answered(status: status), now: self.start) == .retry(after: .milliseconds(200)))
        #expect(retry.attempted(.answered(status: status), now: self.start) == .retry(after: .milliseconds(200)))
        #expect(retry.attempted(.answered(status: status), now: self.start) == .rejected)
    }

    @Test("a refusal at the very end is still an answer")
    func lateRefusal() {
        var retry = FinalRetry(startedAt: self.start, singleAttemptLimit: nil)
        #expect(retry.attempted(.answered(status: 500), now: self.start + .seconds(29.9)) == .rejected)
    }

    @Test("a single attempt has no second one")
    func single() {
        var retry = FinalRetry(startedAt: self.start, singleAttemptLimit: .seconds(1))
        #expect(retry.attemptLimit(now: self.start) == .seconds(1))
        #expect(retry.attempted(.failed(reason: "x"), now: self.start) == .unreachable)
        #expect(retry.attempted(.answered(status: 500), now: self.start) == .rejected)
    }

    @Test("a shutdown leaves five seconds, never more than there were")
    func hurry() {
        var retry = FinalRetry(startedAt: self.start, singleAttemptLimit: nil)
        retry.hurry(now: self.start + .seconds(10))
        #expect(retry.deadline == self.start + .seconds(15))
        #expect(retry.attemptLimit(now: self.start + .seconds(12)) == .seconds(3))
        #expect(retry.attempted(.failed(reason: "x"), now: self.start + .seconds(15)) == .unreachable)
        var late = FinalRetry(startedAt: self.start, singleAttemptLimit: nil)
        late.hurry(now: self.start + .seconds(28))
        #expect(late.deadline == self.start + .seconds(30))
    }

    @Test("an attempt gets five seconds, at the end only what is left")
    func attemptLimit() {
        let retry = FinalRetry(startedAt: self.start, singleAttemptLimit: nil)
        #expect(retry.attemptLimit(now: self.start) == .seconds(5))
        #expect(retry.attemptLimit(now: self.start + .seconds(28)) == .seconds(2))
        #expect(retry.attemptLimit(now: self.start + .seconds(40)) == .milliseconds(1))
    }
}

@Suite struct GatewayHealthTests {
    @Test("five failures in a row, or one wait in vain, end the waiting until a report is accepted")
    func waiting() {
        var health = GatewayHealth()
        for _ in 0..<4 { health.reportFailed() }
        #expect(health.isWorthWaiting)
        health.reportFailed()
        #expect(!health.isWorthWaiting)
        health.reportAccepted()
        #expect(health.isWorthWaiting)
        health.waitExpired()
        #expect(!health.isWorthWaiting)
        health.reportFailed()
        health.reportAccepted()
        #expect(health.isWorthWaiting)
    }
}
