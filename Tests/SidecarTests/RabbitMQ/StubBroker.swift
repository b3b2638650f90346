import AMQP
import Glibc
import Testing

/// The broker's end of AMQP connections in the test's own thread: answers the handshakes by itself and leaves every
/// publication and settlement to the test.
final class StubBroker {
    /// A publication as it arrived.
    struct Publication: Equatable {
        var connection: Int
        var tag: UInt64
        var exchange: String
        var routingKey: String
        var header: [UInt8]
        var body: [UInt8]
    }

    /// One client.
    private final class Connection {
        let descriptor: Int32
        var received: [UInt8] = []
        var unsent: [UInt8] = []
        var hasGreeted = false
        var publishedCount: UInt64 = 0
        var incoming: Publication?
        var bodyByteCount = 0

        init(descriptor: Int32) { self.descriptor = descriptor }
    }

    let port: Int
    private let listener: Int32
    private var connections: [Connection] = []
    /// Methods other than publications, as `class.method`, with the arguments' bytes, in order.
    private(set) var methods: [(name: String, arguments: [UInt8])] = []
    private(set) var publications: [Publication] = []
    /// Which connection subscribed last.
    private(set) var consumer: Int?
    /// Answers a publication; the default confirms it.
    var published: (StubBroker, Publication) -> Void = { $0.confirm($1) }
    /// What `basic.consume` is answered with, behind its own reply.
    var subscribed: (StubBroker, Int) -> Void = { _, _ in }
    /// Called when a method has been answered, with its name.
    var answered: (String) -> Void = { _ in }

