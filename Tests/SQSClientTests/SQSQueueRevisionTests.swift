import AWS
import Testing

@testable import QueueClient

@Suite struct SQSQueueRevisionTests {
    private static func policy(_ count: Int, _ name: String = "dlq") -> RedrivePolicy {
        RedrivePolicy(deadLetterTargetARN: "arn:aws:sqs:eu-west-1:1:\(name)", maxReceiveCount: count)
    }

    private static func deadLetter(_ count: Int?) -> DeadLetterDefinition {
        DeadLetterDefinition(queueName: "dlq", maximumReceiveCount: count)
    }

    private static func revision(
        _ observed: QueueAttributes,
        visibility: Int? = nil,
        deadLetter: DeadLetterDefinition? = nil
    ) -> SQSQueueRevision {
        let wanted = QueueDefinition(name: "q", deadLetter: deadLetter, visibilityTimeoutSeconds: visibility)
        return SQSQueueRevision(of: observed, to: wanted)
    }

    @Test("a queue as it should be is not written to")
    func equal() {
        let observed = QueueAttributes(visibilitySeconds: 30, retentionSeconds: 1, redrivePolicy: Self.policy(4))
        let revision = Self.revision(observed, visibility: 30, deadLetter: Self.deadLetter(4))
        #expect(revision.changes == QueueAttributes() && !revision.needsDeadLetterQueue)
        let plain = Self.revision(QueueAttributes(visibilitySeconds: 30))
        #expect(plain.changes == QueueAttributes() && !plain.needsDeadLetterQueue)
    }

    @Test("only what differs is changed")
    func differences() {
        let observed = QueueAttributes(visibilitySeconds: 30, redrivePolicy: Self.policy(4))
        let visibility = Self.revision(observed, visibility: 60, deadLetter: Self.deadLetter(4))
        #expect(visibility.changes == QueueAttributes(visibilitySeconds: 60))
        let count = Self.revision(observed, visibility: 30, deadLetter: Self.deadLetter(5))
        #expect(count.changes == QueueAttributes(redrivePolicy: Self.policy(5)) && !count.needsDeadLetterQueue)
        let unset = Self.revision(observed, deadLetter: Self.deadLetter(nil))
        #expect(unset.changes == QueueAttributes(redrivePolicy: Self.policy(3)))
    }

    @Test("without a policy the dead-letter queue is needed first; a policy of somebody's own stays")
    func policies() {
        let missing = Self.revision(QueueAttributes(), deadLetter: Self.deadLetter(4))
        #expect(missing.needsDeadLetterQueue && missing.changes == QueueAttributes())
        for wanted in [nil, Self.deadLetter(5)] {
            let own = Self.revision(QueueAttributes(redrivePolicy: Self.policy(4, "own")), deadLetter: wanted)
            #expect(own.changes == QueueAttributes() && !own.needsDeadLetterQueue)
        }
    }
}
