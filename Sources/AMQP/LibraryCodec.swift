internal import CRabbitMQ

/// librabbitmq as a decoder: memory comes from a pool that lives as long as the call.
enum LibraryDecoder {
    private static let poolPageByteCount = 4096

    /// Calls `use` with the library's struct for the method, or not at all when the arguments are malformed.
    static func decode(_ id: MethodID, _ arguments: UnsafeRawBufferPointer, use: (UnsafeRawPointer) -> Void) {
        var pool = amqp_pool_t()
        init_amqp_pool(&pool, Self.poolPageByteCount)
        defer { empty_amqp_pool(&pool) }
        // The library takes a mutable pointer and only reads.
        let encoded = amqp_bytes_t(
            len: arguments.count,
            bytes: UnsafeMutableRawPointer(mutating: arguments.baseAddress)
        )
        var decoded: UnsafeMutableRawPointer?
        guard amqp_decode_method(id.number, &pool, encoded, &decoded) >= 0, let decoded else { return }
        use(UnsafeRawPointer(decoded))
    }
}

extension amqp_bytes_t {
    /// A copy as text; ill-formed UTF-8 is repaired.
    var text: String {
        String(decoding: UnsafeRawBufferPointer(start: self.bytes, count: self.len), as: UTF8.self)
    }
}

extension ClientMethod {
    /// Room for one method: the longest holds user, password and client properties.
    private static let frameByteLimit = 16 * 1024

    /// The whole frame, ready for the socket.
    public func frame(channel: UInt16) throws(AMQPError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Self.frameByteLimit)
        let encoder = MethodEncoder()
        let argumentsOffset = FrameDecoder.headerByteCount + 4
        let capacity = bytes.count - argumentsOffset - 1
        let number = self.id.number
        let count = bytes.withUnsafeMutableBytes { buffer in
            let arguments = UnsafeMutableRawBufferPointer(
                rebasing: buffer[argumentsOffset..<argumentsOffset + capacity]
            )
            return encoder.encode(self, into: arguments)
        }
        guard count >= 0 else { throw .unencodable(self.id) }
        let payloadByteCount = 4 + count
        bytes.withUnsafeMutableBytes { buffer in
            buffer[0] = FrameKind.method.rawValue
            buffer.storeBytes(of: channel.bigEndian, toByteOffset: 1, as: UInt16.self)
            buffer.storeBytes(of: UInt32(payloadByteCount).bigEndian, toByteOffset: 3, as: UInt32.self)
            buffer.storeBytes(of: number.bigEndian, toByteOffset: 7, as: UInt32.self)
            buffer[argumentsOffset + count] = FrameDecoder.endOctet
        }
        bytes.removeLast(bytes.count - (argumentsOffset + count + 1))
        return bytes
    }

    /// The method's number.
    public var id: MethodID {
        let number: UInt32 =
            switch self {
            case .connectionStartOk: 0x000A_000B
            case .connectionTuneOk: 0x000A_001F
            case .connectionOpen: 0x000A_0028
            case .connectionClose: 0x000A_0032
            case .connectionCloseOk: 0x000A_0033
            case .channelOpen: 0x0014_000A
            case .channelFlowOk: 0x0014_0015
            case .channelClose: 0x0014_0028
            case .channelCloseOk: 0x0014_0029
            case .exchangeDeclare: 0x0028_000A
            case .queueDeclarePassive: 0x0032_000A
            case .confirmSelect: 0x0055_000A
            case .basicQos: 0x003C_000A
            case .basicConsume: 0x003C_0014
            case .basicCancel: 0x003C_001E
            }
        return MethodID(number)
    }
}

/// librabbitmq as an encoder. Owns the pool in which texts and tables live while one method is encoded.
private final class MethodEncoder {
    private static let poolPageByteCount = 4096
    private static let replySuccess: UInt16 = 200

    private var pool = amqp_pool_t()

    init() {
        init_amqp_pool(&self.pool, Self.poolPageByteCount)
    }

    deinit {
        empty_amqp_pool(&self.pool)
    }

