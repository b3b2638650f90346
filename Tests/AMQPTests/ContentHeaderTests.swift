import CRabbitMQ
import Testing

@testable import AMQP

@Suite struct ContentHeaderTests {
    private let texts = LibraryTexts()

    private func header(_ bytes: [UInt8]) throws(AMQPError) -> ContentHeader {
        let result = bytes.withUnsafeBytes { buffer in
            Result { () throws(AMQPError) in try ContentHeader(buffer) }
        }
        return try result.get()
    }

    private func integer(_ value: Int64, kind: Character) -> amqp_field_value_t {
        var field = amqp_field_value_t()
        field.kind = kind.asciiValue ?? 0
        switch kind {
        case "b", "B": field.value.u8 = UInt8(truncatingIfNeeded: value)
        case "s", "u": field.value.u16 = UInt16(truncatingIfNeeded: value)
        case "I", "i": field.value.u32 = UInt32(truncatingIfNeeded: value)
        default: field.value.i64 = value
        }
        return field
    }

    private func text(_ value: String) -> amqp_field_value_t {
        var field = amqp_field_value_t()
        field.kind = UInt8(ascii: "S")
        field.value.bytes = self.texts.bytes(value)
        return field
    }

    private func properties(
        _ table: [(String, amqp_field_value_t)]?,
        messageID: String? = nil,
        everything: Bool = false
    ) -> amqp_basic_properties_t {
        var properties = amqp_basic_properties_t()
        if let table {
            properties._flags |= 1 << 13
            properties.headers = self.texts.table(table)
        }
        if let messageID {
            properties._flags |= 1 << 7
            properties.message_id = self.texts.bytes(messageID)
        }
        if everything {
            properties._flags |= 0b1101_1111_0111_1100
            properties.content_type = self.texts.bytes("application/json")
            properties.content_encoding = self.texts.bytes("identity")
            properties.delivery_mode = 2
            properties.priority = 3
            properties.correlation_id = self.texts.bytes("correlation")
            properties.reply_to = self.texts.bytes("reply")
            properties.expiration = self.texts.bytes("60000")
            properties.timestamp = 1_700_000_000
            properties.type = self.texts.bytes("type")
            properties.user_id = self.texts.bytes("guest")
            properties.app_id = self.texts.bytes("app")
            properties.cluster_id = self.texts.bytes("cluster")
        }
        return properties
    }

    @Test("the body's size is read", arguments: [0, 1, 131_064, 512 * 1024 * 1024] as [UInt64])
    func bodyByteCount(count: UInt64) throws {
        let bytes = try WireBytes.header(bodyByteCount: count, self.properties(nil))
        #expect(try self.header(bytes).bodyByteCount == Int(count))
    }

    @Test("a body beyond the broker's own limit is refused", arguments: [512 * 1024 * 1024 + 1, .max] as [UInt64])
    func tooLarge(count: UInt64) throws {
        let bytes = try WireBytes.header(bodyByteCount: count, self.properties(nil))
        let limit = ContentHeader.bodyByteLimit
        #expect(throws: AMQPError.contentTooLarge(byteCount: count, limit: limit)) { try self.header(bytes) }
    }

    @Test("a header that is short or of another class is refused")
    func malformed() throws {
        let bytes = try WireBytes.header(bodyByteCount: 1, self.properties(nil))
        for count in 0..<14 {
            #expect(throws: AMQPError.malformedContentHeader) { try self.header(Array(bytes[..<count])) }
        }
        #expect(throws: AMQPError.malformedContentHeader) { try self.header([0, 61] + bytes[2...]) }
    }

    @Test("the message id is found behind any other property", arguments: [true, false])
    func messageID(everything: Bool) throws {
        let table = everything ? [("x", self.text("y"))] : nil
        let bytes = try WireBytes.header(
            bodyByteCount: 1,
            self.properties(table, messageID: "id-1", everything: everything)
        )
        let header = try self.header(bytes)
        let range = try #require(bytes.withUnsafeBytes { header.messageID(in: $0) })
        #expect(bytes[range].elementsEqual("id-1".utf8))
    }

    @Test("the delivery count is found among entries of any type, as any integer type", arguments: "bBsuIilL")
    func deliveryCount(kind: Character) throws {
        var nested = amqp_field_value_t()
        nested.kind = UInt8(ascii: "F")
        nested.value.table = self.texts.table([("x-delivery-count", self.integer(99, kind: "l"))])
        var flag = amqp_field_value_t()
        flag.kind = UInt8(ascii: "t")
        flag.value.boolean = 1
        var double = amqp_field_value_t()
        double.kind = UInt8(ascii: "d")
        double.value.f64 = 1.5
        let table: [(String, amqp_field_value_t)] = [
            ("a", self.text("text")), ("nested", nested), ("flag", flag), ("double", double),
            ("i", self.integer(5, kind: "I")), ("x-delivery-count", self.integer(3, kind: kind)),
        ]
        let bytes = try WireBytes.header(bodyByteCount: 1, self.properties(table, everything: true))
        let header = try self.header(bytes)
        #expect(header.hasHeaderTable)
        #expect(bytes.withUnsafeBytes { header.deliveryCount(in: $0) } == 3)
    }

    @Test("no table, no entry, a text or a negative number is no delivery count")
    func noDeliveryCount() throws {
        let tables: [[(String, amqp_field_value_t)]?] = [
            nil, [], [("other", self.integer(1, kind: "l"))], [("x-delivery-count", self.text("3"))],
            [("x-delivery-count", self.integer(-1, kind: "l"))],
        ]
        for table in tables {
            let bytes = try WireBytes.header(bodyByteCount: 1, self.properties(table))
            let header = try self.header(bytes)
            #expect(bytes.withUnsafeBytes { header.deliveryCount(in: $0) } == nil)
        }
    }

    @Test("a table nested a thousand times is stepped over")
    func deeplyNested() throws {
        var table: [UInt8] = []
        for _ in 0..<1000 {
            table = WireBytes.shortString("k") + [UInt8(ascii: "F")] + WireBytes.bigEndian(UInt32(table.count)) + table
        }
        table += WireBytes.shortString("x-delivery-count") + [UInt8(ascii: "B"), 4]
        let flags: UInt16 = 1 << 13
        let bytes: [UInt8] =
            [0, 60, 0, 0] + WireBytes.bigEndian(UInt64(1)) + WireBytes.bigEndian(flags)
            + WireBytes.bigEndian(UInt32(table.count)) + table
        let header = try self.header(bytes)
        #expect(bytes.withUnsafeBytes { header.deliveryCount(in: $0) } == 4)
        for count in 14..<bytes.count {
            #expect(bytes[..<count].withUnsafeBytes { header.deliveryCount(in: $0) } == nil)
        }
    }
}
