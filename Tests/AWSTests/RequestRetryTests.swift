import Support
import Testing

@testable import AWS

@Suite struct RequestRetryTests {
    private var generator = SystemRandomNumberGenerator()

    private func failure(_ kind: SQSError.Kind) -> RequestFailure {
        .service(SQSError(kind: kind, code: "c", message: "", status: 400))
    }

    @Test("every kind of refusal has its decision", arguments: SQSError.Kind.allCases)
    mutating func table(kind: SQSError.Kind) {
        var retry = RequestRetry()
        let decision = retry.failed(self.failure(kind), using: &self.generator)
        let isTransient = RequestRetry.isTransient(self.failure(kind))
        switch kind {
        case .throttled, .serverFault, .overLimit:
            guard case .retry(let delay) = decision else {
                Issue.record("\(kind) is retried, not \(decision)")
                return
            }
            #expect(delay > .zero && delay <= .seconds(20) && isTransient)
        case .expiredToken, .invalidCredentials:
            #expect(decision == .refreshCredentialsAndRetry && isTransient)
        case .clockSkew, .signatureMismatch:
            #expect(decision == .fail && isTransient)
        case .queueDoesNotExist:
            #expect(decision == .forgetQueueURLAndFail && !isTransient)
        case .queueDeletedRecently, .queueNameExists, .accessDenied, .encryptionKeyUnusable, .batchTooLong,
            .messageTooLong, .invalidMessageContents, .receiptHandleInvalid, .messageNotInFlight, .purgeInProgress,
            .rejected:
            #expect(decision == .fail && !isTransient)
        }
    }

    @Test("connection faults are tried four times with growing delays, then given up")
    mutating func attempts() {
        var retry = RequestRetry()
        var delays: [Duration] = []
        for failure in [RequestFailure.connection("refused"), .timeout, .malformedReply("x")] {
            guard case .retry(let delay) = retry.failed(failure, using: &self.generator) else {
                Issue.record("\(failure) is retried")
                return
            }
            delays.append(delay)
        }
        #expect(retry.failed(.timeout, using: &self.generator) == .fail)
        #expect(delays[0] <= .milliseconds(150) && delays[2] >= .milliseconds(200))
        #expect(retry.failureCount == 4)
    }

    @Test("delays never exceed 20 s however many attempts there are")
    mutating func cap() {
        var retry = RequestRetry(attemptLimit: 1000)
        for _ in 0..<999 {
            guard case .retry(let delay) = retry.failed(.timeout, using: &self.generator) else {
                Issue.record("an attempt is left")
                return
            }
            #expect(delay <= .seconds(20))
        }
    }

    @Test("credentials are refreshed once and the clock is corrected once per request")
    mutating func once() {
        var retry = RequestRetry()
        #expect(retry.failed(self.failure(.expiredToken), using: &self.generator) == .refreshCredentialsAndRetry)
        #expect(retry.failed(self.failure(.expiredToken), using: &self.generator) == .fail)
        var clock = RequestRetry()
        let skew = self.failure(.clockSkew)
        #expect(clock.failed(skew, clockWasCorrected: true, using: &self.generator) == .resignAndRetry)
        #expect(clock.failed(skew, clockWasCorrected: true, using: &self.generator) == .fail)
    }
}
