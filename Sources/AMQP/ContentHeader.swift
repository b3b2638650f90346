/// The content header of a message: its size, and on request the two properties that mean something to the sidecar.
/// Own code instead of the library's property decoder, because any publisher may put deeply nested tables here and
/// the library follows them recursively.
public struct ContentHeader: Equatable, Sendable {
    /// RabbitMQ's own limit of a message.
    @inlinable public static var bodyByteLimit: Int { 512 * 1024 * 1024 }

    /// Bytes of the body in the frames that follow.
    public var bodyByteCount: Int
    /// Which properties are present.
    @usableFromInline let flags: UInt16

    /// Reads the fixed part of a header frame's payload.
    @inlinable
    public init(_ payload: UnsafeRawBufferPointer) throws(AMQPError) {
        guard payload.count >= 14 else { throw .malformedContentHeader }
        let basicClass: UInt16 = 60
        guard UInt16(bigEndian: payload.loadUnaligned(as: UInt16.self)) == basicClass else {
            throw .malformedContentHeader
        }
        let count = UInt64(bigEndian: payload.loadUnaligned(fromByteOffset: 4, as: UInt64.self))
        guard count <= UInt64(Self.bodyByteLimit) else {
            throw .contentTooLarge(byteCount: count, limit: Self.bodyByteLimit)
        }
        self.bodyByteCount = Int(count)
        self.flags = UInt16(bigEndian: payload.loadUnaligned(fromByteOffset: 12, as: UInt16.self))
    }

    /// Whether there is a header table, where quorum queues keep their delivery count.
    @inlinable public var hasHeaderTable: Bool { self.flags & PropertyFlag.headers != 0 }

    /// How often the message was delivered before (`x-delivery-count`), nil when the queue does not count or the
    /// table cannot be read.
    public func deliveryCount(in payload: UnsafeRawBufferPointer) -> Int? {
        guard self.hasHeaderTable else { return nil }
        var reader = PayloadReader(payload, from: 14)
        if self.flags & PropertyFlag.contentType != 0, reader.shortString() == nil { return nil }
        if self.flags & PropertyFlag.contentEncoding != 0, reader.shortString() == nil { return nil }
        guard let table = reader.longBlock() else { return nil }
        return HeaderTable.integer(named: "x-delivery-count", in: UnsafeRawBufferPointer(rebasing: payload[table]))
    }

    /// Where the `message_id` lies in the payload; nil when there is none.
    public func messageID(in payload: UnsafeRawBufferPointer) -> Range<Int>? {
        guard self.flags & PropertyFlag.messageID != 0 else { return nil }
        var reader = PayloadReader(payload, from: 14)
        // In the order of the flags, from the highest bit down.
        if self.flags & PropertyFlag.contentType != 0, reader.shortString() == nil { return nil }
        if self.flags & PropertyFlag.contentEncoding != 0, reader.shortString() == nil { return nil }
        if self.flags & PropertyFlag.headers != 0, reader.longBlock() == nil { return nil }
        if self.flags & PropertyFlag.deliveryMode != 0, reader.uint8() == nil { return nil }
        if self.flags & PropertyFlag.priority != 0, reader.uint8() == nil { return nil }
        for flag in [PropertyFlag.correlationID, PropertyFlag.replyTo, PropertyFlag.expiration]
        where self.flags & flag != 0 && reader.shortString() == nil { return nil }
        return reader.shortString()
    }
}

/// Bits of the property flags (AMQP 0-9-1, class basic).
@usableFromInline
enum PropertyFlag {
    @usableFromInline static var contentType: UInt16 { 1 << 15 }
    @usableFromInline static var contentEncoding: UInt16 { 1 << 14 }
    @usableFromInline static var headers: UInt16 { 1 << 13 }
    @usableFromInline static var deliveryMode: UInt16 { 1 << 12 }
    @usableFromInline static var priority: UInt16 { 1 << 11 }
    @usableFromInline static var correlationID: UInt16 { 1 << 10 }
    @usableFromInline static var replyTo: UInt16 { 1 << 9 }
    @usableFromInline static var expiration: UInt16 { 1 << 8 }
    @usableFromInline static var messageID: UInt16 { 1 << 7 }
    @usableFromInline static var timestamp: UInt16 { 1 << 6 }
}

/// Looks up one entry of an encoded table without building it and without recursion.
enum HeaderTable {
    /// The value of the first entry called `name` when it is an integer that is not negative.
    static func integer(named name: StaticString, in table: UnsafeRawBufferPointer) -> Int? {
        var reader = PayloadReader(table)
        let wanted = UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
        while reader.remaining > 0 {
            guard let key = reader.shortString(), let type = reader.uint8() else { return nil }
            if key.count == wanted.count, table[key].elementsEqual(wanted) {
                return Self.integer(type, &reader)
            }
            guard Self.skip(type, &reader) else { return nil }
        }
        return nil
    }

    private static func integer(_ type: UInt8, _ reader: inout PayloadReader) -> Int? {
        let value: Int? =
            switch type {
            case UInt8(ascii: "b"): reader.uint8().map { Int(Int8(bitPattern: $0)) }
            case UInt8(ascii: "B"): reader.uint8().map { Int($0) }
            case UInt8(ascii: "s"): reader.uint16().map { Int(Int16(bitPattern: $0)) }
            case UInt8(ascii: "u"): reader.uint16().map { Int($0) }
            case UInt8(ascii: "I"): reader.uint32().map { Int(Int32(bitPattern: $0)) }
            case UInt8(ascii: "i"): reader.uint32().map { Int($0) }
            case UInt8(ascii: "l"), UInt8(ascii: "L"): reader.uint64().map { Int(Int64(bitPattern: $0)) }
            default: nil
            }
        return value.flatMap { $0 >= 0 ? $0 : nil }
    }

    /// RabbitMQ's field types.
    private static func skip(_ type: UInt8, _ reader: inout PayloadReader) -> Bool {
        switch type {
        case UInt8(ascii: "V"): true
        case UInt8(ascii: "t"), UInt8(ascii: "b"), UInt8(ascii: "B"): reader.take(1) != nil
        case UInt8(ascii: "s"), UInt8(ascii: "u"): reader.take(2) != nil
        case UInt8(ascii: "I"), UInt8(ascii: "i"), UInt8(ascii: "f"): reader.take(4) != nil
        case UInt8(ascii: "D"): reader.take(5) != nil
        case UInt8(ascii: "l"), UInt8(ascii: "L"), UInt8(ascii: "d"), UInt8(ascii: "T"): reader.take(8) != nil
        case UInt8(ascii: "S"), UInt8(ascii: "x"), UInt8(ascii: "A"), UInt8(ascii: "F"): reader.longBlock() != nil
        default: false
        }
    }
}
