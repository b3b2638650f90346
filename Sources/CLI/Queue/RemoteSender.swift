import AMQP
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
        let url = try RabbitMQAddress.url(environment)
        let exchange = environment.text("ASYA_RABBITMQ_EXCHANGE") ?? RabbitMQAddress.defaultExchange
        let configuration = RabbitMQClientConfiguration(url: url, exchange: exchange, connectionName: "asya")
        do throws(QueueClientError) {
            let client = try RabbitMQQueueClient(configuration: configuration, logger: Self.logger)
            return RemoteSender(client: client, name: "RabbitMQ at \(url)")
        } catch {
            throw Self.failure(error, "RabbitMQ at \(url)")
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

/// The address of RabbitMQ from the variables that the sidecar reads too (sidecar.md section 2).
enum RabbitMQAddress {
    static let defaultExchange = "asya"

    static func url(_ environment: EnvironmentReader) throws(CommandFailure) -> AMQPURL {
        if let text = environment.text("ASYA_RABBITMQ_URL") {
            do throws(AMQPURL.ParseError) {
                return try AMQPURL(parsing: text)
            } catch {
                // The value may hold a password.
                throw CommandFailure("ASYA_RABBITMQ_URL is no address of RabbitMQ: \(error.description)")
            }
        }
        var url = AMQPURL(
            host: environment.text("ASYA_RABBITMQ_HOST") ?? "localhost",
            port: 5672,
            credentials: Credentials(
                username: environment.text("ASYA_RABBITMQ_USERNAME") ?? "guest",
                password: environment.text("ASYA_RABBITMQ_PASSWORD") ?? "guest"
            )
        )
        if let text = environment.text("ASYA_RABBITMQ_PORT") {
            guard let port = Int(text), (1...65_535).contains(port) else {
                throw CommandFailure("ASYA_RABBITMQ_PORT has to be a number from 1 to 65535")
            }
            url.port = port
        }
        return url
    }
}
