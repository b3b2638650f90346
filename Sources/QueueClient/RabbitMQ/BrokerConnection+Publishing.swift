internal import AMQP
internal import CRabbitMQ
import Glibc

extension BrokerConnection {
    /// What the broker said between two publications.
    enum Event: Equatable {
        case confirm(ConfirmMethod)
        case returned(messageID: String, isDirect: Bool)
        case blocked
        case unblocked
    }

    /// Declares the exchange and puts the channel into confirm mode.
    func preparePublishing(exchange: String) throws(Failure) {
        withAMQPBytes(exchange) { exchange in
            withAMQPBytes("topic") { topic in
                _ = amqp_exchange_declare(self.state, Self.channel, exchange, topic, 0, 1, 0, 0, amqp_empty_table)
            }
        }
        try self.checkReply("exchange.declare")
        amqp_confirm_select(self.state, Self.channel)
        try self.checkReply("confirm.select")
    }

    /// While packets are held, only full ones leave: the library writes every frame by itself.
    func holdPackets(_ holds: Bool) {
        var value: Int32 = holds ? 1 : 0
        // A hint: without it there are just more packets.
        setsockopt(self.descriptor, Int32(IPPROTO_TCP), TCP_CORK, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    /// Writes one publication: persistent, mandatory, JSON (`gateway.md` 9.2, `sidecar.md` 6.3).
    func publish(_ body: [UInt8], exchange: String, routingKey: String, messageID: String) throws(Failure) {
        let status = withAMQPBytes(exchange) { exchange in
            withAMQPBytes(routingKey) { routingKey in
                withAMQPBytes(messageID) { messageID in
                    withAMQPBytes("application/json") { contentType in
                        var properties = amqp_basic_properties_t()
                        properties._flags = Self.propertyFlags
                        properties.content_type = contentType
                        properties.delivery_mode = 2
                        properties.message_id = messageID
                        properties.timestamp = UInt64(max(0, time(nil)))
                        return body.withUnsafeBytes { bytes in
                            amqp_basic_publish(
                                self.state,
                                Self.channel,
                                exchange,
                                routingKey,
                                1,
                                0,
                                &properties,
                                amqp_bytes_t(
                                    len: bytes.count,
                                    bytes: UnsafeMutableRawPointer(mutating: bytes.baseAddress)
                                )
                            )
                        }
                    }
                }
            }
        }
        try Self.check(status, "basic.publish")
    }

    /// Bits of content type, delivery mode, message id and timestamp (AMQP 0-9-1, 4.2.6.1).
    private static let propertyFlags: amqp_flags_t = 1 << 15 | 1 << 12 | 1 << 7 | 1 << 6

    /// The next thing the broker said; nil when nothing is there. Also sends and checks heartbeats. Never waits.
    func nextEvent() throws(Failure) -> Event? {
        while true {
            amqp_maybe_release_buffers(self.state)
            var frame = amqp_frame_t()
            guard try self.read(&frame, milliseconds: 0) else { return nil }
            guard frame.frame_type == FrameType.method, let event = try self.event(of: frame.payload.method) else {
                continue
            }
            return event
        }
    }

    private func event(of method: amqp_method_t) throws(Failure) -> Event? {
        switch method.id {
        case MethodNumber.basicAck:
            guard let decoded = method.decoded?.assumingMemoryBound(to: amqp_basic_ack_t.self).pointee else {
                return nil
            }
            let isMultiple = decoded.multiple != 0
            return .confirm(ConfirmMethod(deliveryTag: decoded.delivery_tag, isMultiple: isMultiple, isAccepted: true))
        case MethodNumber.basicNack:
            guard let decoded = method.decoded?.assumingMemoryBound(to: amqp_basic_nack_t.self).pointee else {
                return nil
            }
            let isMultiple = decoded.multiple != 0
            return .confirm(ConfirmMethod(deliveryTag: decoded.delivery_tag, isMultiple: isMultiple, isAccepted: false))
        case MethodNumber.basicReturn:
            guard let decoded = method.decoded?.assumingMemoryBound(to: amqp_basic_return_t.self).pointee else {
                return nil
            }
            let isDirect = decoded.exchange.len == 0
            return .returned(messageID: try self.readReturnedMessageID(), isDirect: isDirect)
        case MethodNumber.connectionBlocked: return .blocked
        case MethodNumber.connectionUnblocked: return .unblocked
        case MethodNumber.channelClose, MethodNumber.connectionClose:
            try Self.check(
                amqp_rpc_reply_t(reply_type: AMQP_RESPONSE_SERVER_EXCEPTION, reply: method, library_error: 0),
                "publishing"
            )
            return nil
        default: return nil
        }
    }

    /// A returned message follows its method: header and body, of which only the message id matters.
    private func readReturnedMessageID() throws(Failure) -> String {
        var frame = amqp_frame_t()
        guard try self.read(&frame, milliseconds: Self.contentTimeoutMilliseconds),
            frame.frame_type == FrameType.header,
            let properties = frame.payload.properties.decoded?.assumingMemoryBound(to: amqp_basic_properties_t.self)
        else { throw .lost("a returned message came without its header") }
        let messageID = Self.text(properties.pointee.message_id)
        var missingByteCount = frame.payload.properties.body_size
        while missingByteCount > 0 {
            guard try self.read(&frame, milliseconds: Self.contentTimeoutMilliseconds),
                frame.frame_type == FrameType.body
            else { throw .lost("a returned message came without its body") }
            missingByteCount -= min(missingByteCount, UInt64(frame.payload.body_fragment.len))
        }
        return messageID
    }

    /// The rest of a message is on its way already; a broker that stops in the middle is gone.
    private static let contentTimeoutMilliseconds = 5000

    private func read(_ frame: inout amqp_frame_t, milliseconds: Int) throws(Failure) -> Bool {
        var timeout = timeval(tv_sec: milliseconds / 1000, tv_usec: milliseconds % 1000 * 1000)
        let status = amqp_simple_wait_frame_noblock(self.state, &frame, &timeout)
        if status == AMQP_STATUS_TIMEOUT.rawValue { return false }
        try Self.check(status, "connection")
        return true
    }
}

/// Frame types (AMQP 0-9-1, 4.2.3).
private enum FrameType {
    static let method: UInt8 = 1
    static let header: UInt8 = 2
    static let body: UInt8 = 3
}
