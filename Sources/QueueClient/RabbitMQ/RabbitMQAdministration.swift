internal import AMQP
internal import CRabbitMQ
internal import Support

/// Declares, counts and removes queues of RabbitMQ (`operator.md` 9), one request after the other on a thread of its own.
public final class RabbitMQAdministration: QueueAdministration {
    private let jobs: JobQueue<RabbitMQAdministrator>

    /// Connects with the first request.
    public init(configuration: RabbitMQClientConfiguration) throws(QueueClientError) {
        let jobs = JobQueue(name: "amqp-admin") { RabbitMQAdministrator(configuration) }
        guard let jobs else { throw .unavailable(reason: "cannot start a thread") }
        self.jobs = jobs
    }

    /// See `QueueAdministration`.
    public func declare(_ queue: QueueDefinition) async throws {
        try await self.perform { administrator throws(QueueClientError) in try administrator.declare(queue) }
    }

    /// See `QueueAdministration`.
    public func counts(of queueName: String) async throws -> QueueCounts? {
        try await self.perform { administrator throws(QueueClientError) in try administrator.counts(of: queueName) }
    }

    /// See `QueueAdministration`.
    public func delete(_ queueName: String) async throws {
        try await self.perform { administrator throws(QueueClientError) in try administrator.delete(queueName) }
    }

    /// See `QueueAdministration`.
    public func purge(_ queueName: String) async throws {
        try await self.perform { administrator throws(QueueClientError) in try administrator.purge(queueName) }
    }

    /// See `QueueAdministration`.
    public func close() async {
        await self.jobs.close()
    }

    private func perform<Value: Sendable>(
        _ work: @escaping @Sendable (RabbitMQAdministrator) throws(QueueClientError) -> Value
    ) async throws -> Value {
        guard let result = await self.jobs.run({ administrator in Result { try work(administrator) } }) else {
            throw QueueClientError.closed
        }
        return try result.get()
    }
}

/// The work behind `RabbitMQAdministration`. Confined to the thread that made it.
final class RabbitMQAdministrator {
    private let configuration: RabbitMQClientConfiguration
    private var connection: BrokerConnection?

    init(_ configuration: RabbitMQClientConfiguration) {
        self.configuration = configuration
    }

    func declare(_ queue: QueueDefinition) throws(QueueClientError) {
        if let deadLetter = queue.deadLetter {
            try self.perform(deadLetter.queueName) { state in
                withAMQPBytes(deadLetter.queueName) { declareDurable(state, $0, amqp_empty_table) }
            }
        }
        try self.perform(queue.name) { state in
            withDeadLetterArguments(queue.deadLetter) { arguments in
                withAMQPBytes(queue.name) { declareDurable(state, $0, arguments) }
            }
        }
        try self.perform(queue.name) { state in
            withAMQPBytes(self.configuration.exchange) { exchange in
                withAMQPBytes("topic") { topic in
                    let channel = BrokerConnection.channel
                    _ = amqp_exchange_declare(state, channel, exchange, topic, 0, 1, 0, 0, amqp_empty_table)
                }
            }
        }
        // Both keys: senders use the bare actor name, the original's operator binds the full one.
        for key in [QueueName.routingKey(queue.name), queue.name] {
            try self.perform(queue.name) { state in
                withAMQPBytes(queue.name) { name in
                    withAMQPBytes(self.configuration.exchange) { exchange in
                        withAMQPBytes(key) { key in
                            let channel = BrokerConnection.channel
                            _ = amqp_queue_bind(state, channel, name, exchange, key, amqp_empty_table)
                        }
                    }
                }
            }
        }
    }

    func counts(of queueName: String) throws(QueueClientError) -> QueueCounts? {
        var ready = 0
        let exists = try self.performIfExists(queueName) { state in
            withAMQPBytes(queueName) { name in
                let answer = amqp_queue_declare(state, BrokerConnection.channel, name, 1, 0, 0, 0, amqp_empty_table)
                if let answer { ready = Int(answer.pointee.message_count) }
            }
        }
        return exists ? QueueCounts(ready: ready, inFlight: nil) : nil
    }

