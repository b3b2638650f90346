import Testing

@testable import AWS

@Suite struct SQSLimitsTests {
    @Test("limits are settings, and are learnt from refusals, downwards only")
    func limits() {
        var limits = SQSLimits(batchByteLimit: 1_048_576)
        func refusal(_ kind: SQSError.Kind, _ text: String) -> SQSError {
            SQSError(kind: kind, code: "c", message: text, status: 400)
        }
        limits.learn(from: refusal(.batchTooLong, "cannot be longer than 262144 bytes"))
        #expect(limits == SQSLimits())
        limits.learn(from: refusal(.messageTooLong, "Message must be shorter than 1024 bytes."))
        #expect(limits == SQSLimits(batchByteLimit: 1024, messageByteLimit: 1024))
        limits.learn(from: refusal(.messageTooLong, "Message must be shorter than 4096 bytes."))
        limits.learn(from: refusal(.messageTooLong, "too long"))
        limits.learn(from: refusal(.rejected, "must be shorter than 1 bytes"))
        #expect(limits == SQSLimits(batchByteLimit: 1024, messageByteLimit: 1024))
    }
}
