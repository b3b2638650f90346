internal import HTTPTypes
internal import Hummingbird
internal import MCP
internal import NIOCore

/// Answers of the MCP endpoint in the shapes that the protocol has.
enum MCPAnswer {
    /// One JSON-RPC message.
    static func json(_ bytes: [UInt8], status: HTTPResponse.Status = .ok) -> Response {
        .bytes(bytes, type: "application/json", status: status)
    }

    /// A JSON-RPC error with the status that its era gives it.
    static func failure(_ error: RPCError, to id: MessageID?, era: Era) -> Response {
        let code = era == .modern ? error.modernStatus : error.legacyStatus
        return self.json(error.response(to: id), status: HTTPResponse.Status(code: code))
    }

    /// 202 without body.
    static var accepted: Response { Response(status: .accepted, headers: [.contentLength: "0"]) }

    /// One JSON-RPC message as the only event of a stream.
    static func stream(_ message: [UInt8], _ metrics: GatewayMetrics) -> Response {
        self.stream(metrics) { writer in try await writer.write(ByteBuffer(bytes: EventStream.message(message))) }
    }

    /// A stream of events, written by `write`.
    static func stream(
        _ metrics: GatewayMetrics,
        _ write: @escaping @Sendable @concurrent (inout any ResponseBodyWriter) async throws -> Void
    ) -> Response {
        Response(
            status: .ok,
            headers: [
                .contentType: "text/event-stream", .cacheControl: "no-cache", .connection: "keep-alive",
                .xAccelBuffering: "no",
            ],
            body: ResponseBody { writer in
                metrics.streamOpened(.mcp)
                defer { metrics.streamClosed(.mcp) }
                // Headers leave with the first bytes: the client should know at once that the stream is open.
                try await writer.write(ByteBuffer(string: ":\n\n"))
                try await write(&writer)
                try await writer.finish(nil)
            }
        )
    }
}

extension HeaderFields {
    init(_ fields: HTTPFields) {
        self.init(fields.map { (name: $0.name.rawName, value: $0.value) })
    }
}
