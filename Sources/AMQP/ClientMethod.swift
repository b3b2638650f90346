/// The rare methods that we send. Their coding is librabbitmq's (`MethodEncoder`); those that occur per message are
/// `PublicationTemplate` and `FrameWriter`.
public enum ClientMethod: Equatable, Sendable {
    case connectionStartOk(SASLResponse, connectionName: String)
    case connectionTuneOk(Tuning)
    case connectionOpen(virtualHost: String)
    case connectionClose
    case connectionCloseOk
    case channelOpen
    case channelClose
    case channelCloseOk
    case channelFlowOk(isActive: Bool)
    /// Type topic, durable, not auto-delete, not internal, no arguments.
    case exchangeDeclare(name: String)
    case confirmSelect
    /// Checks that a durable queue exists; never makes one.
    case queueDeclarePassive(name: String)
    /// Per consumer.
    case basicQos(prefetchCount: UInt16)
    /// Server-chosen tag, with acknowledgements, not exclusive.
    case basicConsume(queue: String)
    case basicCancel(consumerTag: String)
}

/// The limits that both sides of a connection agreed on.
public struct Tuning: Equatable, Sendable {
    /// Channels per connection; 0 means no limit.
    public var channelMaximum: UInt16
    /// Bytes of the largest frame.
    public var frameMaximum: UInt32
    /// Seconds between signs of life; 0 means none.
    public var heartbeatSeconds: UInt16

    /// What we propose (`sidecar.md` 6.1).
    public static let proposal = Tuning(channelMaximum: 2047, frameMaximum: 131_072, heartbeatSeconds: 10)

    /// Limits with these values.
    public init(channelMaximum: UInt16, frameMaximum: UInt32, heartbeatSeconds: UInt16) {
        self.channelMaximum = channelMaximum
        self.frameMaximum = frameMaximum
        self.heartbeatSeconds = heartbeatSeconds
    }

    /// The smaller of both proposals, where 0 means that a side does not mind.
    public func agreed(with other: Tuning) -> Tuning {
        func smaller<Value: BinaryInteger>(_ left: Value, _ right: Value) -> Value {
            if left == 0 { return right }
            return right == 0 ? left : min(left, right)
        }
        return Tuning(
            channelMaximum: smaller(self.channelMaximum, other.channelMaximum),
            frameMaximum: smaller(self.frameMaximum, other.frameMaximum),
            heartbeatSeconds: smaller(self.heartbeatSeconds, other.heartbeatSeconds)
        )
    }
}

/// How to log in.
public enum AuthenticationMechanism: String, Equatable, Sendable, CaseIterable {
    case plain = "PLAIN"
    case amqplain = "AMQPLAIN"
    /// The client certificate says who we are.
    case external = "EXTERNAL"
}

/// User and password; prints neither.
public struct Credentials: Equatable, Sendable, CustomStringConvertible, CustomDebugStringConvertible {
    /// The user's name.
    public var username: String
    /// The password.
    public var password: String

    /// The broker's own default account.
    public static let guest = Credentials(username: "guest", password: "guest")

    /// Credentials of a user.
    public init(username: String, password: String) {
        self.username = username
        self.password = password
    }

    /// Nothing of the content.
    public var description: String { "(credentials)" }
    /// Nothing of the content.
    public var debugDescription: String { self.description }
}

/// Our answer to the server's list of mechanisms.
public struct SASLResponse: Equatable, Sendable {
    /// The mechanism that both sides know.
    public var mechanism: AuthenticationMechanism
    /// What it is told.
    public var credentials: Credentials

    /// A response for `mechanism`.
    public init(mechanism: AuthenticationMechanism, credentials: Credentials) {
        self.mechanism = mechanism
        self.credentials = credentials
    }
}
