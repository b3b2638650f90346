import CRabbitMQ
import Testing

@testable import AMQP

@Suite struct ContentMethodTests {
    private let texts = LibraryTexts()

    private func decode(_ bytes: [UInt8]) throws(AMQPError) -> ContentMethod {
        let result = bytes.withUnsafeBytes { buffer in
            Result { () throws(AMQPError) in try ContentMethod(buffer) }
        }
        return try result.get()
    }

    private func deliver(tag: UInt64, redelivered: Bool, consumer: String) throws -> [UInt8] {
        var method = amqp_basic_deliver_t()
        method.consumer_tag = self.texts.bytes(consumer)
        method.delivery_tag = tag
        method.redelivered = redelivered ? 1 : 0
        method.exchange = self.texts.bytes("asya")
        method.routing_key = self.texts.bytes("infer")
        return try WireBytes.method(0x003C_003C, method)
    }

    @Test("deliveries of the library are read", arguments: ["", "amq.ctag-abc", String(repeating: "t", count: 255)])
    func deliver(consumer: String) throws {
        let bytes = try self.deliver(tag: 0x0102_0304_0506_0708, redelivered: true, consumer: consumer)
        let expected = DeliverMethod(deliveryTag: 0x0102_0304_0506_0708, isRedelivered: true)
        #expect(try self.decode(bytes) == .deliver(expected))
        let first = try self.deliver(tag: 1, redelivered: false, consumer: consumer)
        #expect(try self.decode(first) == .deliver(DeliverMethod(deliveryTag: 1, isRedelivered: false)))
    }

    @Test("confirms of the library are read")
    func confirm() throws {
        let ack = amqp_basic_ack_t(delivery_tag: 300, multiple: 1)
        #expect(
            try self.decode(WireBytes.method(0x003C_0050, ack))
                == .confirm(ConfirmMethod(deliveryTag: 300, isMultiple: true, isAccepted: true))
        )
        let nack = amqp_basic_nack_t(delivery_tag: 7, multiple: 0, requeue: 1)
        #expect(
            try self.decode(WireBytes.method(0x003C_0078, nack))
                == .confirm(ConfirmMethod(deliveryTag: 7, isMultiple: false, isAccepted: false))
        )
    }

    @Test("a return of the library names its exchange and routing key")
    func returned() throws {
        var method = amqp_basic_return_t()
        method.reply_code = 312
        method.reply_text = self.texts.bytes("NO_ROUTE")
        method.exchange = self.texts.bytes("asya")
        method.routing_key = self.texts.bytes("infer")
        let bytes = try WireBytes.method(0x003C_0032, method)
        guard case .returned(let message) = try self.decode(bytes) else {
            Issue.record("not a return")
            return
        }
        #expect(message.replyCode == 312)
        #expect(bytes[message.exchange].elementsEqual("asya".utf8))
        #expect(bytes[message.routingKey].elementsEqual("infer".utf8))
    }

    @Test("every truncation of a frequent method is an error")
    func truncated() throws {
        var returned = amqp_basic_return_t()
        returned.reply_text = self.texts.bytes("NO_ROUTE")
        returned.exchange = self.texts.bytes("asya")
        returned.routing_key = self.texts.bytes("infer")
        let delivery = try self.deliver(tag: 1, redelivered: false, consumer: "tag")
        // Exchange and routing key of a delivery are not looked at.
        let deliveryNeeds = 4 + 4 + 9
        let needs: [(bytes: [UInt8], count: Int)] = [
            (delivery, deliveryNeeds),
            (try WireBytes.method(0x003C_0050, amqp_basic_ack_t(delivery_tag: 1, multiple: 0)), 13),
            (try WireBytes.method(0x003C_0032, returned), 4 + 2 + 9 + 5 + 6),
        ]
        for (bytes, needed) in needs {
            for count in 0..<needed {
                #expect(throws: AMQPError.self) { try self.decode(Array(bytes[..<count])) }
            }
            #expect(throws: Never.self) { try self.decode(Array(bytes[..<needed])) }
        }
    }

    @Test("other methods are left to the library")
    func other() throws {
        #expect(try self.decode([0, 10, 0, 10]) == .other(MethodID(0x000A_000A)))
    }
}