    func delete(_ queueName: String) throws(QueueClientError) {
        _ = try self.performIfExists(queueName) { state in
            withAMQPBytes(queueName) { _ = amqp_queue_delete(state, BrokerConnection.channel, $0, 0, 0) }
        }
    }

    func purge(_ queueName: String) throws(QueueClientError) {
        try self.perform(queueName) { state in
            withAMQPBytes(queueName) { _ = amqp_queue_purge(state, BrokerConnection.channel, $0) }
        }
    }

    private func performIfExists(
        _ queueName: String,
        _ request: (amqp_connection_state_t) -> Void
    ) throws(QueueClientError) -> Bool {
        do {
            try self.perform(queueName, request)
            return true
        } catch .queueMissing {
            return false
        }
    }

    /// One request and its answer; a connection that turns out to be dead is replaced once.
    private func perform(
        _ queueName: String,
        _ request: (amqp_connection_state_t) -> Void
    ) throws(QueueClientError) {
        let hadConnection = self.connection != nil
        do throws(BrokerConnection.Failure) {
            try self.attempt(request)
        } catch {
            guard error.code == 0, hadConnection else { throw self.translated(error, queueName) }
            do throws(BrokerConnection.Failure) {
                try self.attempt(request)
            } catch {
                throw self.translated(error, queueName)
            }
        }
    }

    private func attempt(_ request: (amqp_connection_state_t) -> Void) throws(BrokerConnection.Failure) {
        let connection: BrokerConnection
        if let known = self.connection {
            connection = known
        } else {
            connection = try BrokerConnection(self.configuration.url, name: self.configuration.connectionName)
            self.connection = connection
        }
        amqp_maybe_release_buffers(connection.state)
        request(connection.state)
        do {
            try connection.checkReply("request")
        } catch {
            // A refusal closes the channel. A fresh connection is simpler than reviving it, and refusals are rare.
            if error.code == 0 { connection.abandon() }
            self.connection = nil
            throw error
        }
    }

    private func translated(_ failure: BrokerConnection.Failure, _ queueName: String) -> QueueClientError {
        if failure.isPermanent { return .misconfigured(failure.text) }
        switch failure.code {
        case 0: return .unavailable(reason: failure.text)
        case ReplyCode.notFound: return .queueMissing(queueName)
        default: return .refused(queue: queueName, reason: failure.text)
        }
    }
}

private func declareDurable(_ state: amqp_connection_state_t, _ name: amqp_bytes_t, _ arguments: amqp_table_t) {
    _ = amqp_queue_declare(state, BrokerConnection.channel, name, 0, 1, 0, 0, arguments)
}

/// `x-dead-letter-exchange: ""` and the dead-letter queue's name as routing key, or no arguments.
private func withDeadLetterArguments(_ deadLetter: DeadLetterDefinition?, _ body: (amqp_table_t) -> Void) {
    guard let deadLetter else { return body(amqp_empty_table) }
    withAMQPBytes("x-dead-letter-exchange") { exchangeKey in
        withAMQPBytes("x-dead-letter-routing-key") { routingKey in
            withAMQPBytes(deadLetter.queueName) { target in
                var exchange = amqp_table_entry_t()
                exchange.key = exchangeKey
                exchange.value.kind = FieldKind.string
                exchange.value.value.bytes = amqp_empty_bytes
                var key = amqp_table_entry_t()
                key.key = routingKey
                key.value.kind = FieldKind.string
                key.value.value.bytes = target
                var entries = [exchange, key]
                entries.withUnsafeMutableBufferPointer { entries in
                    body(amqp_table_t(num_entries: Int32(entries.count), entries: entries.baseAddress))
                }
            }
        }
    }
}
