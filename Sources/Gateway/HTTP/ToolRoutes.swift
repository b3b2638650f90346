internal import HTTPTypes
internal import Hummingbird
internal import Support

/// Calling tools by REST (`gateway.md` 5).
enum ToolRoutes {
    static let all = [
        Route("/tools/call", access: .client, [.post: { try await call($0, $1) }])
    ]

    /// POST /tools/call
    private static func call(_ request: Request, _ call: RouteCall) async throws -> Response {
        let body = try await request.bodyBytes(upTo: call.services.settings.maximumBodyByteCount)
        let (name, arguments) = try self.parse(body)
        var context = CallContext(
            principal: call.principal,
            idempotencyKey: try self.idempotencyKey(request),
            headers: TraceHeaders.of(request.headers),
            checksStrictly: call.services.settings.checksArgumentsStrictly
        )
        call.services.service.tracer?.begin(&context, tool: name, route: "/tools/call")
        defer { context.span?.end() }
        do throws(CallError) {
            let receipt = try await call.services.service.call(name, arguments: arguments, context: context)
            // The caller's word counts more than the tool's.
            let waits = request.uri.queryParameters["wait"].map { $0 == "true" } ?? (receipt.tool.response == .wait)
            guard waits else { return .json(receipt.result(withStructuredContent: true)) }
            return await self.waited(receipt, call)
        } catch {
            return self.answer(error)
        }
    }

    private static func parse(_ body: [UInt8]) throws -> (name: String, arguments: RawJSON?) {
        let invalid = RequestRefusal(.badRequest, "Invalid request body")
        guard let root = JSONDocument(body)?.root, root.kind == .object || root.isNull else { throw invalid }
        var name = ""
        if let element = root["name"], !element.isNull {
            guard let text = element.string else { throw invalid }
            name = text
        }
        let arguments = root["arguments"]
        guard arguments == nil || arguments?.isNull == true || arguments?.kind == .object else { throw invalid }
        guard !name.isEmpty else { throw RequestRefusal(.badRequest, "Tool name is required") }
        return (name, arguments.flatMap { $0.isNull ? nil : $0.raw })
    }

    private static func answer(_ error: CallError) -> Response {
        switch error {
        case .unknownTool: .error(.notFound, error.description)
        case .tool: .json(error.result)
        case .keyConflict: .error(.conflict, error.description)
        case .rateLimited(let seconds):
            .error(.tooManyRequests, error.description, headers: [.retryAfter: String(seconds)])
        }
    }

    /// The pipeline's result as the answer (`gateway.md` 25.7); when it cannot be had, the envelope's addresses.
    private static func waited(_ receipt: CallReceipt, _ call: RouteCall) async -> Response {
        let service = call.services.service
        guard let updates = try? await service.updates(of: receipt.envelopeID) else {
            return .json(receipt.result(withStructuredContent: true))
        }
        // Nobody waits any more: without a deadline that might last for ever.
        let watch = call.connection.whenClientLeaves { updates.end() }
        defer { watch.cancel() }
        guard let record = try? await service.waitForEnd(of: receipt.envelopeID, updates) else {
            return .json(receipt.result(withStructuredContent: true))
        }
        return .json(record.callResult(withStructuredContent: true))
    }

    /// Longest key; a UUID has 36 bytes.
    static let maximumKeyByteCount = 255

    private static func idempotencyKey(_ request: Request) throws -> String? {
        guard let key = request.headers[.idempotencyKey], !key.isEmpty else { return nil }
        guard key.utf8.count <= self.maximumKeyByteCount else {
            throw RequestRefusal(.badRequest, "Idempotency-Key is longer than \(self.maximumKeyByteCount) bytes")
        }
        return key
    }
}

extension HTTPField.Name {
    static let idempotencyKey = HTTPField.Name("Idempotency-Key").unsafelyKnown
    static let lastEventID = HTTPField.Name("Last-Event-ID").unsafelyKnown
    static let traceState = HTTPField.Name("tracestate").unsafelyKnown
    static let traceParent = HTTPField.Name("traceparent").unsafelyKnown
    static let baggage = HTTPField.Name("baggage").unsafelyKnown
    static let xAccelBuffering = HTTPField.Name("X-Accel-Buffering").unsafelyKnown
}

extension HTTPField.Name? {
    /// For constant names.
    fileprivate var unsafelyKnown: HTTPField.Name {
        guard let name = self else { preconditionFailure("a constant header name is a valid token") }
        return name
    }
}

extension EnvelopeRecord {
    /// A finished envelope as a `CallToolResult`: its result as text and structure, failures with `isError`.
    ///
    /// A result that is an MCP result itself, an object with an array of content blocks, is passed through.
    public func callResult(withStructuredContent: Bool) -> RawJSON {
        let hasFailed = self.state.status != .succeeded
        if !hasFailed, let result = self.result, Self.isCallResult(result) { return result }
        var writer = JSONWriter(capacity: 256 + (self.result?.bytes.count ?? 0) * 2)
        writer.beginObject()
        writer.name("content")
        writer.beginArray()
        writer.beginObject()
        writer.member("type", "text")
        writer.name("text")
        writer.string(hasFailed ? self.state.error ?? "Envelope failed" : (self.result ?? .null).text)
        writer.endObject()
        writer.endArray()
        let isObject = self.result?.bytes.first == UInt8(ascii: "{")
        if withStructuredContent, isObject { writer.member("structuredContent", json: self.result) }
        if hasFailed {
            writer.name("isError")
            writer.bool(true)
        }
        writer.endObject()
        return RawJSON(trusted: writer.bytes)
    }

    private static let blockTypes: Set<String> = ["text", "image", "audio", "resource"]

    private static func isCallResult(_ result: RawJSON) -> Bool {
        guard let root = result.document?.root, let blocks = root["content"]?.elements, !blocks.isEmpty else {
            return false
        }
        return blocks.allSatisfy { block in block["type"]?.string.map(self.blockTypes.contains) ?? false }
    }
}
