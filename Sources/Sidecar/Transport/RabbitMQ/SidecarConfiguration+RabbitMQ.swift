import AMQP

extension SidecarConfiguration {
    /// What the RabbitMQ transport is told.
    ///
    /// - Throws: `ConfigurationError` when `ASYA_RABBITMQ_URL` is not an address; the text never shows a password.
    func rabbitMQ() throws(ConfigurationError) -> RabbitMQConfiguration {
        RabbitMQConfiguration(
            url: try self.brokerURL(),
            exchange: self.rabbitMQSettings.exchange,
            queueName: self.queueName,
            connectionName: "asya-sidecar " + self.actorName,
            queueAttempts: self.queueRetryMaxAttempts,
            queueBackoff: self.queueRetryBackoff
        )
    }

    private func brokerURL() throws(ConfigurationError) -> AMQPURL {
        let settings = self.rabbitMQSettings
        guard let text = settings.url else {
            let credentials = Credentials(username: settings.username, password: settings.password)
            return AMQPURL(host: settings.host, port: settings.port, credentials: credentials)
        }
        do throws(AMQPURL.ParseError) {
            return try AMQPURL(parsing: text)
        } catch {
            throw .invalid(variable: "ASYA_RABBITMQ_URL", problem: "is not a broker's address: \(error)")
        }
    }
}
