import AMQP
import Foundation
import Logging
import Testing

@testable import QueueClient

/// Against a real broker; `make test` starts a private one and says where it is.
@Suite("RabbitMQ", .enabled(if: Broker.url != nil))
struct RabbitMQTests {
    @Test("Sends arrive, also without a binding; a missing queue is an error", arguments: Broker.addresses)
    func sending(address: BrokerAddress) async throws {
        let name = "asya-test-\(UUID().uuidString.lowercased())"
        let administration = try RabbitMQAdministration(configuration: address.configuration)
        let client = try RabbitMQQueueClient(configuration: address.configuration, logger: Broker.logger)
        try await client.checkReadiness()
        await #expect(throws: QueueClientError.queueMissing(name)) {
            try await client.send(Array("{}".utf8), messageID: "m", to: name)
        }
        let deadLetter = DeadLetterDefinition(queueName: name + "-dlq")
        try await administration.declare(QueueDefinition(name: name, deadLetter: deadLetter))
        try await administration.declare(QueueDefinition(name: name, deadLetter: deadLetter))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<1000 {
                group.addTask {
                    try await client.send(Array(#"{"n":\#(index)}"#.utf8), messageID: "m\(index)", to: name)
                }
            }
            try await group.waitForAll()
        }
        #expect(try await administration.counts(of: name) == QueueCounts(ready: 1000, inFlight: nil))
        #expect(try await administration.counts(of: name + "-dlq") == QueueCounts(ready: 0, inFlight: nil))
        try await administration.purge(name)
        #expect(try await administration.counts(of: name) == QueueCounts(ready: 0, inFlight: nil))
        for queue in [name, name + "-dlq", name] { try await administration.delete(queue) }
        let gone = try await administration.counts(of: name)
        #expect(gone == nil)
        await client.close()
        await administration.close()
        await #expect(throws: QueueClientError.closed) { try await client.send([], messageID: "m", to: name) }
        await #expect(throws: QueueClientError.closed) { try await administration.purge(name) }
    }

    @Test("A message larger than a frame arrives")
    func largeMessage() async throws {
        let configuration = try #require(Broker.addresses.first).configuration
        let name = "asya-test-\(UUID().uuidString.lowercased())"
        let administration = try RabbitMQAdministration(configuration: configuration)
        let client = try RabbitMQQueueClient(configuration: configuration, logger: Broker.logger)
        try await administration.declare(QueueDefinition(name: name))
        try await client.send([UInt8](repeating: UInt8(ascii: "x"), count: 5_000_000), messageID: "m", to: name)
        #expect(try await administration.counts(of: name)?.ready == 1)
        try await administration.delete(name)
        await client.close()
        await administration.close()
    }

    @Test("Changing a queue's arguments is refused in the broker's words")
    func mismatch() async throws {
        let configuration = try #require(Broker.addresses.first).configuration
        let name = "asya-test-\(UUID().uuidString.lowercased())"
        let administration = try RabbitMQAdministration(configuration: configuration)
        try await administration.declare(QueueDefinition(name: name))
        let other = QueueDefinition(name: name, deadLetter: DeadLetterDefinition(queueName: name + "-dlq"))
        let error = await #expect(throws: QueueClientError.self) { try await administration.declare(other) }
        guard case .refused(let queue, let reason) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(queue == name)
        #expect(reason.contains("PRECONDITION_FAILED"))
        // The connection works on.
        for queue in [name, name + "-dlq"] { try await administration.delete(queue) }
        await administration.close()
    }

    @Test("Nobody listens: sends fail in time and say why, without the password")
    func unreachable() async throws {
        let url = try AMQPURL(parsing: "amqp://user:sesame@127.0.0.1:1/")
        let configuration = RabbitMQClientConfiguration(url: url, sendTimeout: .milliseconds(300))
        let client = try RabbitMQQueueClient(configuration: configuration, logger: Broker.logger)
        let error = await #expect(throws: QueueClientError.self) {
            try await client.send([], messageID: "m", to: "asya-x")
        }
        guard case .unavailable(let reason) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(!reason.contains("sesame"))
        await client.close()
    }
}

/// A broker and how to reach it.
struct BrokerAddress: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var configuration: RabbitMQClientConfiguration
}

enum Broker {
    static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    static let url = ProcessInfo.processInfo.environment["ASYA_RABBITMQ_URL"]

    /// Plain, and encrypted when there is a certificate.
    static let addresses: [BrokerAddress] = {
        let environment = ProcessInfo.processInfo.environment
        var texts = [("plain", environment["ASYA_RABBITMQ_URL"])]
        if let url = environment["ASYA_RABBITMQ_TLS_URL"], let file = environment["ASYA_RABBITMQ_CA_FILE"] {
            texts.append(("TLS", "\(url)?cacertfile=\(file)"))
        }
        return texts.compactMap { name, text in
            guard let text, let url = try? AMQPURL(parsing: text) else { return nil }
            let configuration = RabbitMQClientConfiguration(url: url, exchange: "asya-test", connectionName: "test")
            return BrokerAddress(testDescription: name, configuration: configuration)
        }
    }()
}
