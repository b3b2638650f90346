internal import HTTPTypes
internal import Hummingbird
internal import Support

/// Listing and looking around (`gateway.md` 25.8), for the page and for scripts.
enum APIRoutes {
    static let all = [
        Route("/api/v1/envelopes", access: .client, [.get: { try await list($0, $1) }]),
        Route("/api/v1/envelopes/{id}/children", access: .client, [.get: { try await children($0, $1) }]),
        Route("/api/v1/envelopes/{id}/updates", access: .client, [.get: { try await updates($0, $1) }]),
        Route("/api/v1/envelopes/{id}/resend", access: .client, [.post: { try await resend($0, $1) }]),
        Route("/api/v1/tools", access: .client, [.get: { try await tools($0, $1) }]),
    ]

    /// GET /api/v1/envelopes
    private static func list(_ request: Request, _ call: RouteCall) async throws -> Response {
        var query = try EnvelopeQuery(request.uri.queryParameters)
        query.principal = call.principal
        return try await self.page(query, call)
    }

    /// GET /api/v1/envelopes/{id}/children
    private static func children(_ request: Request, _ call: RouteCall) async throws -> Response {
        _ = try await EnvelopeRoutes.visible(call)
        var query = try EnvelopeQuery(request.uri.queryParameters)
        query.parentID = call.id
        return try await self.page(query, call)
    }

    private static func page(_ query: EnvelopeQuery, _ call: RouteCall) async throws -> Response {
        let (records, next) = try await call.services.service.list(query)
        var writer = JSONWriter(capacity: 1024 * (records.count + 1))
        writer.beginObject()
        writer.name("envelopes")
        writer.beginArray()
        for record in records { record.write(to: &writer, withContent: false) }
        writer.endArray()
        writer.member("next_cursor", next.map { $0.text })
        writer.endObject()
        return .json(RawJSON(trusted: writer.bytes))
    }

    /// Entries per page of a history.
    private static let updatesLimit = 500

    /// GET /api/v1/envelopes/{id}/updates
    private static func updates(_ request: Request, _ call: RouteCall) async throws -> Response {
        _ = try await EnvelopeRoutes.visible(call)
        let after = try QueryText.integer(request.uri.queryParameters, "after", in: 0...Int.max) ?? 0
        let updates = try await call.services.store.updates(of: call.id, after: Int64(after), limit: self.updatesLimit)
        var writer = JSONWriter(capacity: 256 * (updates.count + 1))
        writer.beginObject()
        writer.name("updates")
        writer.beginArray()
        for update in updates { update.write(to: &writer) }
        writer.endArray()
        if updates.count == self.updatesLimit { writer.member("next_after", updates.last.map { Int($0.historyID) }) }
        writer.endObject()
        return .json(RawJSON(trusted: writer.bytes))
    }

    /// POST /api/v1/envelopes/{id}/resend
    private static func resend(_ request: Request, _ call: RouteCall) async throws -> Response {
        _ = try await EnvelopeRoutes.visible(call)
        let context = CallContext(principal: call.principal)
        guard let id = try await call.services.service.resend(call.id, context: context) else {
            throw RequestRefusal(.notFound, "Envelope not found")
        }
        var writer = JSONWriter(capacity: 64)
        writer.beginObject()
        writer.member("envelope_id", id)
        writer.endObject()
        return .json(RawJSON(trusted: writer.bytes), status: .created)
    }

    /// GET /api/v1/tools
    private static func tools(_ request: Request, _ call: RouteCall) async throws -> Response {
        let snapshot = call.services.service.catalog.current
        var writer = JSONWriter(capacity: 1024)
        writer.beginObject()
        writer.name("tools")
        writer.beginArray()
        for tool in snapshot.tools {
            writer.beginObject()
            writer.member("name", tool.name)
            writer.member("description", tool.description)
            writer.member("inputSchema", json: tool.inputSchema)
            writer.member("outputSchema", json: tool.outputSchema)
            writer.name("actors")
            writer.strings(tool.actors)
            writer.member("timeout_seconds", tool.timeoutSeconds)
            writer.name("progress")
            writer.bool(tool.offersProgress)
            writer.member("response", tool.response.rawValue)
            writer.endObject()
        }
        writer.endArray()
        writer.member("generation", snapshot.generation)
        writer.endObject()
        return .json(RawJSON(trusted: writer.bytes))
    }
}

extension GatewayServices {
    var store: any EnvelopeStore { self.service.store }
}

extension EnvelopeQuery {
    /// Reads the query string of a list.
    init(_ parameters: Parameters) throws {
        self.init()
        if let status = QueryText.text(parameters, "status") {
            guard let known = EnvelopeStatus(rawValue: status) else {
                throw RequestRefusal(.badRequest, "status is not one of pending, running, succeeded, failed, unknown")
            }
            self.status = known
        }
        self.tool = QueryText.text(parameters, "tool")
        self.actor = QueryText.text(parameters, "actor")
        self.parentID = QueryText.text(parameters, "parent_id")
        self.createdAfter = try QueryText.time(parameters, "created_after")
        self.createdBefore = try QueryText.time(parameters, "created_before")
        let limit = try QueryText.integer(parameters, "limit", in: 1...EnvelopeQuery.maximumLimit)
        self.limit = limit ?? EnvelopeQuery.defaultLimit
        if let text = QueryText.text(parameters, "cursor") {
            guard let cursor = EnvelopeCursor(parsing: text) else {
                throw RequestRefusal(.badRequest, "cursor is not one that this gateway gave out")
            }
            self.cursor = cursor
        }
    }
}

/// Values of a query string.
enum QueryText {
    static func text(_ parameters: Parameters, _ name: String) -> String? {
        guard let text = parameters[Substring(name)], !text.isEmpty else { return nil }
        return String(text)
    }

    static func integer(_ parameters: Parameters, _ name: String, in bounds: ClosedRange<Int>) throws -> Int? {
        guard let text = self.text(parameters, name) else { return nil }
        guard let value = Int(text), bounds.contains(value) else {
            throw RequestRefusal(
                .badRequest,
                "\(name) is not a number from \(bounds.lowerBound) to \(bounds.upperBound)"
            )
        }
        return value
    }

    static func time(_ parameters: Parameters, _ name: String) throws -> EpochTime? {
        guard let text = self.text(parameters, name) else { return nil }
        guard let time = EpochTime(parsing: text) else {
            throw RequestRefusal(.badRequest, "\(name) is not a time such as 2026-01-02T03:04:05Z")
        }
        return time
    }
}
