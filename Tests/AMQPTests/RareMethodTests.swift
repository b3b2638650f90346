import CRabbitMQ
import Testing

@testable import AMQP

@Suite struct RareMethodTests {
    private let texts = LibraryTexts()

    private func decode(_ bytes: [UInt8]) throws(AMQPError) -> ServerMethod {
        let result = bytes.withUnsafeBytes { buffer in
            Result { () throws(AMQPError) in try ServerMethod(buffer) }
        }
        return try result.get()
    }

    /// Every method with arguments, encoded by the library.
    private func samples() throws -> [(bytes: [UInt8], method: ServerMethod)] {
        var start = amqp_connection_start_t()
        start.version_minor = 9
        start.mechanisms = self.texts.bytes("AMQPLAIN PLAIN")
        start.locales = self.texts.bytes("en_US")
        var connectionClose = amqp_connection_close_t()
        connectionClose.reply_code = 403
        connectionClose.reply_text = self.texts.bytes("ACCESS_REFUSED - Login was refused")
        var channelClose = amqp_channel_close_t()
        channelClose.reply_code = 404
        channelClose.reply_text = self.texts.bytes("NOT_FOUND - no exchange")
        channelClose.class_id = 60
        channelClose.method_id = 40
        let tag = self.texts.bytes("amq.ctag-1")
        return [
            (try WireBytes.method(0x000A_000A, start), .connectionStart(mechanisms: ["AMQPLAIN", "PLAIN"])),
            (
                try WireBytes.method(
                    0x000A_001E,
                    amqp_connection_tune_t(channel_max: 2047, frame_max: 131_072, heartbeat: 60)
                ),
                .connectionTune(Tuning(channelMaximum: 2047, frameMaximum: 131_072, heartbeatSeconds: 60))
            ),
            (
                try WireBytes.method(0x000A_0032, connectionClose),
                .connectionClose(CloseReason(code: 403, text: "ACCESS_REFUSED - Login was refused"))
            ),
            (
                try WireBytes.method(0x000A_003C, amqp_connection_blocked_t(reason: self.texts.bytes("low on memory"))),
                .connectionBlocked(reason: "low on memory")
            ),
            (try WireBytes.method(0x0014_0014, amqp_channel_flow_t(active: 1)), .channelFlow(isActive: true)),
            (
                try WireBytes.method(0x0014_0028, channelClose),
                .channelClose(
                    CloseReason(code: 404, text: "NOT_FOUND - no exchange", cause: MethodID(0x003C_0028))
                )
            ),
            (
                try WireBytes.method(0x003C_0015, amqp_basic_consume_ok_t(consumer_tag: tag)),
                .basicConsumeOk(consumerTag: "amq.ctag-1")
            ),
            (
                try WireBytes.method(0x003C_001F, amqp_basic_cancel_ok_t(consumer_tag: tag)),
                .basicCancelOk(consumerTag: "amq.ctag-1")
            ),
            (
                try WireBytes.method(0x003C_001E, amqp_basic_cancel_t(consumer_tag: tag, nowait: 1)),
                .basicCancel(consumerTag: "amq.ctag-1")
            ),
        ]
    }

    @Test("methods of the library are read, and know their number")
    func decodes() throws {
        for sample in try self.samples() {
            #expect(try self.decode(sample.bytes) == sample.method)
            #expect(WireBytes.bigEndian(sample.method.id.number) == Array(sample.bytes[..<4]))
        }
    }

