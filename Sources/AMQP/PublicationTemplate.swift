/// The frames in front of a publication's body, prepared once per destination: `basic.publish` (mandatory) and the
/// content header with `content_type` application/json, `delivery_mode` 2, `message_id` and `timestamp`
/// (`sidecar.md` 6.3). Per message the bytes are copied and four fields patched.
public struct PublicationTemplate: Sendable {
    /// A `message_id` longer than this does not fit its field.
    public static let messageIDByteLimit = 255

    /// Both frames up to and including `delivery_mode`.
    private let prefix: [UInt8]
    /// Start of the header frame within `prefix`.
    private let headerFrame: Int

    /// For publications to `exchange` ("" is the default exchange) with `routingKey`.
    public init(exchange: String, routingKey: String, channel: UInt16) throws(AMQPError) {
        let exchangeBytes = Array(exchange.utf8)
        let routingKeyBytes = Array(routingKey.utf8)
        guard exchangeBytes.count <= 255, routingKeyBytes.count <= 255 else {
            throw .unencodable(MethodID(0x003C_0028))
        }
        let channelBytes = [UInt8(channel >> 8), UInt8(channel & 0xFF)]
        let mandatory: UInt8 = 1
        var method: [UInt8] = [0, 60, 0, 40, 0, 0, UInt8(exchangeBytes.count)]
        method += exchangeBytes
        method += [UInt8(routingKeyBytes.count)]
        method += routingKeyBytes
        method += [mandatory]

        var prefix: [UInt8] = [FrameKind.method.rawValue] + channelBytes
        prefix += [0, 0, UInt8(method.count >> 8), UInt8(method.count & 0xFF)]
        prefix += method
        prefix += [FrameDecoder.endOctet]
        self.headerFrame = prefix.count

        prefix += [FrameKind.header.rawValue] + channelBytes + [0, 0, 0, 0]
        // Class, weight, body size and flags; the last two are patched.
        prefix += [0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        let contentType = Array("application/json".utf8)
        let persistent: UInt8 = 2
        prefix += [UInt8(contentType.count)]
        prefix += contentType
        prefix += [persistent]
        self.prefix = prefix
    }

    /// Bytes that `write` produces.
    public func byteCount(messageIDByteCount: Int) -> Int {
        self.prefix.count + (messageIDByteCount > 0 ? 1 + messageIDByteCount : 0) + 8 + 1
    }

    /// Where the `message_id` is in what `write` produced.
    public var messageIDOffset: Int { self.prefix.count + 1 }

    /// Writes both frames. `destination` has room for `byteCount(messageIDByteCount:)`; an empty `messageID` is
    /// left out.
    public func write(
        to destination: UnsafeMutableRawPointer,
        messageID: UnsafeRawBufferPointer,
        bodyByteCount: Int,
        secondsSinceEpoch: UInt64
    ) {
        precondition(messageID.count <= Self.messageIDByteLimit, "a message id fits its field")
        let count = self.byteCount(messageIDByteCount: messageID.count)
        let prefixByteCount = self.prefix.count
        self.prefix.withUnsafeBytes { source in
            guard let start = source.baseAddress else { return }
            destination.copyMemory(from: start, byteCount: prefixByteCount)
        }
        let header = destination + self.headerFrame
        let overhead = FrameDecoder.overheadByteCount
        header.storeBytes(of: UInt32(count - self.headerFrame - overhead).bigEndian, toByteOffset: 3, as: UInt32.self)
        header.storeBytes(of: UInt64(bodyByteCount).bigEndian, toByteOffset: 11, as: UInt64.self)
        var flags = PropertyFlag.contentType | PropertyFlag.deliveryMode | PropertyFlag.timestamp
        var cursor = destination + prefixByteCount
        if messageID.count > 0, let start = messageID.baseAddress {
            flags |= PropertyFlag.messageID
            cursor.storeBytes(of: UInt8(messageID.count), as: UInt8.self)
            (cursor + 1).copyMemory(from: start, byteCount: messageID.count)
            cursor += 1 + messageID.count
        }
        header.storeBytes(of: flags.bigEndian, toByteOffset: 19, as: UInt16.self)
        cursor.storeBytes(of: secondsSinceEpoch.bigEndian, as: UInt64.self)
        (cursor + 8).storeBytes(of: FrameDecoder.endOctet, as: UInt8.self)
    }

    /// The longest prefix of `messageID` that fits its field without cutting a UTF-8 character.
    public static func fitting(_ messageID: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        guard messageID.count > Self.messageIDByteLimit else { return messageID }
        var count = Self.messageIDByteLimit
        while count > 0, messageID[count] & 0xC0 == 0x80 { count -= 1 }
        return UnsafeRawBufferPointer(rebasing: messageID[..<count])
    }
}

/// The frames around a body and the settlements, written by hand because each occurs per message.
public enum FrameWriter {
    /// `basic.ack` and `basic.nack` with their frame.
    @inlinable public static var settlementByteCount: Int { 21 }

    /// Seven bytes in front of a body frame's payload.
    @inlinable
    public static func writeBodyHeader(to destination: UnsafeMutableRawPointer, channel: UInt16, byteCount: Int) {
        destination.storeBytes(of: FrameKind.body.rawValue, as: UInt8.self)
        destination.storeBytes(of: channel.bigEndian, toByteOffset: 1, as: UInt16.self)
        destination.storeBytes(of: UInt32(byteCount).bigEndian, toByteOffset: 3, as: UInt32.self)
    }

    /// A `basic.ack`.
    @inlinable
    public static func writeAck(to destination: UnsafeMutableRawPointer, channel: UInt16, tag: UInt64, multiple: Bool) {
        Self.writeSettlement(to: destination, channel: channel, method: 80, tag: tag, bits: multiple ? 1 : 0)
    }

    /// A `basic.nack` of one delivery with requeue.
    @inlinable
    public static func writeRequeue(to destination: UnsafeMutableRawPointer, channel: UInt16, tag: UInt64) {
        let requeue: UInt8 = 2
        Self.writeSettlement(to: destination, channel: channel, method: 120, tag: tag, bits: requeue)
    }

    @usableFromInline
    static func writeSettlement(
        to destination: UnsafeMutableRawPointer,
        channel: UInt16,
        method: UInt16,
        tag: UInt64,
        bits: UInt8
    ) {
        let payloadByteCount: UInt32 = 13
        let basicClass: UInt16 = 60
        destination.storeBytes(of: FrameKind.method.rawValue, as: UInt8.self)
        destination.storeBytes(of: channel.bigEndian, toByteOffset: 1, as: UInt16.self)
        destination.storeBytes(of: payloadByteCount.bigEndian, toByteOffset: 3, as: UInt32.self)
        destination.storeBytes(of: basicClass.bigEndian, toByteOffset: 7, as: UInt16.self)
        destination.storeBytes(of: method.bigEndian, toByteOffset: 9, as: UInt16.self)
        destination.storeBytes(of: tag.bigEndian, toByteOffset: 11, as: UInt64.self)
        destination.storeBytes(of: bits, toByteOffset: 19, as: UInt8.self)
        destination.storeBytes(of: FrameDecoder.endOctet, toByteOffset: 20, as: UInt8.self)
    }

    /// A heartbeat frame.
    public static let heartbeat: [UInt8] = [FrameKind.heartbeat.rawValue, 0, 0, 0, 0, 0, 0, FrameDecoder.endOctet]

    /// What a client says first.
    public static let protocolHeader: [UInt8] = Array("AMQP".utf8) + [0, 0, 9, 1]
}
