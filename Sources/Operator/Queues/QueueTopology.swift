import AWS
import ActorResource
import QueueClient

/// The queue an actor should have (operator.md 9). Pure.
enum QueueTopology {
    /// RabbitMQ has a dead-letter queue for each actor.
    static let deadLetterSuffix = "-dlq"
    /// SQS has one for all, and one for all FIFO queues, since it takes the messages of such a queue into no other.
    static func sharedDeadLetterQueue(of queueName: String) -> String {
        QueueAddress.isFIFO(queueName: queueName) ? "asya-dlq.fifo" : "asya-dlq"
    }

    /// Name, dead letters, visibility and tags of an actor's queue.
    static func definition(
        actor: ObjectKey,
        processingTimeout: Int,
        transport: TransportDefinition
    ) -> QueueDefinition {
        let name = transport.queueName(actor: actor.name)
        let queues = transport.queues
        switch transport.broker {
        case .rabbitMQ:
            let deadLetter = DeadLetterDefinition(
                queueName: name + self.deadLetterSuffix,
                maximumReceiveCount: queues.maxRetryCount
            )
            return QueueDefinition(name: name, deadLetter: queues.hasDeadLetterQueue ? deadLetter : nil)
        case .sqs(let settings):
            let deadLetter = DeadLetterDefinition(
                queueName: self.sharedDeadLetterQueue(of: name),
                maximumReceiveCount: queues.maxRetryCount,
                retentionDays: queues.retentionDays
            )
            let tags = ["asya.sh/actor": actor.name, "asya.sh/namespace": actor.namespace]
            return QueueDefinition(
                name: name,
                deadLetter: queues.hasDeadLetterQueue ? deadLetter : nil,
                visibilityTimeoutSeconds: self.visibility(settings, processingTimeout: processingTimeout),
                tags: tags.merging(settings.tags) { _, configured in configured }
            )
        }
    }

    /// Twice the time a message may take unless configured (operator.md 17); SQS allows half a day.
    private static func visibility(_ settings: SQSSettings, processingTimeout: Int) -> Int {
        if settings.visibilityTimeout > 0 { return settings.visibilityTimeout }
        return min(2 * (processingTimeout > 0 ? processingTimeout : 300), 43_200)
    }
}
