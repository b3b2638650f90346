import CRabbitMQ
import Testing

@testable import AMQP

@Suite struct PublicationTemplateTests {
    private static let channel: UInt16 = 1

    private func written(
        _ template: PublicationTemplate,
        messageID: String,
        bodyByteCount: Int,
        seconds: UInt64
    ) -> [UInt8] {
        var bytes = [UInt8](repeating: 0xAA, count: template.byteCount(messageIDByteCount: messageID.utf8.count))
        Array(messageID.utf8).withUnsafeBytes { id in
            bytes.withUnsafeMutableBytes { buffer in
                guard let start = buffer.baseAddress else { return }
                template.write(
                    to: start,
                    messageID: id,
                    bodyByteCount: bodyByteCount,
                    secondsSinceEpoch: seconds
                )
            }
        }
        return bytes
    }

    /// The payloads of the frames in `bytes`, which they fill exactly.
    private func payloads(_ bytes: [UInt8]) throws -> [[UInt8]] {
        let decoder = FrameDecoder(maximumFrameByteCount: 131_072)
        var rest = bytes[...]
        var found: [[UInt8]] = []
        while !rest.isEmpty {
            let scan = try rest.withUnsafeBytes { try decoder.scan($0) }
            guard case .frame(let frame) = scan else {
                Issue.record("incomplete frame")
                break
            }
            #expect(frame.channel == Self.channel)
            let start = rest.startIndex + 7
            found.append(Array(rest[start..<start + frame.payloadByteCount]))
            rest = rest.dropFirst(frame.byteCount)
        }
        return found
    }

    private func text(_ bytes: amqp_bytes_t) -> String {
        String(decoding: UnsafeRawBufferPointer(start: bytes.bytes, count: bytes.len), as: UTF8.self)
    }

    @Test(
        "librabbitmq reads what we write",
        arguments: [("asya", "infer", "id-1"), ("", "asya-infer", ""), ("x", "", String(repeating: "i", count: 255))]
    )
    func roundTrip(exchange: String, routingKey: String, messageID: String) throws {
        let template = try PublicationTemplate(exchange: exchange, routingKey: routingKey, channel: Self.channel)
        let bytes = self.written(template, messageID: messageID, bodyByteCount: 123_456, seconds: 1_700_000_000)
        let frames = try self.payloads(bytes)
        try #require(frames.count == 2)
        var pool = amqp_pool_t()
        init_amqp_pool(&pool, 4096)
        defer { empty_amqp_pool(&pool) }
        var arguments = Array(frames[0][4...])
        let argumentCount = arguments.count
        var decoded: UnsafeMutableRawPointer?
        arguments.withUnsafeMutableBytes { buffer in
            let encoded = amqp_bytes_t(len: argumentCount, bytes: buffer.baseAddress)
            #expect(amqp_decode_method(0x003C_0028, &pool, encoded, &decoded) >= 0)
            guard let publish = decoded?.load(as: amqp_basic_publish_t.self) else { return }
            #expect(self.text(publish.exchange) == exchange)
            #expect(self.text(publish.routing_key) == routingKey)
            #expect(publish.mandatory == 1 && publish.immediate == 0)
        }
        try self.checkProperties(frames[1], messageID, &pool)
        if !messageID.isEmpty {
            let range = template.messageIDOffset..<template.messageIDOffset + messageID.utf8.count
            #expect(bytes[range].elementsEqual(messageID.utf8))
        }
    }

    private func checkProperties(_ payload: [UInt8], _ messageID: String, _ pool: inout amqp_pool_t) throws {
        let header = try payload.withUnsafeBytes { try ContentHeader($0) }
        #expect(header.bodyByteCount == 123_456)
        var encodedProperties = Array(payload[12...])
        let count = encodedProperties.count
        var decoded: UnsafeMutableRawPointer?
        encodedProperties.withUnsafeMutableBytes { buffer in
            let encoded = amqp_bytes_t(len: count, bytes: buffer.baseAddress)
            #expect(amqp_decode_properties(60, &pool, encoded, &decoded) >= 0)
            guard let properties = decoded?.load(as: amqp_basic_properties_t.self) else { return }
            #expect(self.text(properties.content_type) == "application/json")
            #expect(properties.delivery_mode == 2)
            #expect(properties.timestamp == 1_700_000_000)
            #expect((properties._flags & (1 << 7) != 0) == !messageID.isEmpty)
            if !messageID.isEmpty { #expect(self.text(properties.message_id) == messageID) }
        }
    }

    @Test("a name that does not fit its field is refused")
    func longNames() throws {
        let long = String(repeating: "n", count: 256)
        #expect(throws: AMQPError.self) { try PublicationTemplate(exchange: "", routingKey: long, channel: 1) }
        #expect(throws: AMQPError.self) { try PublicationTemplate(exchange: long, routingKey: "", channel: 1) }
    }

    @Test("a long id is cut in front of the character that does not fit")
    func fitting() {
        func cut(_ text: String) -> String {
            Array(text.utf8).withUnsafeBytes { String(decoding: PublicationTemplate.fitting($0), as: UTF8.self) }
        }
        let head = String(repeating: "a", count: 254)
        #expect(cut(head + "b") == head + "b")
        #expect(cut(head + "bc") == head + "b")
        #expect(cut(head + "é") == head)
        #expect(cut(String(repeating: "a", count: 252) + "😀") == String(repeating: "a", count: 252))
        #expect(cut(String(repeating: "a", count: 251) + "😀x") == String(repeating: "a", count: 251) + "😀")
    }

    @Test("settlements are what the library would send")
    func settlements() throws {
        var bytes = [UInt8](repeating: 0, count: FrameWriter.settlementByteCount)
        try bytes.withUnsafeMutableBytes { buffer in
            let start = try #require(buffer.baseAddress)
            FrameWriter.writeAck(to: start, channel: 1, tag: 0x0102_0304, multiple: true)
        }
        let ack = try WireBytes.method(0x003C_0050, amqp_basic_ack_t(delivery_tag: 0x0102_0304, multiple: 1))
        #expect(bytes == WireBytes.frame(1, ack))
        try bytes.withUnsafeMutableBytes { buffer in
            let start = try #require(buffer.baseAddress)
            FrameWriter.writeRequeue(to: start, channel: 1, tag: 9)
        }
        let nack = try WireBytes.method(0x003C_0078, amqp_basic_nack_t(delivery_tag: 9, multiple: 0, requeue: 1))
        #expect(bytes == WireBytes.frame(1, nack))
    }

    @Test("a body header is followed by its body and the end octet")
    func bodyHeader() throws {
        var header = [UInt8](repeating: 0, count: FrameDecoder.headerByteCount)
        try header.withUnsafeMutableBytes { buffer in
            let start = try #require(buffer.baseAddress)
            FrameWriter.writeBodyHeader(to: start, channel: 1, byteCount: 3)
        }
        #expect(header + [1, 2, 3, 0xCE] == WireBytes.frame(3, [1, 2, 3]))
    }
}
