import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

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
    }

    /// What a server is made of.
    struct Options: Sendable {
        /// Bodies above this are refused.
        var bodyByteLimit = 0
        /// TLS for each new connection; `nil` for none.
        var tls: (@Sendable () throws -> NIOSSLContext)?
    }

    /// Scrapers, kubelets and API servers open few connections.
    private static let backlog: Int32 = 64
    private static let idleLimit = TimeAmount.seconds(60)

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
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: self.backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if let tls = options.tls { try pipeline.addHandler(NIOSSLServerHandler(context: try tls())) }
                    try pipeline.addHandler(IdleStateHandler(allTimeout: self.idleLimit))
                    try pipeline.configureHTTPServerPipeline()
                    try pipeline.addHandler(AnswerHandler(bodyByteLimit: options.bodyByteLimit, answer: answer))
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

private final class AnswerHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let bodyByteLimit: Int
    private let answer: @Sendable (HTTPServer.Request) -> HTTPServer.Answer
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []
    private var isTooLarge = false

    init(bodyByteLimit: Int, answer: @escaping @Sendable (HTTPServer.Request) -> HTTPServer.Answer) {
        self.bodyByteLimit = bodyByteLimit
        self.answer = answer
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch self.unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            self.body = []
            self.isTooLarge = false
        case .body(let part):
            self.isTooLarge = self.isTooLarge || self.body.count + part.readableBytes > self.bodyByteLimit
            if !self.isTooLarge { self.body.append(contentsOf: part.readableBytesView) }
        case .end:
            guard let head = self.head else { return }
            self.head = nil
            let path = head.uri.split(separator: "?", maxSplits: 1).first.map(String.init) ?? "/"
            let request = HTTPServer.Request(method: head.method, path: path, body: self.body)
            self.body = []
            self.respond(self.isTooLarge ? .tooLarge : self.answer(request), to: head, context)
        }
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
