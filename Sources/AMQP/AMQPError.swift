/// A peer that does not keep to AMQP 0-9-1, or a value that cannot be put into it. Fit for a log line: holds no
/// message data and no credentials.
public enum AMQPError: Error, Equatable, Sendable, CustomStringConvertible {
    case unknownFrameKind(UInt8)
    case frameTooLarge(byteCount: Int, limit: Int)
    case badFrameEnd(UInt8)
    case malformedHeartbeat
    /// The server answered with its own protocol header.
    case otherProtocolVersion
    /// The server answered with a TLS alert.
    case tlsExpected
    /// The method's arguments do not fit its number.
    case malformedMethod(MethodID)
    case malformedContentHeader
    /// The method is legal AMQP but not at this point.
    case unexpectedMethod(MethodID, state: String)
    case unexpectedFrame(FrameKind)
    case unknownChannel(UInt16)
    case contentTooLarge(byteCount: UInt64, limit: Int)
    /// More body bytes than the content header announced.
    case bodyOverrun
    /// A confirm or a delivery with a tag that cannot occur.
    case unexpectedDeliveryTag(UInt64)
    /// More deliveries than we ever asked for.
    case tooManyDeliveries(limit: Int)
    /// One of our own values is too long for its field.
    case unencodable(MethodID)

    /// A sentence for the log.
    public var description: String {
        switch self {
        case .unknownFrameKind(let kind): "not an AMQP frame (first byte \(kind))"
        case .frameTooLarge(let byteCount, let limit): "frame of \(byteCount) bytes exceeds frame_max \(limit)"
        case .badFrameEnd(let octet): "frame ends with \(octet) instead of 206"
        case .malformedHeartbeat: "malformed heartbeat frame"
        case .otherProtocolVersion: "the server does not speak AMQP 0-9-1"
        case .tlsExpected: "the server expects TLS (amqps)"
        case .malformedMethod(let method): "malformed \(method)"
        case .malformedContentHeader: "malformed content header"
        case .unexpectedMethod(let method, let state): "unexpected \(method) while \(state)"
        case .unexpectedFrame(let kind): "unexpected \(kind) frame"
        case .unknownChannel(let channel): "frame for channel \(channel), which is not open"
        case .contentTooLarge(let byteCount, let limit): "message of \(byteCount) bytes exceeds \(limit)"
        case .bodyOverrun: "message body is longer than announced"
        case .unexpectedDeliveryTag(let tag): "unexpected delivery tag \(tag)"
        case .tooManyDeliveries(let limit): "more than \(limit) unsettled deliveries"
        case .unencodable(let method): "a value is too long for \(method)"
        }
    }
}

/// Class and method number, as `class << 16 | method`.
public struct MethodID: Hashable, Sendable, CustomStringConvertible {
    /// The number.
    public var number: UInt32

    /// The method with this number.
    @inlinable public init(_ number: UInt32) { self.number = number }

    /// For instance `method 60.40`.
    public var description: String { "method \(self.number >> 16).\(self.number & 0xFFFF)" }
}
