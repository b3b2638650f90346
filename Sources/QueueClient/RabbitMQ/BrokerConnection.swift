internal import AMQP
internal import CRabbitMQ
import Glibc

/// One connection of librabbitmq with channel 1 open. Lives and dies on the thread that made it; never sent elsewhere.
final class BrokerConnection {
    /// Why the broker or the library gave up; without credentials.
    struct Failure: Error {
        /// AMQP's reply code; 0 when the connection itself failed.
        var code: UInt16
        var text: String
        /// Only the channel is gone.
        var isChannelOnly: Bool
        /// Another attempt cannot help: wrong certificate file or similar.
        var isPermanent = false

        static func lost(_ text: String) -> Failure { Failure(code: 0, text: text, isChannelOnly: false) }
    }

    static let channel: amqp_channel_t = 1

    let state: amqp_connection_state_t
    private var isLoggedIn = false

    /// Connects, logs in and opens the channel; blocks at most for the connection time-out per step.
    init(_ url: AMQPURL, name: String) throws(Failure) {
        guard let state = amqp_new_connection() else { throw .lost("out of memory") }
        self.state = state
        var timeout = Self.timeout(url)
        amqp_set_handshake_timeout(state, &timeout)
        amqp_set_rpc_timeout(state, &timeout)
        try self.openSocket(url, &timeout)
        try self.logIn(url, name: name)
        self.isLoggedIn = true
        try self.openChannel()
    }

    deinit {
        if self.isLoggedIn { amqp_connection_close(self.state, AMQP_REPLY_SUCCESS) }
        amqp_destroy_connection(self.state)
    }

    /// The socket, to wait for and to shut down.
    var descriptor: Int32 { amqp_get_sockfd(self.state) }

    /// The connection is known to be dead: no goodbye, which would wait for an answer.
    func abandon() {
        self.isLoggedIn = false
    }

    func openChannel() throws(Failure) {
        amqp_channel_open(self.state, Self.channel)
        try self.checkReply("channel.open")
    }

    /// Puts the library's last answer into words; returns when it was a success.
    func checkReply(_ operation: String) throws(Failure) {
        try Self.check(amqp_get_rpc_reply(self.state), operation)
    }

    static func check(_ reply: amqp_rpc_reply_t, _ operation: String) throws(Failure) {
        switch reply.reply_type {
        case AMQP_RESPONSE_NORMAL: return
        case AMQP_RESPONSE_SERVER_EXCEPTION:
            if reply.reply.id == MethodNumber.channelClose, let decoded = reply.reply.decoded {
                let close = decoded.assumingMemoryBound(to: amqp_channel_close_t.self).pointee
                throw Failure(code: close.reply_code, text: text(close.reply_text), isChannelOnly: true)
            }
            if reply.reply.id == MethodNumber.connectionClose, let decoded = reply.reply.decoded {
                let close = decoded.assumingMemoryBound(to: amqp_connection_close_t.self).pointee
                throw Failure(code: close.reply_code, text: text(close.reply_text), isChannelOnly: false)
            }
            throw .lost("\(operation) failed")
        case AMQP_RESPONSE_LIBRARY_EXCEPTION:
            throw .lost("\(operation): \(String(cString: amqp_error_string2(reply.library_error)))")
        default: throw .lost("\(operation): connection closed")
        }
    }

    static func check(_ status: Int32, _ operation: String) throws(Failure) {
        guard status != 0 else { return }
        throw .lost("\(operation): \(String(cString: amqp_error_string2(status)))")
    }

    static func text(_ bytes: amqp_bytes_t) -> String {
        String(decoding: UnsafeRawBufferPointer(start: bytes.bytes, count: bytes.len), as: UTF8.self)
    }

    // MARK: Opening

    private static func timeout(_ url: AMQPURL) -> timeval {
        let limit = RabbitMQClientConfiguration.defaultConnectTimeoutMilliseconds
        let milliseconds = max(1, url.connectionTimeoutMilliseconds ?? limit)
        return timeval(tv_sec: milliseconds / 1000, tv_usec: milliseconds % 1000 * 1000)
    }

    private func openSocket(_ url: AMQPURL, _ timeout: inout timeval) throws(Failure) {
        guard let socket = url.isTLS ? amqp_ssl_socket_new(self.state) : amqp_tcp_socket_new(self.state) else {
            throw .lost("out of memory")
        }
        if url.isTLS { try Self.prepareTLS(socket, url) }
        let status = amqp_socket_open_noblock(socket, url.host, Int32(url.port), &timeout)
        try Self.check(status, "cannot connect to \(url)")
    }

