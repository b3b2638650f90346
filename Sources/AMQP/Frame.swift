/// What a frame carries (AMQP 0-9-1, 4.2.3).
public enum FrameKind: UInt8, Equatable, Sendable {
    case method = 1
    case header = 2
    case body = 3
    case heartbeat = 8
}

/// Where one whole frame lies in the scanned bytes.
public struct Frame: Equatable, Sendable {
    /// What it carries.
    public var kind: FrameKind
    /// Channel number; 0 is the connection itself.
    public var channel: UInt16
    /// Bytes of the payload; it starts `FrameDecoder.headerByteCount` after the frame's start.
    public var payloadByteCount: Int

    /// Bytes of the whole frame, envelope included.
    @inlinable public var byteCount: Int { FrameDecoder.overheadByteCount + self.payloadByteCount }

    /// A frame with these parts.
    @inlinable public init(kind: FrameKind, channel: UInt16, payloadByteCount: Int) {
        self.kind = kind
        self.channel = channel
        self.payloadByteCount = payloadByteCount
    }
}

/// Finds frames at the start of received bytes; keeps no bytes itself, so the caller decides where they live.
///
/// Invariant: a frame is reported only when its end octet has been seen, and nothing larger than the negotiated
/// maximum is ever waited for.
public struct FrameDecoder: Sendable {
    /// What the bytes at hand amount to.
    public enum Scan: Equatable, Sendable {
        /// A whole frame starts at the first byte.
        case frame(Frame)
        /// More bytes are needed; the frame in progress takes this many in all, as far as that is known.
        case incomplete(expectedByteCount: Int)
    }

    /// Kind, channel and payload size.
    public static let headerByteCount = 7
    /// Header and end octet.
    @inlinable public static var overheadByteCount: Int { 8 }
    /// Closes every frame.
    @inlinable public static var endOctet: UInt8 { 0xCE }

    /// The negotiated `frame_max`: largest frame, envelope included.
    public var maximumFrameByteCount: Int

    /// A decoder that refuses frames above `maximumFrameByteCount`.
    public init(maximumFrameByteCount: Int) {
        self.maximumFrameByteCount = maximumFrameByteCount
    }

    /// Looks for a whole frame at the start of `bytes`.
    @inlinable
    public func scan(_ bytes: UnsafeRawBufferPointer) throws(AMQPError) -> Scan {
        guard bytes.count >= 7 else {
            if bytes.count > 0, FrameKind(rawValue: bytes[0]) == nil { throw Self.strangeStart(bytes) }
            return .incomplete(expectedByteCount: 7)
        }
        let frame = try self.header(bytes)
        guard bytes.count >= frame.byteCount else { return .incomplete(expectedByteCount: frame.byteCount) }
        let end = bytes[frame.byteCount - 1]
        guard end == Self.endOctet else { throw .badFrameEnd(end) }
        return .frame(frame)
    }

    /// Reads the seven header bytes only, for a body that is streamed to its place. `bytes` must hold all seven.
    @inlinable
    public func header(_ bytes: UnsafeRawBufferPointer) throws(AMQPError) -> Frame {
        guard let kind = FrameKind(rawValue: bytes[0]) else { throw Self.strangeStart(bytes) }
        let channel = UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 1, as: UInt16.self))
        let count = Int(UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 3, as: UInt32.self)))
        guard count + Self.overheadByteCount <= self.maximumFrameByteCount else {
            throw .frameTooLarge(byteCount: count + Self.overheadByteCount, limit: self.maximumFrameByteCount)
        }
        if kind == .heartbeat, channel != 0 || count != 0 { throw .malformedHeartbeat }
        return Frame(kind: kind, channel: channel, payloadByteCount: count)
    }

    /// The usual reasons for bytes that are no frame: another protocol version, or TLS on one side only.
    @usableFromInline
    static func strangeStart(_ bytes: UnsafeRawBufferPointer) -> AMQPError {
        let tlsAlert: UInt8 = 0x15
        if bytes[0] == UInt8(ascii: "A") { return .otherProtocolVersion }
        if bytes[0] == tlsAlert { return .tlsExpected }
        return .unknownFrameKind(bytes[0])
    }
}
