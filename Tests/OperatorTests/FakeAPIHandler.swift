import NIOCore
import NIOHTTP1
import Support

@testable import Operator

/// The HTTP side of `FakeAPI`.
final class FakeAPIHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let api: FakeAPI
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []
    private var watchNumber: Int?

    init(api: FakeAPI) {
        self.api = api
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch self.unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            self.body = []
        case .body(let part): self.body.append(contentsOf: part.readableBytesView)
        case .end:
            guard let head = self.head else { return }
            let text = String(decoding: self.body, as: UTF8.self)
            let body = (try? JSONValue(parsing: text, byteLimit: 4 << 20)) ?? .null
            self.respond(self.api.answer(head.method.rawValue, head.uri, body), context)
        }
    }

    private func respond(_ answer: FakeAPI.Answer, _ context: ChannelHandlerContext) {
        switch answer {
        case .body(let code, let value, let retryAfter):
            self.whole(code, value.canonicalBytes, retryAfter, context)
        case .text(let code, let text): self.whole(code, Array(text.utf8), nil, context)
        case .cut(let value, let count):
            let bytes = value.canonicalBytes
            self.head(200, length: bytes.count, context)
            self.write(Array(bytes.prefix(count)), context)
            context.flush()
            context.close(promise: nil)
        case .close: context.close(promise: nil)
        case .watch(let path, let version, let isExpired):
            self.head(200, length: nil, context)
            context.flush()
            if isExpired {
                self.write(FakeAPI.line("ERROR", ["kind": "Status", "code": 410, "reason": "Expired"]), context)
                context.writeAndFlush(self.wrapOutboundOut(.end(nil)), promise: nil)
                return
            }
            let number = Int.random(in: 0..<(.max))
            self.watchNumber = number
            self.api.watch(path, from: version, number: number, context.channel)
        }
    }

    /// From any thread.
    static func send(_ bytes: [UInt8], to channel: any Channel) {
        let part = HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(bytes: bytes)))
        channel.writeAndFlush(part, promise: nil)
    }

    private func whole(_ code: Int, _ bytes: [UInt8], _ retryAfter: String?, _ context: ChannelHandlerContext) {
        self.head(code, length: bytes.count, retryAfter: retryAfter, context)
        self.write(bytes, context)
        context.writeAndFlush(self.wrapOutboundOut(.end(nil)), promise: nil)
    }

    private func head(_ code: Int, length: Int?, retryAfter: String? = nil, _ context: ChannelHandlerContext) {
        var head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: code))
        if let length {
            head.headers.add(name: "Content-Length", value: String(length))
        } else {
            head.headers.add(name: "Transfer-Encoding", value: "chunked")
        }
        if let retryAfter { head.headers.add(name: "Retry-After", value: retryAfter) }
        context.write(self.wrapOutboundOut(.head(head)), promise: nil)
    }

    private func write(_ bytes: [UInt8], _ context: ChannelHandlerContext) {
        context.write(self.wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: bytes)))), promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        if let number = self.watchNumber { self.api.unwatch(number) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