    private static func prepareTLS(_ socket: OpaquePointer, _ url: AMQPURL) throws(Failure) {
        func permanent(_ text: String) -> Failure {
            Failure(code: 0, text: text, isChannelOnly: false, isPermanent: true)
        }
        guard asya_amqp_expect_name(socket, url.serverName ?? url.host) == 0 else {
            throw permanent("the host of the RabbitMQ URL is no name that a certificate could carry")
        }
        let trusted = url.caFile.map { amqp_ssl_socket_set_cacert(socket, $0) } ?? asya_amqp_trust_system(socket)
        guard trusted == 0 else { throw permanent("cannot read the certificates of cacertfile in the RabbitMQ URL") }
        if let certificate = url.certificateFile {
            guard amqp_ssl_socket_set_key(socket, certificate, url.keyFile ?? certificate) == 0 else {
                throw permanent("cannot read certfile or keyfile of the RabbitMQ URL")
            }
        }
        amqp_ssl_socket_set_verify_peer(socket, 1)
        // Checked above, by OpenSSL itself.
        amqp_ssl_socket_set_verify_hostname(socket, 0)
    }

    private func logIn(_ url: AMQPURL, name: String) throws(Failure) {
        let heartbeat = Int32(url.heartbeatSeconds ?? RabbitMQClientConfiguration.defaultHeartbeatSeconds)
        let channelMaximum = Int32(url.channelMaximum ?? 0)
        let reply = withAMQPBytes(name) { name in
            withClientProperties(name: name) { properties in
                if url.mechanism == .external {
                    return asya_amqp_login_external(
                        self.state,
                        url.virtualHost,
                        channelMaximum,
                        heartbeat,
                        properties
                    )
                }
                return asya_amqp_login_with_password(
                    self.state,
                    url.virtualHost,
                    channelMaximum,
                    heartbeat,
                    properties,
                    url.credentials.username,
                    url.credentials.password
                )
            }
        }
        do {
            try Self.check(reply, "login")
        } catch {
            throw Failure(code: error.code, text: "cannot log in to \(url): \(error.text)", isChannelOnly: false)
        }
    }
}

/// Numbers of AMQP's methods: class and method (AMQP 0-9-1, 1.2).
enum MethodNumber {
    static let connectionClose: UInt32 = 0x000A_0032
    static let connectionBlocked: UInt32 = 0x000A_003C
    static let connectionUnblocked: UInt32 = 0x000A_003D
    static let channelClose: UInt32 = 0x0014_0028
    static let basicReturn: UInt32 = 0x003C_0032
    static let basicAck: UInt32 = 0x003C_0050
    static let basicNack: UInt32 = 0x003C_0078
}

/// Lends a string's bytes to a call of the library.
func withAMQPBytes<Result>(_ text: String, _ body: (amqp_bytes_t) -> Result) -> Result {
    var text = text
    return text.withUTF8 { utf8 in
        body(amqp_bytes_t(len: utf8.count, bytes: UnsafeMutableRawPointer(mutating: utf8.baseAddress)))
    }
}

/// Connection name, and that we understand `connection.blocked`.
private func withClientProperties<Result>(
    name: amqp_bytes_t,
    _ body: (UnsafePointer<amqp_table_t>) -> Result
) -> Result {
    withAMQPBytes("connection.blocked") { blockedKey in
        withAMQPBytes("capabilities") { capabilitiesKey in
            withAMQPBytes("connection_name") { nameKey in
                var blocked = amqp_table_entry_t()
                blocked.key = blockedKey
                blocked.value.kind = FieldKind.boolean
                blocked.value.value.boolean = 1
                return withUnsafeMutablePointer(to: &blocked) { blocked in
                    var capabilities = amqp_table_entry_t()
                    capabilities.key = capabilitiesKey
                    capabilities.value.kind = FieldKind.table
                    capabilities.value.value.table = amqp_table_t(num_entries: 1, entries: blocked)
                    var connectionName = amqp_table_entry_t()
                    connectionName.key = nameKey
                    connectionName.value.kind = FieldKind.string
                    connectionName.value.value.bytes = name
                    var entries = [capabilities, connectionName]
                    return entries.withUnsafeMutableBufferPointer { entries in
                        var table = amqp_table_t(num_entries: Int32(entries.count), entries: entries.baseAddress)
                        return body(&table)
                    }
                }
            }
        }
    }
}

/// Type octets of AMQP's tables.
enum FieldKind {
    static let boolean = UInt8(ascii: "t")
    static let table = UInt8(ascii: "F")
    static let string = UInt8(ascii: "S")
}
