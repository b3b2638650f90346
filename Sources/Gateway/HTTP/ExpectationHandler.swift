internal import NIOCore
internal import NIOHTTP1

/// Answers `Expect: 100-continue` (RFC 9110, 10.1.1): curl and others hold a large body back until they are asked for it,
/// and lose a second when nobody asks. A body that is too large is not asked for. One per connection, on its event loop.
final class ExpectationHandler: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private let bodyLimit: Int
    /// Requests without a complete answer: nothing may be written into the answer of another.
    private var openCount = 0

    /// - Parameter bodyLimit: largest body in bytes.
    init(bodyLimit: Int) {
        self.bodyLimit = bodyLimit
    }

    /// Puts itself where requests and answers are still those of the wire.
    func add(to channel: any Channel) throws {
        let pipeline = channel.pipeline.syncOperations
        let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
        try pipeline.addHandler(self, position: .after(decoder))
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .head(let request) = self.unwrapInboundIn(data) {
            if self.openCount == 0, self.isAwaited(request) {
                let answer = HTTPResponseHead(version: request.version, status: .continue)
                context.writeAndFlush(self.wrapOutboundOut(.head(answer)), promise: nil)
            }
            self.openCount += 1
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .end = self.unwrapOutboundIn(data) { self.openCount -= 1 }
        context.write(data, promise: promise)
    }

    /// HTTP/1.0 knows no such answer.
    private func isAwaited(_ request: HTTPRequestHead) -> Bool {
        guard let expectation = request.headers.first(name: "Expect"), expectation.lowercased() == "100-continue",
            request.version == .http1_1
        else { return false }
        return (request.headers.first(name: "Content-Length").flatMap { Int($0) } ?? 0) <= self.bodyLimit
    }
}
