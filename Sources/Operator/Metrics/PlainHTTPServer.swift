import NIOCore
import NIOHTTP1
import NIOPosix

/// Answers GET requests with short texts: metrics and probes. No authentication, as in the original (operator.md 15).
enum PlainHTTPServer {
    /// A text and its status code.
    struct Answer: Sendable {
        var code: Int
        var contentType = "text/plain; charset=utf-8"
        var body: String

        static let notFound = Answer(code: 404, body: "404 page not found\n")
    }

    /// Scrapers and kubelets open few connections.
    private static let backlog: Int32 = 64
    private static let idleLimit = TimeAmount.seconds(60)

    /// Binds `address` (`:8080`, `127.0.0.1:0`, `[::1]:80`) and serves until the channel is closed.
    static func start(
        address: String,
        group: any EventLoopGroup,
        answer: @escaping @Sendable (_ path: String) -> Answer
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
                    try pipeline.addHandler(IdleStateHandler(allTimeout: self.idleLimit))
                    try pipeline.configureHTTPServerPipeline()
                    try pipeline.addHandler(AnswerHandler(answer: answer))
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

    private let answer: @Sendable (String) -> PlainHTTPServer.Answer
    private var head: HTTPRequestHead?

    init(answer: @escaping @Sendable (String) -> PlainHTTPServer.Answer) {
        self.answer = answer
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch self.unwrapInboundIn(data) {
        case .head(let head): self.head = head
        case .body: break
        case .end:
            guard let head = self.head else { return }
            self.head = nil
            self.respond(to: head, context)
        }
    }

    private func respond(to request: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let path = request.uri.split(separator: "?", maxSplits: 1).first.map(String.init) ?? "/"
        let isRead = request.method == .GET || request.method == .HEAD
        let answer = isRead ? self.answer(path) : PlainHTTPServer.Answer(code: 405, body: "405 method not allowed\n")
        let body = context.channel.allocator.buffer(string: answer.body)
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
