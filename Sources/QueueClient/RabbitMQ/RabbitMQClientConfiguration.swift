public import AMQP

/// How the control plane talks to RabbitMQ (`gateway.md` 9.2).
public struct RabbitMQClientConfiguration: Equatable, Sendable {
    /// The broker's address; its query may set heartbeat, time-out and certificates.
    public var url: AMQPURL
    /// Durable topic exchange, declared on every connection.
    public var exchange: String
    /// The longest a send may take, waiting for a connection included.
    public var sendTimeout: Duration
    /// Shown in the broker's management pages.
    public var connectionName: String

    /// Defaults are the gateway's.
    public init(
        url: AMQPURL,
        exchange: String = "asya",
        sendTimeout: Duration = .seconds(10),
        connectionName: String = "asya-gateway"
    ) {
        self.url = url
        self.exchange = exchange
        self.sendTimeout = sendTimeout
        self.connectionName = connectionName
    }

    /// Seconds between heartbeats unless the address says otherwise.
    static let defaultHeartbeatSeconds: UInt16 = 10
    /// Limit of connecting and of every request unless the address says otherwise.
    static let defaultConnectTimeoutMilliseconds = 5000
}