    @Test("every truncation is an error and never traps")
    func truncated() throws {
        for sample in try self.samples() {
            for count in 0..<sample.bytes.count {
                #expect(throws: AMQPError.self, "\(sample.method) cut to \(count)") {
                    try self.decode(Array(sample.bytes[..<count]))
                }
            }
        }
    }

    @Test(
        "methods without arguments are known by their number",
        arguments: [
            (0x000A_0029, .connectionOpenOk), (0x000A_0033, .connectionCloseOk), (0x000A_003D, .connectionUnblocked),
            (0x000A_0014, .connectionSecure), (0x0014_000B, .channelOpenOk), (0x0014_0029, .channelCloseOk),
            (0x0028_000B, .exchangeDeclareOk), (0x0032_000B, .queueDeclareOk), (0x0055_000B, .confirmSelectOk),
            (0x003C_000B, .basicQosOk), (0x000A_0046, .other(MethodID(0x000A_0046))),
        ] as [(UInt32, ServerMethod)]
    )
    func plain(number: UInt32, method: ServerMethod) throws {
        #expect(try self.decode(WireBytes.bigEndian(number)) == method)
        #expect(method.id == MethodID(number))
    }

    /// Hands the library's view of a frame of ours to `check`.
    private func libraryView(_ method: ClientMethod, _ check: (UnsafeRawPointer) -> Void) throws {
        let frame = try method.frame(channel: 1)
        let scan = try frame.withUnsafeBytes { try FrameDecoder(maximumFrameByteCount: 131_072).scan($0) }
        #expect(scan == .frame(Frame(kind: .method, channel: 1, payloadByteCount: frame.count - 8)))
        #expect(Array(frame[7..<11]) == WireBytes.bigEndian(method.id.number))
        var pool = amqp_pool_t()
        init_amqp_pool(&pool, 4096)
        defer { empty_amqp_pool(&pool) }
        var arguments = Array(frame[11..<frame.count - 1])
        let count = arguments.count
        arguments.withUnsafeMutableBytes { buffer in
            var decoded: UnsafeMutableRawPointer?
            let encoded = amqp_bytes_t(len: count, bytes: buffer.baseAddress)
            #expect(amqp_decode_method(method.id.number, &pool, encoded, &decoded) >= 0)
            if let decoded { check(decoded) }
        }
    }

    private func text(_ bytes: amqp_bytes_t) -> String {
        String(decoding: UnsafeRawBufferPointer(start: bytes.bytes, count: bytes.len), as: UTF8.self)
    }

    @Test("the library reads our methods")
    func encodes() throws {
        try self.libraryView(.exchangeDeclare(name: "asya")) { pointer in
            let declare = pointer.load(as: amqp_exchange_declare_t.self)
            #expect(self.text(declare.exchange) == "asya" && self.text(declare.type) == "topic")
            #expect(declare.durable == 1 && declare.passive == 0 && declare.auto_delete == 0 && declare.internal == 0)
            #expect(declare.arguments.num_entries == 0)
        }
        try self.libraryView(.queueDeclarePassive(name: "asya-x")) { pointer in
            let declare = pointer.load(as: amqp_queue_declare_t.self)
            #expect(self.text(declare.queue) == "asya-x" && declare.passive == 1 && declare.durable == 1)
        }
        try self.libraryView(.basicQos(prefetchCount: 16)) { pointer in
            let qos = pointer.load(as: amqp_basic_qos_t.self)
            #expect(qos.prefetch_count == 16 && qos.global == 0)
        }
        try self.libraryView(.basicConsume(queue: "asya-x")) { pointer in
            let consume = pointer.load(as: amqp_basic_consume_t.self)
            #expect(self.text(consume.queue) == "asya-x" && consume.consumer_tag.len == 0)
            #expect(consume.no_ack == 0 && consume.exclusive == 0)
        }
        try self.libraryView(.connectionOpen(virtualHost: "/")) { pointer in
            #expect(self.text(pointer.load(as: amqp_connection_open_t.self).virtual_host) == "/")
        }
        for method in [.channelOpen, .channelClose, .channelCloseOk, .confirmSelect, .connectionClose] as [ClientMethod]
        {
            try self.libraryView(method) { _ in }
        }
    }

    @Test("the login carries mechanism, response and the capabilities that the design needs")
    func startOk() throws {
        let credentials = Credentials(username: "user", password: "p@ss")
        let response = SASLResponse(mechanism: .plain, credentials: credentials)
        try self.libraryView(.connectionStartOk(response, connectionName: "asya-x")) { pointer in
            let start = pointer.load(as: amqp_connection_start_ok_t.self)
            #expect(self.text(start.mechanism) == "PLAIN")
            #expect(self.text(start.response) == "\0user\0p@ss")
            var entries: [String: amqp_field_value_t] = [:]
            for index in 0..<Int(start.client_properties.num_entries) {
                guard let entry = start.client_properties.entries else { break }
                entries[self.text(entry[index].key)] = entry[index].value
            }
            let capabilities = entries["capabilities"]?.value.table ?? amqp_table_t()
            let names = (0..<Int(capabilities.num_entries)).compactMap { index in
                capabilities.entries.map { self.text($0[index].key) }
            }
            #expect(
                Set(names) == [
                    "connection.blocked", "publisher_confirms", "basic.nack", "consumer_cancel_notify",
                    "authentication_failure_close",
                ]
            )
            #expect(entries["connection_name"].map { self.text($0.value.bytes) } == "asya-x")
        }
        #expect("\(credentials)" == "(credentials)")
    }

    @Test("a text that does not fit is an error")
    func tooLong() {
        let long = String(repeating: "v", count: 300)
        #expect(throws: AMQPError.unencodable(MethodID(0x000A_0028))) {
            try ClientMethod.connectionOpen(virtualHost: long).frame(channel: 0)
        }
        let password = String(repeating: "p", count: 20_000)
        let response = SASLResponse(
            mechanism: .plain,
            credentials: Credentials(username: "u", password: password)
        )
        #expect(throws: AMQPError.unencodable(MethodID(0x000A_000B))) {
            try ClientMethod.connectionStartOk(response, connectionName: "x").frame(channel: 0)
        }
    }
}
