import AMQP

/// What the RabbitMQ transport has to know.
struct RabbitMQConfiguration {
    var url: AMQPURL
    /// `ASYA_RABBITMQ_EXCHANGE`.
    var exchange: String
    /// Full name of the own queue.
    var queueName: String
    /// Shown in the broker's management pages.
    var connectionName: String
    /// `ASYA_QUEUE_RETRY_MAX_ATTEMPTS`, for a missing own queue.
    var queueAttempts: Int
    /// `ASYA_QUEUE_RETRY_BACKOFF`: the first delay; doubles, at most 30 s.
    var queueBackoff: Duration

    /// Limit for connecting and for every step of opening (`sidecar.md` 6.1).
    var connectionTimeout: Duration {
        self.url.connectionTimeoutMilliseconds.map { .milliseconds($0) } ?? .seconds(30)
    }

    var tls: TLSSettings? {
        guard self.url.isTLS else { return nil }
        return TLSSettings(
            serverName: self.url.serverName ?? self.url.host,
            caFile: self.url.caFile,
            certificateFile: self.url.certificateFile,
            keyFile: self.url.keyFile
        )
    }
}
