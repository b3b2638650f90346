internal import AWS

/// What has to be set on a queue that is there already, so that it is as defined: only what differs, so that a queue as
/// it should be is not written to (`operator.md` 9, OB6). Pure.
struct SQSQueueRevision: Equatable {
    /// What is known without asking for another queue; empty when nothing has to be set.
    var changes = QueueAttributes()
    /// The queue has no redrive policy yet: the dead-letter queue has to be found or made first.
    var needsDeadLetterQueue = false

    /// - Parameter observed: what the service says about the queue.
    init(of observed: QueueAttributes, to wanted: QueueDefinition) {
        if let seconds = wanted.visibilityTimeoutSeconds, seconds != observed.visibilitySeconds {
            self.changes.visibilitySeconds = seconds
        }
        // Without dead letters in the configuration, a policy that is there is somebody's own.
        guard let deadLetter = wanted.deadLetter else { return }
        guard let policy = observed.redrivePolicy else {
            self.needsDeadLetterQueue = true
            return
        }
        // So is one that leads to another queue.
        guard policy.deadLetterQueueName == deadLetter.queueName, policy.maxReceiveCount != deadLetter.receiveLimit
        else { return }
        self.changes.redrivePolicy = RedrivePolicy(
            deadLetterTargetARN: policy.deadLetterTargetARN,
            maxReceiveCount: deadLetter.receiveLimit
        )
    }
}

extension DeadLetterDefinition {
    /// What counts when the configuration says nothing (`operator.md` 2).
    private static let defaultReceiveCount = 3

    /// Receives after which a message becomes a dead letter.
    var receiveLimit: Int { self.maximumReceiveCount ?? Self.defaultReceiveCount }
}
