internal import Hummingbird
internal import MCP
internal import NIOCore
internal import Support

/// `tools/call` in both eras (`gateway.md` 5, 19.5, 22, 25.6, 25.7).
extension MCPEndpoint {
    func call(_ call: ToolCall, _ caller: MCPCaller) async throws -> Response {
        guard let name = call.params["name"]?.string else { throw RPCError(.invalidParams, "name must be a string") }
        let snapshot = self.tools.current
        guard let tool = snapshot.byName[name].map({ snapshot.tools[$0] }) else {
            self.service.metrics.refused(.unknownTool)
            throw Self.unknownTool(name)
        }
        if call.era == .modern {
            try tool.interface.parameterHeaders.check(arguments: call.arguments, headers: caller.headers)
            guard call.media.json || call.media.eventStream else {
                return Response.error(.notAcceptable, "Not acceptable")
            }
        }
        let plan = try CallPlan.decide(
            tool: tool.interface,
            requested: call.meta[MetaKey.response],
            clientHasTasks: call.clientHasTasks
        )
        var context = try call.context(caller)
        self.service.tracer?.begin(&context, tool: name, route: "/mcp")
        defer { context.span?.end() }
        if let problem = ArgumentCheck.problem(with: call.arguments, of: tool) {
            self.service.metrics.refused(.badArguments)
            context.span?.failed(.badArguments)
            return self.answer(.failure(problem), to: call)
        }
        let receipt: CallReceipt
        do throws(CallError) {
            let arguments = call.argumentsBytes.flatMap(RawJSON.init(checking:))
            receipt = try await self.service.call(name, arguments: arguments, context: context)
        } catch {
            if case .unknownTool = error { throw Self.unknownTool(name) }
            return self.answer(.failure(error.description), to: call)
        }
        switch plan {
        case .answerAtOnce: return self.answer(CallResult(receipt), to: call)
        case .task: return try await self.answerTask(receipt, to: call)
        case .wait: return try await self.wait(for: receipt.envelopeID, call, caller)
        }
    }

    /// The original's text, which clients match.
    private static func unknownTool(_ name: String) -> RPCError {
        RPCError(.invalidParams, "tool '\(name)' not found: tool not found")
    }

    private func answer(_ result: CallResult, to call: ToolCall) -> Response {
        self.answer(result.encoded(for: call.version), to: call)
    }

    /// JSON unless the client refuses it.
    private func answer(_ result: [UInt8], to call: ToolCall) -> Response {
        let result = call.era == .modern ? self.server.signed(result) : result
        let message = RPCResponse.result(result, to: call.id)
        guard !call.media.json else { return MCPAnswer.json(message) }
        return MCPAnswer.stream(message, self.service.metrics)
    }

    private func answerTask(_ receipt: CallReceipt, to call: ToolCall) async throws -> Response {
        guard let record = try await self.service.load(receipt.envelopeID) else {
            throw RPCError(.internalError, "the task is gone")
        }
        let task = TaskDocument(record, lifetime: self.configuration.taskLifetime)
        return self.answer(task.created.bytes, to: call)
    }
}

extension CallResult {
    /// The answer of a call that runs on (`gateway.md` 5.1).
    init(_ receipt: CallReceipt) {
        let document = receipt.document
        self.init(content: [Self.textBlock(document.text)], structured: document.bytes)
    }
}