    init() throws {
        self.listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var byteCount = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = self.listener
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                bind(listener, generic, byteCount) == 0 && listen(listener, 8) == 0
                    && getsockname(listener, generic, &byteCount) == 0
            }
        }
        self.port = Int(UInt16(bigEndian: address.sin_port))
        try #require(result)
    }

    deinit {
        for connection in self.connections { close(connection.descriptor) }
        close(self.listener)
    }

    // MARK: What the test says

    func confirm(_ publication: Publication, multiple: Bool = false) {
        self.sendMethod(60, 80, Self.bytes(publication.tag) + [multiple ? 1 : 0], to: publication.connection)
    }

    func refuse(_ publication: Publication) {
        self.sendMethod(60, 120, Self.bytes(publication.tag) + [0], to: publication.connection)
    }

    /// `basic.return`, with `between` put between the frames of its content.
    func giveBack(_ publication: Publication, between: [UInt8] = []) {
        let route = Self.short("NO_ROUTE") + Self.short(publication.exchange) + Self.short(publication.routingKey)
        self.sendMethod(60, 50, Self.bytes(UInt16(312)) + route, to: publication.connection)
        self.sendFrame(2, publication.header, to: publication.connection)
        self.connections[publication.connection].unsent += between
        self.sendFrame(3, publication.body, to: publication.connection)
    }

    func deliver(_ body: [UInt8], tag: UInt64, to connection: Int) {
        let names = Self.short("asya") + Self.short("own")
        self.sendMethod(60, 60, Self.short("tag-1") + Self.bytes(tag) + [0] + names, to: connection)
        let flags: UInt16 = 0
        self.sendFrame(2, [0, 60, 0, 0] + Self.bytes(UInt64(body.count)) + Self.bytes(flags), to: connection)
        self.sendFrame(3, body, to: connection)
    }

    func closeChannel(_ code: UInt16, _ text: String, on connection: Int) {
        self.sendMethod(20, 40, Self.bytes(code) + Self.short(text) + [0, 60, 0, 40], to: connection)
    }

    /// `connection.blocked` as a frame.
    static let blocked: [UInt8] = frame(1, channel: 0, [0, 10, 0, 60] + short("low on memory"))

    func closeSocket(_ connection: Int) {
        shutdown(self.connections[connection].descriptor, Int32(SHUT_RDWR))
    }

    // MARK: The wire

    /// Accepts, reads, answers and writes what can be done now.
    func work() {
        let descriptor = accept(self.listener, nil, nil)
        if descriptor >= 0 { self.connections.append(Connection(descriptor: descriptor)) }
        for index in self.connections.indices {
            let connection = self.connections[index]
            var buffer = [UInt8](repeating: 0, count: 262_144)
            let count = recv(connection.descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            if count > 0 { connection.received += buffer[..<count] }
            self.parse(index)
            guard !connection.unsent.isEmpty else { continue }
            let flags = Int32(MSG_DONTWAIT | MSG_NOSIGNAL)
            let sent = send(connection.descriptor, connection.unsent, connection.unsent.count, flags)
            if sent > 0 { connection.unsent.removeFirst(sent) }
        }
    }

    private func parse(_ index: Int) {
        let connection = self.connections[index]
        if !connection.hasGreeted {
            guard connection.received.count >= 8 else { return }
            connection.hasGreeted = true
            connection.received.removeFirst(8)
            let greeting = [0, 9, 0, 0, 0, 0] + Self.long("PLAIN") + Self.long("en_US")
            self.sendMethod(10, 10, greeting, channel: 0, to: index)
        }
        let decoder = FrameDecoder(maximumFrameByteCount: 131_072)
        while case .frame(let frame)? = connection.received.withUnsafeBytes({ try? decoder.scan($0) }) {
            let payload = Array(connection.received[7..<7 + frame.payloadByteCount])
            connection.received.removeFirst(frame.byteCount)
            switch frame.kind {
            case .method: self.handle(payload, index)
            case .header:
                connection.incoming?.header = payload
                connection.bodyByteCount = payload[4..<12].reduce(0) { $0 << 8 | Int($1) }
            case .body: connection.incoming?.body += payload
            case .heartbeat: break
            }
            self.finishPublication(connection)
        }
    }

    private func finishPublication(_ connection: Connection) {
        guard let publication = connection.incoming, !publication.header.isEmpty,
            publication.body.count == connection.bodyByteCount
        else { return }
        connection.incoming = nil
        self.publications.append(publication)
        self.published(self, publication)
    }

    private func handle(_ payload: [UInt8], _ index: Int) {
        let name = "\(Int(payload[1])).\(Int(payload[3]))"
        let arguments = Array(payload[4...])
        if name == "60.40" {
            let connection = self.connections[index]
            connection.publishedCount += 1
            let exchangeEnd = 3 + Int(arguments[2])
            let keyEnd = exchangeEnd + 1 + Int(arguments[exchangeEnd])
            connection.incoming = Publication(
                connection: index,
                tag: connection.publishedCount,
                exchange: String(decoding: arguments[3..<exchangeEnd], as: UTF8.self),
                routingKey: String(decoding: arguments[exchangeEnd + 1..<keyEnd], as: UTF8.self),
                header: [],
                body: []
            )
            return
        }
        self.methods.append((name, arguments))
        self.answer(name, index)
        self.answered(name)
    }

    private func answer(_ name: String, _ index: Int) {
        switch name {
        case "10.11": self.sendMethod(10, 30, [7, 255, 0, 2, 0, 0, 0, 60], channel: 0, to: index)
        case "10.40": self.sendMethod(10, 41, [0], channel: 0, to: index)
        case "10.50": self.sendMethod(10, 51, [], channel: 0, to: index)
        case "20.10":
            self.connections[index].publishedCount = 0
            self.sendMethod(20, 11, [0, 0, 0, 0], to: index)
        case "20.40": self.sendMethod(20, 41, [], to: index)
        case "40.10": self.sendMethod(40, 11, [], to: index)
        case "85.10": self.sendMethod(85, 11, [], to: index)
        case "50.10": self.sendMethod(50, 11, Self.short("asya-own") + [0, 0, 0, 0, 0, 0, 0, 0], to: index)
        case "60.10": self.sendMethod(60, 11, [], to: index)
        case "60.20":
            self.sendMethod(60, 21, Self.short("tag-1"), to: index)
            self.consumer = index
            self.subscribed(self, index)
        case "60.30": self.sendMethod(60, 31, Self.short("tag-1"), to: index)
        default: break
        }
    }

    private func sendMethod(
        _ classID: UInt8,
        _ methodID: UInt8,
        _ arguments: [UInt8],
        channel: UInt16 = 1,
        to index: Int
    ) {
        self.sendFrame(1, [0, classID, 0, methodID] + arguments, channel: channel, to: index)
    }

    private func sendFrame(_ kind: UInt8, _ payload: [UInt8], channel: UInt16 = 1, to index: Int) {
        self.connections[index].unsent += Self.frame(kind, channel: channel, payload)
    }

    private static func frame(_ kind: UInt8, channel: UInt16, _ payload: [UInt8]) -> [UInt8] {
        [kind] + self.bytes(channel) + self.bytes(UInt32(payload.count)) + payload + [FrameDecoder.endOctet]
    }

    private static func short(_ text: String) -> [UInt8] { [UInt8(text.utf8.count)] + Array(text.utf8) }
    private static func long(_ text: String) -> [UInt8] { self.bytes(UInt32(text.utf8.count)) + Array(text.utf8) }

    private static func bytes<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
        withUnsafeBytes(of: value.bigEndian) { Array($0) }
    }
}
