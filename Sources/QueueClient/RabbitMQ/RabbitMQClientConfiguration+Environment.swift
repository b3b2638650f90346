internal import AMQP
public import Support

extension RabbitMQClientConfiguration {
    /// What the variables of the sidecar say (`sidecar.md` section 2): `ASYA_RABBITMQ_URL`, else host, port, user and
    /// password, with RabbitMQ's own defaults; `ASYA_RABBITMQ_EXCHANGE`.
    ///
    /// - Throws: `misconfigured`, naming the variable and never its value, which may hold a password.
    public static func resolved(
        environment: EnvironmentReader,
        connectionName: String
    ) throws(QueueClientError) -> RabbitMQClientConfiguration {
        RabbitMQClientConfiguration(
            url: try self.url(environment),
            exchange: environment.text("ASYA_RABBITMQ_EXCHANGE") ?? "asya",
            connectionName: connectionName
        )
    }

    private static func url(_ environment: EnvironmentReader) throws(QueueClientError) -> AMQPURL {
        if let text = environment.text("ASYA_RABBITMQ_URL") {
            do throws(AMQPURL.ParseError) {
                return try AMQPURL(parsing: text)
            } catch {
                throw .misconfigured("ASYA_RABBITMQ_URL is no address of RabbitMQ: \(error)")
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
                throw .misconfigured("ASYA_RABBITMQ_PORT has to be a number from 1 to 65535")
            }
            url.port = port
        }
        return url
    }
}