    /// Byte count, or a negative number when a value does not fit.
    func encode(_ method: ClientMethod, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        switch method {
        case .connectionStartOk(let response, let connectionName):
            return self.encodeStartOk(response, connectionName, buffer, method.id)
        case .connectionTuneOk, .connectionOpen, .connectionClose, .connectionCloseOk:
            return self.encodeConnectionMethod(method, buffer)
        case .channelOpen, .channelClose, .channelCloseOk, .channelFlowOk:
            return self.encodeChannelMethod(method, buffer)
        case .exchangeDeclare(let name):
            var arguments = amqp_exchange_declare_t()
            arguments.exchange = self.bytes(name)
            arguments.type = self.bytes("topic")
            arguments.durable = 1
            return Self.encode(method.id, &arguments, buffer)
        case .confirmSelect:
            var arguments = amqp_confirm_select_t()
            return Self.encode(method.id, &arguments, buffer)
        case .queueDeclarePassive(let name):
            var arguments = amqp_queue_declare_t()
            arguments.queue = self.bytes(name)
            arguments.passive = 1
            arguments.durable = 1
            return Self.encode(method.id, &arguments, buffer)
        case .basicQos(let prefetchCount):
            var arguments = amqp_basic_qos_t()
            arguments.prefetch_count = prefetchCount
            return Self.encode(method.id, &arguments, buffer)
        case .basicConsume(let queue):
            var arguments = amqp_basic_consume_t()
            arguments.queue = self.bytes(queue)
            return Self.encode(method.id, &arguments, buffer)
        case .basicCancel(let consumerTag):
            var arguments = amqp_basic_cancel_t()
            arguments.consumer_tag = self.bytes(consumerTag)
            return Self.encode(method.id, &arguments, buffer)
        }
    }

    private func encodeConnectionMethod(_ method: ClientMethod, _ buffer: UnsafeMutableRawBufferPointer) -> Int {
        switch method {
        case .connectionTuneOk(let tuning):
            var arguments = amqp_connection_tune_ok_t()
            arguments.channel_max = tuning.channelMaximum
            arguments.frame_max = tuning.frameMaximum
            arguments.heartbeat = tuning.heartbeatSeconds
            return Self.encode(method.id, &arguments, buffer)
        case .connectionOpen(let virtualHost):
            var arguments = amqp_connection_open_t()
            arguments.virtual_host = self.bytes(virtualHost)
            return Self.encode(method.id, &arguments, buffer)
        case .connectionClose:
            var arguments = amqp_connection_close_t()
            arguments.reply_code = Self.replySuccess
            arguments.reply_text = self.bytes("bye")
            return Self.encode(method.id, &arguments, buffer)
        default:
            var arguments = amqp_connection_close_ok_t()
            return Self.encode(method.id, &arguments, buffer)
        }
    }

    private func encodeChannelMethod(_ method: ClientMethod, _ buffer: UnsafeMutableRawBufferPointer) -> Int {
        switch method {
        case .channelOpen:
            var arguments = amqp_channel_open_t()
            return Self.encode(method.id, &arguments, buffer)
        case .channelClose:
            var arguments = amqp_channel_close_t()
            arguments.reply_code = Self.replySuccess
            arguments.reply_text = self.bytes("bye")
            return Self.encode(method.id, &arguments, buffer)
        case .channelFlowOk(let isActive):
            var arguments = amqp_channel_flow_ok_t()
            arguments.active = isActive ? 1 : 0
            return Self.encode(method.id, &arguments, buffer)
        default:
            var arguments = amqp_channel_close_ok_t()
            return Self.encode(method.id, &arguments, buffer)
        }
    }

