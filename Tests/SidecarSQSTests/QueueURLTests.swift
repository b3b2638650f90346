import AWS
import Sidecar
import Testing

@testable import SidecarSQS

@Suite("QueueURL")
struct QueueURLTests {
    @Test("is looked up once, however often it is needed meanwhile")
    func once() {
        var url = QueueURL()
        #expect(url.needsLookup() == true)
        #expect(url.needsLookup() == false)
        #expect(url.value == nil)
        url.found("u1")
        #expect(url.needsLookup() == false)
        #expect(url.value == "u1")
    }

    @Test("is looked up again after a failure, and after the service said that the queue does not exist")
    func again() {
        var url = QueueURL()
        #expect(url.needsLookup() == true)
        url.lookupFailed()
        #expect(url.needsLookup() == true)
        url.found("u1")
        url.refused("u1")
        #expect(url.value == nil)
        #expect(url.needsLookup() == true)
    }

    @Test("a late refusal of an older URL does not drop a newer one, nor start a second look-up")
    func lateRefusal() {
        var url = QueueURL()
        _ = url.needsLookup()
        url.found("u1")
        url.refused("u1")
        #expect(url.needsLookup() == true)
        url.refused("u1")
        #expect(url.needsLookup() == false, "one is under way")
        url.found("u2")
        url.refused("u1")
        #expect(url.value == "u2")
    }

    @Test("the own queue is looked for with doubling delays as often as configured, then every 30 s")
    func ownQueue() {
        var retry = OwnQueueRetry(attempts: 4, firstDelay: .seconds(2))
        #expect((0..<6).map { _ in retry.failed() } == [2, 4, 8, 30, 30, 30].map { .seconds($0) })
        retry.succeeded()
        #expect(retry.failed() == .seconds(2))
    }

    @Test("no delay is longer than 30 s, whatever is configured")
    func longest() {
        var retry = OwnQueueRetry(attempts: .max, firstDelay: .seconds(20))
        #expect((0..<40).map { _ in retry.failed() } == [.seconds(20)] + Array(repeating: .seconds(30), count: 39))
    }
}

@Suite("PublicationFailure of SQS")
struct SQSPublicationFailureTests {
    private func message(byteCount: Int) -> OutgoingMessage {
        OutgoingMessage(body: [UInt8](repeating: UInt8(ascii: "x"), count: byteCount), token: 1)
    }

    private func outcome(_ kind: SQSError.Kind, byteCount: Int = 100) -> PublicationFailure {
        let error = SQSError(kind: kind, code: "C", message: "", status: 400)
        return PublicationFailure(.service(error), self.message(byteCount: byteCount), limits: SQSLimits())
    }

    @Test(
        "without an answer the message may have been accepted",
        arguments: [RequestFailure.timeout, .connection("x")]
    )
    func noAnswer(failure: RequestFailure) {
        #expect(PublicationFailure(failure, self.message(byteCount: 1), limits: SQSLimits()) == .connectionLost)
    }

    @Test("every refusal has a meaning", arguments: SQSError.Kind.allCases)
    func refusals(kind: SQSError.Kind) {
        switch kind {
        case .queueDoesNotExist, .queueDeletedRecently: #expect(self.outcome(kind) == .destinationMissing)
        case .messageTooLong: #expect(self.outcome(kind) == .tooLarge)
        case .invalidMessageContents: #expect(self.outcome(kind) == .notCarried)
        default: #expect(self.outcome(kind) == .refusedByBroker)
        }
    }

    @Test("a batch that was too long is sent again in smaller ones, a single message of that size is too large")
    func batchTooLong() {
        #expect(self.outcome(.batchTooLong, byteCount: 1000) == .refusedByBroker)
        #expect(self.outcome(.batchTooLong, byteCount: 500_000) == .tooLarge)
    }
}
