import AMQP
import QueueClient
import Support

/// The broker's address from the variables that the sidecar reads too (`sidecar.md` section 2).
enum BrokerSettings {
    private static let defaultPort = 5672

    static func rabbitMQ(_ environment: EnvironmentReader) throws(UpError) -> RabbitMQClientConfiguration {
        RabbitMQClientConfiguration(
            url: try self.url(environment),
            exchange: environment.text("ASYA_RABBITMQ_EXCHANGE") ?? "asya",
            connectionName: "asya-up"
        )
    }

    private static func url(_ environment: EnvironmentReader) throws(UpError) -> AMQPURL {
        if let text = environment.text("ASYA_RABBITMQ_URL") {
            do throws(AMQPURL.ParseError) {
                return try AMQPURL(parsing: text)
            } catch {
                throw UpError("ASYA_RABBITMQ_URL is not a broker's address: \(error)")
            }
        }
        let text = environment.text("ASYA_RABBITMQ_PORT")
        let port = text.map { Int($0) ?? 0 } ?? Self.defaultPort
        guard (1...65_535).contains(port) else {
            throw UpError("ASYA_RABBITMQ_PORT is not a port number from 1 to 65535")
        }
        return AMQPURL(
            host: environment.text("ASYA_RABBITMQ_HOST") ?? "localhost",
            port: port,
            credentials: Credentials(
                username: environment.text("ASYA_RABBITMQ_USERNAME") ?? "guest",
                password: environment.text("ASYA_RABBITMQ_PASSWORD") ?? "guest"
            )
        )
    }
}