    private func encodeStartOk(
        _ response: SASLResponse,
        _ connectionName: String,
        _ buffer: UnsafeMutableRawBufferPointer,
        _ id: MethodID
    ) -> Int {
        // Without these the broker sends no blocked notice and closes the socket silently on a wrong password.
        let capabilities = [
            "connection.blocked", "publisher_confirms", "basic.nack", "consumer_cancel_notify",
            "authentication_failure_close",
        ]
        let properties = self.table([
            (self.bytes("product"), self.textValue("asya-sidecar")),
            (self.bytes("platform"), self.textValue("Swift")),
            (self.bytes("connection_name"), self.textValue(connectionName)),
            (
                self.bytes("capabilities"),
                self.tableValue(self.table(capabilities.map { (self.bytes($0), Self.trueValue) }))
            ),
        ])
        var arguments = amqp_connection_start_ok_t()
        arguments.client_properties = properties
        arguments.mechanism = self.bytes(response.mechanism.rawValue)
        arguments.locale = self.bytes("en_US")
        guard let text = self.saslText(response) else { return -1 }
        arguments.response = text
        return Self.encode(id, &arguments, buffer)
    }

    private func saslText(_ response: SASLResponse) -> amqp_bytes_t? {
        let user = response.credentials.username
        let password = response.credentials.password
        switch response.mechanism {
        case .plain:
            return self.bytes("\0\(user)\0\(password)")
        case .external:
            return self.bytes("")
        case .amqplain:
            // The entries of a table without its length.
            var table = self.table([
                (self.bytes("LOGIN"), self.textValue(user)), (self.bytes("PASSWORD"), self.textValue(password)),
            ])
            let lengthByteCount = 4
            let capacity = lengthByteCount + 64 + user.utf8.count + password.utf8.count
            guard let memory = amqp_pool_alloc(&self.pool, capacity) else { return nil }
            var offset = 0
            guard amqp_encode_table(amqp_bytes_t(len: capacity, bytes: memory), &table, &offset) == 0 else {
                return nil
            }
            return amqp_bytes_t(len: offset - lengthByteCount, bytes: memory + lengthByteCount)
        }
    }

    private static func encode(
        _ id: MethodID,
        _ arguments: UnsafeMutableRawPointer,
        _ buffer: UnsafeMutableRawBufferPointer
    ) -> Int {
        Int(amqp_encode_method(id.number, arguments, amqp_bytes_t(len: buffer.count, bytes: buffer.baseAddress)))
    }

    /// A copy in the pool.
    private func bytes(_ text: String) -> amqp_bytes_t {
        var text = text
        return text.withUTF8 { source in
            guard let start = source.baseAddress, source.count > 0,
                let copy = amqp_pool_alloc(&self.pool, source.count)
            else { return amqp_bytes_t(len: 0, bytes: nil) }
            copy.copyMemory(from: start, byteCount: source.count)
            return amqp_bytes_t(len: source.count, bytes: copy)
        }
    }

    private func table(_ entries: [(key: amqp_bytes_t, value: amqp_field_value_t)]) -> amqp_table_t {
        guard let memory = amqp_pool_alloc(&self.pool, MemoryLayout<amqp_table_entry_t>.stride * entries.count) else {
            return amqp_table_t(num_entries: 0, entries: nil)
        }
        let list = memory.bindMemory(to: amqp_table_entry_t.self, capacity: entries.count)
        for (index, entry) in entries.enumerated() {
            (list + index).initialize(to: amqp_table_entry_t(key: entry.key, value: entry.value))
        }
        return amqp_table_t(num_entries: Int32(entries.count), entries: list)
    }

    private static var trueValue: amqp_field_value_t {
        var value = amqp_field_value_t()
        value.kind = UInt8(AMQP_FIELD_KIND_BOOLEAN.rawValue)
        value.value.boolean = 1
        return value
    }

    private func textValue(_ text: String) -> amqp_field_value_t {
        var value = amqp_field_value_t()
        value.kind = UInt8(AMQP_FIELD_KIND_UTF8.rawValue)
        value.value.bytes = self.bytes(text)
        return value
    }

    private func tableValue(_ table: amqp_table_t) -> amqp_field_value_t {
        var value = amqp_field_value_t()
        value.kind = UInt8(AMQP_FIELD_KIND_TABLE.rawValue)
        value.value.table = table
        return value
    }
}
