internal import CRabbitMQ

/// The rare methods that the server sends, decoded by librabbitmq.
public enum ServerMethod: Equatable, Sendable {
    case connectionStart(mechanisms: [String])
    case connectionSecure
    case connectionTune(Tuning)
    case connectionOpenOk
    case connectionClose(CloseReason)
    case connectionCloseOk
    case connectionBlocked(reason: String)
    case connectionUnblocked
    case channelOpenOk
    case channelFlow(isActive: Bool)
    case channelClose(CloseReason)
    case channelCloseOk
    case exchangeDeclareOk
    case queueDeclareOk
    case confirmSelectOk
    case basicQosOk
    case basicConsumeOk(consumerTag: String)
    case basicCancelOk(consumerTag: String)
    /// The server ended our subscription, for instance because the queue was deleted.
    case basicCancel(consumerTag: String)
    /// Legal AMQP that we never ask for (or, like update-secret, a newer extension): ignored.
    case other(MethodID)

    /// Reads a method frame's payload.
    public init(_ payload: UnsafeRawBufferPointer) throws(AMQPError) {
        var reader = PayloadReader(payload)
        guard let number = reader.uint32() else { throw .malformedMethod(MethodID(0)) }
        self = try Self.decode(MethodID(number), UnsafeRawBufferPointer(rebasing: payload[4...]))
    }

    /// The method's number, for messages about unexpected ones.
    public var id: MethodID {
        let number: UInt32 =
            switch self {
            case .connectionStart: 0x000A_000A
            case .connectionSecure: 0x000A_0014
            case .connectionTune: 0x000A_001E
            case .connectionOpenOk: 0x000A_0029
            case .connectionClose: 0x000A_0032
            case .connectionCloseOk: 0x000A_0033
            case .connectionBlocked: 0x000A_003C
            case .connectionUnblocked: 0x000A_003D
            case .channelOpenOk: 0x0014_000B
            case .channelFlow: 0x0014_0014
            case .channelClose: 0x0014_0028
            case .channelCloseOk: 0x0014_0029
            case .exchangeDeclareOk: 0x0028_000B
            case .queueDeclareOk: 0x0032_000B
            case .confirmSelectOk: 0x0055_000B
            case .basicQosOk: 0x003C_000B
            case .basicConsumeOk: 0x003C_0015
            case .basicCancelOk: 0x003C_001F
            case .basicCancel: 0x003C_001E
            case .other(let id): id.number
            }
        return MethodID(number)
    }

    private static func decode(_ id: MethodID, _ arguments: UnsafeRawBufferPointer) throws(AMQPError) -> Self {
        // Methods without arguments that matter need no decoding.
        switch id.number {
        case 0x000A_0014: return .connectionSecure
        case 0x000A_0029: return .connectionOpenOk
        case 0x000A_0033: return .connectionCloseOk
        case 0x000A_003D: return .connectionUnblocked
        case 0x0014_000B: return .channelOpenOk
        case 0x0014_0029: return .channelCloseOk
        case 0x0028_000B: return .exchangeDeclareOk
        case 0x0032_000B: return .queueDeclareOk
        case 0x0055_000B: return .confirmSelectOk
        case 0x003C_000B: return .basicQosOk
        case 0x000A_000A, 0x000A_001E, 0x000A_0032, 0x000A_003C, 0x0014_0014, 0x0014_0028, 0x003C_0015, 0x003C_001F,
            0x003C_001E:
            var method: Self?
            LibraryDecoder.decode(id, arguments) { method = Self.withArguments(id, $0) }
            guard let method else { throw .malformedMethod(id) }
            return method
        default:
            return .other(id)
        }
    }

    private static func withArguments(_ id: MethodID, _ decoded: UnsafeRawPointer) -> Self? {
        switch id.number {
        case 0x000A_000A:
            let start = decoded.load(as: amqp_connection_start_t.self)
            return .connectionStart(mechanisms: start.mechanisms.text.split(separator: " ").map(String.init))
        case 0x000A_001E:
            let tune = decoded.load(as: amqp_connection_tune_t.self)
            return .connectionTune(
                Tuning(channelMaximum: tune.channel_max, frameMaximum: tune.frame_max, heartbeatSeconds: tune.heartbeat)
            )
        case 0x000A_0032:
            let close = decoded.load(as: amqp_connection_close_t.self)
            return .connectionClose(
                CloseReason(close.reply_code, close.reply_text, close.class_id, close.method_id)
            )
        case 0x000A_003C:
            return .connectionBlocked(reason: decoded.load(as: amqp_connection_blocked_t.self).reason.text)
        case 0x0014_0014:
            return .channelFlow(isActive: decoded.load(as: amqp_channel_flow_t.self).active != 0)
        case 0x0014_0028:
            let close = decoded.load(as: amqp_channel_close_t.self)
            return .channelClose(CloseReason(close.reply_code, close.reply_text, close.class_id, close.method_id))
        case 0x003C_0015:
            return .basicConsumeOk(consumerTag: decoded.load(as: amqp_basic_consume_ok_t.self).consumer_tag.text)
        case 0x003C_001F:
            return .basicCancelOk(consumerTag: decoded.load(as: amqp_basic_cancel_ok_t.self).consumer_tag.text)
        case 0x003C_001E:
            return .basicCancel(consumerTag: decoded.load(as: amqp_basic_cancel_t.self).consumer_tag.text)
        default:
            return nil
        }
    }
}

/// Why the server closed a channel or the connection.
public struct CloseReason: Equatable, Sendable, CustomStringConvertible {
    /// For instance 404.
    public var code: UInt16
    /// For instance `NOT_FOUND - no queue 'asya-x' in vhost '/'`.
    public var text: String
    /// The method that caused it, 0 when none did.
    public var cause: MethodID

    /// A reason with these parts.
    public init(code: UInt16, text: String, cause: MethodID = MethodID(0)) {
        self.code = code
        self.text = text
        self.cause = cause
    }

    fileprivate init(_ code: UInt16, _ text: amqp_bytes_t, _ classID: UInt16, _ methodID: UInt16) {
        self.init(code: code, text: text.text, cause: MethodID(UInt32(classID) << 16 | UInt32(methodID)))
    }

    /// The server's own words, with the number.
    public var description: String { "\(self.text) (\(self.code))" }

    /// Reply code of AMQP 0-9-1 for, among others, a message above the broker's limit.
    public static let preconditionFailed: UInt16 = 406
}
