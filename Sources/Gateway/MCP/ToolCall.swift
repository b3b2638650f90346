internal import HummingbirdCore
internal import MCP

/// A `tools/call` of either era.
struct ToolCall: Sendable {
    var id: MessageID
    var era: Era
    var version: ProtocolVersion
    var params: JSONObject
    var argumentsBytes: [UInt8]?
    var meta: JSONObject
    var progressToken: JSONTree?
    var clientHasTasks: Bool
    /// `nil` in the modern era.
    var session: String?
    var media: AcceptedMedia

    var arguments: JSONTree? { self.params["arguments"] }

    init(_ request: ModernRequest, _ caller: MCPCaller) {
        self.id = request.id
        self.era = .modern
        self.version = .july2026
        self.params = request.params
        self.argumentsBytes = request.argumentsBytes
        self.meta = request.meta.members
        self.progressToken = request.meta.progressToken
        self.clientHasTasks = request.meta.declares(extension: TasksExtension.name)
        self.session = nil
        self.media = caller.media
    }

    /// The original ignores `Accept`: a client that does not name event streams just gets none.
    init(
        _ message: IncomingMessage,
        id: MessageID,
        version: ProtocolVersion,
        session: String?,
        _ caller: MCPCaller
    ) throws(RPCError) {
        self.id = id
        self.era = .legacy
        self.version = version
        self.params = message.params
        self.argumentsBytes = message.argumentsBytes
        self.meta = message.meta
        self.progressToken = try RequestMeta.progressToken(of: message.meta)
        self.clientHasTasks = false
        self.session = session
        let named = caller.headers.first("Accept")?.lowercased().contains("text/event-stream") ?? false
        self.media = AcceptedMedia(json: true, eventStream: named)
    }

    /// What the envelope is told about its caller.
    func context(_ caller: MCPCaller) throws(RPCError) -> CallContext {
        var context = CallContext(principal: caller.principal)
        if let key = self.meta[MetaKey.idempotencyKey] {
            guard let text = key.string, (1...256).contains(text.utf8.count) else {
                throw RPCError(.invalidParams, "\(MetaKey.idempotencyKey) must be a string of 1 to 256 bytes")
            }
            context.idempotencyKey = text
        }
        // A message may come through a proxy that has a trace of its own: what the message says is nearer to the caller.
        let own = RequestMeta.traceContext(of: self.meta)
        if own[TraceHeaders.parent] == nil { context.headers = TraceHeaders.of(caller.request.headers) }
        for (name, value) in own { context.headers[name] = RawJSON(checking: JSONTree.string(value).bytes) }
        return context
    }
}
