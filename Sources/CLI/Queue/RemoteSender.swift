import Logging
import QueueClient
import Support

/// A queue system that is no part of this machine: RabbitMQ or SQS, configured by the variables of the sidecar.
struct RemoteSender: EnvelopeSender {
    /// Sends in flight at once; the clients put them into as few packets as they can.
    let batchLimit = 100

    private let client: any QueueClient
    private let name: String

    /// A client of RabbitMQ.
    static func rabbitMQ(_ environment: EnvironmentReader) throws -> RemoteSender {
        do throws(QueueClientError) {
            let configuration = try RabbitMQClientConfiguration.resolved(
                environment: environment,
                connectionName: "asya"
            )
            let client = try RabbitMQQueueClient(configuration: configuration, logger: Self.logger)
            return RemoteSender(client: client, name: "RabbitMQ at \(configuration.url)")
        } catch {
            throw Self.failure(error, "RabbitMQ")
        }
    }

    /// A client of SQS.
    static func sqs(_ environment: EnvironmentReader) throws -> RemoteSender {
        do throws(QueueClientError) {
            let configuration = try SQSClientConfiguration.resolved(environment: environment)
            let client = SQSQueueClient(configuration: configuration, logger: Self.logger)
            return RemoteSender(client: client, name: "SQS in \(configuration.region)")
        } catch {
            throw Self.failure(error, "SQS")
        }
    }

    /// What a client has to say comes back as an error; its log would only repeat it.
    private static var logger: Logger { Logger(label: "asya") { _ in SwiftLogNoOpLogHandler() } }

    func send(_ envelopes: [EnvelopeDraft.Ready]) async throws {
        let client = self.client
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for envelope in envelopes {
                    group.addTask {
                        try await client.send(envelope.body, messageID: envelope.id, to: envelope.queueName)
                    }
                }
                try await group.waitForAll()
            }
        } catch let error as QueueClientError {
            throw Self.failure(error, self.name)
        }
    }

    func close() async { await self.client.close() }

    private static func failure(_ error: QueueClientError, _ name: String) -> CommandFailure {
        let hints: [String] =
            switch error {
            case .queueMissing: ["asya up --transport makes the queues of its actors; so does the operator"]
            case .unavailable, .timedOut: ["\(name) is where the ASYA_RABBITMQ_… or AWS_… variables point to"]
            case .refused, .messageTooLarge, .closed, .misconfigured: []
            }
        return CommandFailure(error.description, hints: hints)
    }
}
