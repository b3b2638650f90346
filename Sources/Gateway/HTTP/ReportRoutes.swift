internal import HTTPTypes
internal import Hummingbird
internal import Support

/// What sidecars report (`gateway.md` 7).
enum ReportRoutes {
    static let all = [
        Route("/envelopes", access: .sidecar, [.post: { try await registerChild($0, $1) }]),
        Route("/envelopes/{id}/progress", access: .sidecar, [.post: { try await progress($0, $1) }]),
        Route("/envelopes/{id}/final", access: .sidecar, [.post: { try await final($0, $1) }]),
    ]

    /// POST /envelopes/{id}/progress
    private static func progress(_ request: Request, _ call: RouteCall) async throws -> Response {
        let body = try await request.bodyBytes(upTo: call.services.settings.maximumBodyByteCount)
        guard let report = ProgressReport(parsing: body) else { throw self.invalidBody }
        let outcome = try await call.services.service.progress(report, of: call.id)
        switch outcome {
        case .unknownEnvelope: throw RequestRefusal(.notFound, "Failed to get envelope")
        case .ignored(let state): return self.progressAnswer(state, isIgnored: true)
        case .applied(let state): return self.progressAnswer(state, isIgnored: false)
        }
    }

    private static func progressAnswer(_ state: EnvelopeState, isIgnored: Bool) -> Response {
        var writer = JSONWriter(capacity: 64)
        writer.beginObject()
        writer.member("status", "ok")
        writer.name("progress_percent")
        writer.number(state.progressPercent)
        if isIgnored {
            writer.name("ignored")
            writer.bool(true)
        }
        writer.endObject()
        return .json(RawJSON(trusted: writer.bytes))
    }

    /// POST /envelopes/{id}/final
    private static func final(_ request: Request, _ call: RouteCall) async throws -> Response {
        let body = try await request.bodyBytes(upTo: call.services.settings.maximumBodyByteCount)
        guard let root = JSONDocument(body)?.root, root.kind == .object else { throw self.invalidBody }
        let status = root["status"]?.string
        guard status == "succeeded" || status == "failed" else {
            throw RequestRefusal(.badRequest, "Invalid status: must be 'succeeded' or 'failed'")
        }
        guard let report = FinalReport(root, hasSucceeded: status == "succeeded") else { throw self.invalidBody }
        switch try await call.services.service.final(report, of: call.id) {
        case .unknownEnvelope: throw RequestRefusal(.internalServerError, "Failed to update envelope")
        case .ignored: return .json(RawJSON(trusted: Array("{\"status\":\"ok\",\"ignored\":true}".utf8)))
        case .applied: return .json(RawJSON(trusted: Array("{\"status\":\"ok\"}".utf8)))
        }
    }

    /// POST /envelopes
    private static func registerChild(_ request: Request, _ call: RouteCall) async throws -> Response {
        let body = try await request.bodyBytes(upTo: call.services.settings.maximumBodyByteCount)
        guard let child = ChildRegistration(parsing: body) else { throw self.invalidBody }
        guard !child.id.isEmpty else { throw RequestRefusal(.badRequest, "Missing required field: id") }
        let outcome = try await call.services.service.registerChild(
            id: child.id,
            parentID: child.parentID,
            actors: child.actors,
            current: child.current
        )
        switch outcome {
        case .created: return self.registered("created", child.id, .created)
        case .exists(let parentID) where parentID != nil && parentID == child.parentID:
            return self.registered("exists", child.id, .ok)
        case .exists, .repeated, .keyConflict:
            throw RequestRefusal(.conflict, "Failed to create envelope: \(child.id) already exists")
        }
    }

    private static func registered(_ status: String, _ id: String, _ code: HTTPResponse.Status) -> Response {
        var writer = JSONWriter(capacity: 64)
        writer.beginObject()
        writer.member("status", status)
        writer.member("id", id)
        writer.endObject()
        return .json(RawJSON(trusted: writer.bytes), status: code)
    }

    private static let invalidBody = RequestRefusal(.badRequest, "Invalid request body")
}
