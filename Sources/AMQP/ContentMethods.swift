/// Own decoding of the methods that occur once per message. Everything else is `ServerMethod`'s.
///
/// Nothing is copied: names and texts are ranges of the payload.
public enum ContentMethod: Equatable, Sendable {
    case deliver(DeliverMethod)
    case returned(ReturnMethod)
    /// The broker's word on publications.
    case confirm(ConfirmMethod)
    /// Not one of these: decode it as a `ServerMethod`.
    case other(MethodID)

    /// Reads a method frame's payload.
    @inlinable
    public init(_ payload: UnsafeRawBufferPointer) throws(AMQPError) {
        guard payload.count >= 4 else { throw .malformedMethod(MethodID(0)) }
        let number = UInt32(bigEndian: payload.loadUnaligned(as: UInt32.self))
        switch number {
        case 0x003C_003C:
            self = .deliver(try DeliverMethod(payload))
        case 0x003C_0050:
            self = .confirm(try ConfirmMethod(payload, isAccepted: true))
        case 0x003C_0078:
            self = .confirm(try ConfirmMethod(payload, isAccepted: false))
        case 0x003C_0032:
            self = .returned(try ReturnMethod(payload))
        default:
            self = .other(MethodID(number))
        }
    }
}

/// `basic.deliver`, as far as the sidecar needs it.
public struct DeliverMethod: Equatable, Sendable {
    /// Identity of the delivery on its channel.
    public var deliveryTag: UInt64
    /// The broker has handed this message out before.
    public var isRedelivered: Bool

    @inlinable
    init(_ payload: UnsafeRawBufferPointer) throws(AMQPError) {
        // class, method, consumer tag, delivery tag, redelivered; exchange and routing key follow and do not matter.
        guard payload.count >= 5 else { throw .malformedMethod(MethodID(0x003C_003C)) }
        let tagOffset = 5 + Int(payload[4])
        guard payload.count >= tagOffset + 9 else { throw .malformedMethod(MethodID(0x003C_003C)) }
        self.deliveryTag = UInt64(bigEndian: payload.loadUnaligned(fromByteOffset: tagOffset, as: UInt64.self))
        self.isRedelivered = payload[tagOffset + 8] & 1 != 0
    }

    /// For tests.
    @inlinable public init(deliveryTag: UInt64, isRedelivered: Bool) {
        self.deliveryTag = deliveryTag
        self.isRedelivered = isRedelivered
    }
}

/// `basic.ack` or `basic.nack` from the broker: a confirm.
public struct ConfirmMethod: Equatable, Sendable {
    /// Sequence number of the publication on its channel.
    public var deliveryTag: UInt64
    /// All unconfirmed publications up to the tag are meant.
    public var isMultiple: Bool
    /// False for `basic.nack`.
    public var isAccepted: Bool

    @inlinable
    init(_ payload: UnsafeRawBufferPointer, isAccepted: Bool) throws(AMQPError) {
        guard payload.count >= 13 else {
            throw .malformedMethod(MethodID(isAccepted ? 0x003C_0050 : 0x003C_0078))
        }
        self.deliveryTag = UInt64(bigEndian: payload.loadUnaligned(fromByteOffset: 4, as: UInt64.self))
        self.isMultiple = payload[12] & 1 != 0
        self.isAccepted = isAccepted
    }

    /// For tests.
    @inlinable public init(deliveryTag: UInt64, isMultiple: Bool, isAccepted: Bool) {
        self.deliveryTag = deliveryTag
        self.isMultiple = isMultiple
        self.isAccepted = isAccepted
    }
}

/// `basic.return`: a mandatory publication that reached no queue. Carries no tag.
public struct ReturnMethod: Equatable, Sendable {
    /// For instance 312, no route.
    public var replyCode: UInt16
    /// Where the exchange's name lies in the payload.
    public var exchange: Range<Int>
    /// Where the routing key lies in the payload.
    public var routingKey: Range<Int>

    @usableFromInline
    init(_ payload: UnsafeRawBufferPointer) throws(AMQPError) {
        var reader = PayloadReader(payload, from: 4)
        guard let code = reader.uint16(), reader.shortString() != nil, let exchange = reader.shortString(),
            let routingKey = reader.shortString()
        else { throw .malformedMethod(MethodID(0x003C_0032)) }
        self.replyCode = code
        self.exchange = exchange
        self.routingKey = routingKey
    }
}
