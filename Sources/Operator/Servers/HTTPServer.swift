import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

/// Answers short requests with short answers: metrics, probes, admission reviews. No authentication, as in the original
/// (operator.md 15).
enum HTTPServer {
    /// A request that has arrived whole.
    struct Request: Sendable {
        var method: HTTPMethod
        /// Without the query.
        var path: String
        var body: [UInt8]

        var isRead: Bool { self.method == .GET || self.method == .HEAD }
    }

    /// A text and its status code.
    struct Answer: Sendable {
        var code: Int
        var contentType = "text/plain; charset=utf-8"
        var body: [UInt8]

        init(code: Int, contentType: String = "text/plain; charset=utf-8", body: String) {
            self.init(code: code, contentType: contentType, bytes: Array(body.utf8))
        }

        init(code: Int, contentType: String, bytes: [UInt8]) {
            self.code = code
            self.contentType = contentType
            self.body = bytes
        }

        static let notFound = Answer(code: 404, body: "404 page not found\n")
        static let methodNotAllowed = Answer(code: 405, body: "405 method not allowed\n")
        static let tooLarge = Answer(code: 413, body: "413 request entity too large\n")
        static let overloaded = Answer(code: 503, body: "503 too many large requests at once\n")
    }

    /// What a server is made of.
    struct Options: Sendable {
        /// Bodies above this are refused.
        var bodyByteLimit = 0
        /// TLS for each new connection; `nil` for none.
        var tls: (@Sendable () -> NIOSSLContext)?
    }

    /// Scrapers, kubelets and API servers open few connections.
    private static let backlog: Int32 = 64
    private static let idleLimit = TimeAmount.seconds(60)
    /// More connections to one server than this are closed at once: anybody in the cluster may open some.
    static let connectionLimit = 128
    /// Bodies of all connections to one server together: several of the largest.
    static let bufferByteLimit = 32 << 20

    /// Binds `address` (`:8080`, `127.0.0.1:0`, `[::1]:80`) and serves until the channel is closed.
    static func start(
        address: String,
        group: any EventLoopGroup,
        options: Options = Options(),
        answer: @escaping @Sendable (Request) -> Answer
    ) async throws -> any Channel {
        guard let (host, port) = self.parse(address) else {
            throw ClusterConfigurationError("'\(address)' is not an address such as :8080 or 127.0.0.1:8080")
        }
        let load = ServerLoad()
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: self.backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard load.enter(channel) else { throw ChannelError.ioOnClosedChannel }
                    let pipeline = channel.pipeline.syncOperations
                    if let tls = options.tls { try pipeline.addHandler(NIOSSLServerHandler(context: tls())) }
                    try pipeline.addHandler(IdleStateHandler(allTimeout: self.idleLimit))
                    try pipeline.configureHTTPServerPipeline()
                    try pipeline.addHandler(AnswerHandler(options.bodyByteLimit, load, answer))
                }
            }
        do {
            if host.isEmpty {
                // All addresses of both families where the machine has IPv6.
                if let both = try? await bootstrap.bind(host: "::", port: port).get() { return both }
                return try await bootstrap.bind(host: "0.0.0.0", port: port).get()
            }
            return try await bootstrap.bind(host: host, port: port).get()
        } catch {
            throw ClusterConfigurationError("cannot listen on \(address): \(error)")
        }
    }

    static func parse(_ address: String) -> (host: String, port: Int)? {
        guard let colon = address.lastIndex(of: ":") else { return nil }
        guard let port = Int(address[address.index(after: colon)...]), (0...65_535).contains(port) else { return nil }
        var host = address[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        return (String(host), port)
    }
}

/// What all connections to one server hold together.
private final class ServerLoad: Sendable {
    private let connectionCount = Atomic(0)
    private let byteCount = Atomic(0)

    /// Counts a connection until it is closed; false when there are too many.
    func enter(_ channel: any Channel) -> Bool {
        let count = self.connectionCount.add(1, ordering: .relaxed).newValue
        channel.closeFuture.whenComplete { _ in self.connectionCount.subtract(1, ordering: .relaxed) }
        return count <= HTTPServer.connectionLimit
    }

    /// Room for so many bytes more; false when there is none.
    func take(_ count: Int) -> Bool {
        guard self.byteCount.add(count, ordering: .relaxed).newValue > HTTPServer.bufferByteLimit else { return true }
        self.give(count)
        return false
    }

    func give(_ count: Int) {
        self.byteCount.subtract(count, ordering: .relaxed)
    }
}

private final class AnswerHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let bodyByteLimit: Int
    private let load: ServerLoad
    private let answer: @Sendable (HTTPServer.Request) -> HTTPServer.Answer
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []
    /// Why the rest of the body is not read.
    private var refusal: HTTPServer.Answer?

    init(
        _ bodyByteLimit: Int,
        _ load: ServerLoad,
        _ answer: @escaping @Sendable (HTTPServer.Request) -> HTTPServer.Answer
    ) {
        self.bodyByteLimit = bodyByteLimit
        self.load = load
        self.answer = answer
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch self.unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            self.refusal = nil
        case .body(let part): self.append(part)
        case .end:
            guard let head = self.head else { return }
            self.head = nil
            let path = head.uri.split(separator: "?", maxSplits: 1).first.map(String.init) ?? "/"
            let request = HTTPServer.Request(method: head.method, path: path, body: self.body)
            self.drop()
            self.respond(self.refusal ?? self.answer(request), to: head, context)
        }
    }

    private func append(_ part: ByteBuffer) {
        guard self.refusal == nil else { return }
        if self.body.count + part.readableBytes > self.bodyByteLimit {
            self.refusal = .tooLarge
        } else if !self.load.take(part.readableBytes) {
            self.refusal = .overloaded
        } else {
            self.body.append(contentsOf: part.readableBytesView)
            return
        }
        self.drop()
    }

    private func drop() {
        self.load.give(self.body.count)
        self.body = []
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.drop()
        context.fireChannelInactive()
    }

    private func respond(_ answer: HTTPServer.Answer, to request: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let body = context.channel.allocator.buffer(bytes: answer.body)
        var head = HTTPResponseHead(version: request.version, status: .init(statusCode: answer.code))
        head.headers.add(name: "Content-Type", value: answer.contentType)
        head.headers.add(name: "Content-Length", value: String(body.readableBytes))
        if !request.isKeepAlive { head.headers.add(name: "Connection", value: "close") }
        context.write(self.wrapOutboundOut(.head(head)), promise: nil)
        if request.method != .HEAD { context.write(self.wrapOutboundOut(.body(.byteBuffer(body))), promise: nil) }
        let end = context.writeAndFlush(self.wrapOutboundOut(.end(nil)))
        if !request.isKeepAlive {
            let channel = context.channel
            end.whenComplete { _ in channel.close(promise: nil) }
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent { context.close(promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
