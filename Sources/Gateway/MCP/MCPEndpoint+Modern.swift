internal import Hummingbird
internal import Logging
internal import MCP
internal import NIOCore

/// The modern era: every request stands alone (`gateway.md` 16 to 22).
extension MCPEndpoint {
    func serveModern(_ document: JSONTree, body: [UInt8], _ caller: MCPCaller) async -> Response {
        switch ModernRequest.judge(document, body: body, headers: caller.headers) {
        case .refuse(let fault): return MCPAnswer.failure(fault.error, to: fault.id, era: .modern)
        case .acknowledgeNotification: return MCPAnswer.accepted
        case .serve(let request):
            do {
                return try await self.dispatch(request, caller)
            } catch let error as RPCError {
                return MCPAnswer.failure(error, to: request.id, era: .modern)
            } catch {
                return self.internalError(error, method: request.method, to: request.id, era: .modern)
            }
        }
    }

    /// A fault of ours: the client learns that, the log learns what.
    func internalError(_ error: any Error, method: String, to id: MessageID?, era: Era) -> Response {
        self.logger.error("MCP request failed", metadata: ["method": "\(method)", "error": "\(error)"])
        return MCPAnswer.failure(RPCError(.internalError, "internal error"), to: id, era: era)
    }

    private func dispatch(_ request: ModernRequest, _ caller: MCPCaller) async throws -> Response {
        switch request.method {
        case "tools/call": return try await self.call(ToolCall(request, caller), caller)
        case "subscriptions/listen": return try await self.listen(request, caller)
        default: break
        }
        let result = try await self.result(of: request, caller)
        let message = RPCResponse.result(result, to: request.id)
        switch (caller.media.json, caller.media.eventStream) {
        case (true, _): return MCPAnswer.json(message)
        case (false, true): return MCPAnswer.stream(message, self.service.metrics)
        case (false, false): return Response.error(.notAcceptable, "Not acceptable")
        }
    }

    private func result(of request: ModernRequest, _ caller: MCPCaller) async throws -> [UInt8] {
        let lifetime = ServerDescription.listTTLMilliseconds
        switch request.method {
        case "server/discover": return self.server.discovery.bytes
        case "tools/list":
            return try self.tools.list(params: request.params, version: .july2026, description: self.server).bytes
        case "resources/list":
            try self.requireNoCursor(request.params)
            return self.server.cacheable([("resources", [])], ttlMilliseconds: lifetime).bytes
        case "resources/templates/list":
            try self.requireNoCursor(request.params)
            return self.server.cacheable([("resourceTemplates", Self.templates)], ttlMilliseconds: lifetime).bytes
        case "resources/read": return try await self.readResource(request.params, caller).bytes
        case "tasks/get": return try await self.taskDocument(try await self.task(request, caller), caller)
        case "tasks/update":
            _ = try await self.task(request, caller)
            return Self.emptyResult
        case "tasks/cancel":
            let record = try await self.task(request, caller)
            _ = try await self.service.cancel(record.state.id)
            return Self.emptyResult
        default: throw RPCError.methodNotFound(request.method)
        }
    }

    private static let emptyResult: [UInt8] = Array(#"{"resultType":"complete"}"#.utf8)

    // MARK: Resources (gateway.md 21)

    private static let templates: JSONTree = [
        [
            "uriTemplate": .string(Subscription.resourcePrefix + "{id}"), "name": "envelope",
            "title": "State of an envelope", "mimeType": "application/json",
            "description": "The envelope of a tool call: its route, progress, result or error.",
        ]
    ]

    /// Lists of one page know no cursor.
    private func requireNoCursor(_ params: JSONObject) throws(RPCError) {
        guard params["cursor"] == nil else { throw RPCError(.invalidParams, "invalid cursor") }
    }

    private func readResource(_ params: JSONObject, _ caller: MCPCaller) async throws -> JSONTree {
        guard let uri = params["uri"]?.string else { throw RPCError(.invalidParams, "uri must be a string") }
        guard let id = Subscription.envelopeID(ofResource: uri), let record = try await self.service.load(id),
            caller.maySee(record)
        else { throw RPCError(.invalidParams, "unknown resource") }
        let text = record.document.text
        let contents: JSONTree = [["uri": .string(uri), "mimeType": "application/json", "text": .string(text)]]
        // An envelope moves until its end.
        let lifetime = record.state.status.isTerminal ? ServerDescription.listTTLMilliseconds : 0
        return self.server.cacheable([("contents", contents)], ttlMilliseconds: lifetime)
    }

    // MARK: Tasks (gateway.md 22)

    private func task(_ request: ModernRequest, _ caller: MCPCaller) async throws -> EnvelopeRecord {
        guard request.meta.declares(extension: TasksExtension.name) else {
            throw RPCError.missingCapability(extension: TasksExtension.name)
        }
        guard let id = request.params["taskId"]?.string else {
            throw RPCError(.invalidParams, "taskId must be a string")
        }
        guard let record = try await self.service.load(id), caller.maySee(record) else {
            throw RPCError(.invalidParams, "unknown task")
        }
        return record
    }

    private func taskDocument(_ record: EnvelopeRecord, _ caller: MCPCaller) async throws -> [UInt8] {
        let task = TaskDocument(record, lifetime: self.configuration.taskLifetime)
        return self.server.signed(task.answer(result: self.callResult(record, version: .july2026)))
    }

    /// The `CallToolResult` of an envelope that ended.
    func callResult(_ record: EnvelopeRecord, version: ProtocolVersion) -> [UInt8]? {
        guard let outcome = EnvelopeOutcome(record) else { return nil }
        let tool = record.tool.flatMap { name in
            self.tools.current.byName[name].map { self.tools.current.tools[$0].interface }
        }
        return outcome.callResult(tool: tool, version: version).encoded(for: version)
    }
}
