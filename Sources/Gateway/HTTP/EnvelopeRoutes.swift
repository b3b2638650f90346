internal import HTTPTypes
internal import Hummingbird
internal import Support

/// Looking at an envelope (`gateway.md` 6, 8) and cancelling it (25.4).
enum EnvelopeRoutes {
    static let all = [
        Route("/envelopes/{id}", access: .client, [.get: { try await get($0, $1) }]),
        Route("/envelopes/{id}/active", access: .clientOrSidecar, [.get: { try await active($0, $1) }]),
        Route("/envelopes/{id}/stream", access: .client, [.get: { try await UpdateStream.open($0, $1) }]),
        Route("/envelopes/{id}/cancel", access: .client, [.post: { try await cancel($0, $1) }]),
    ]

    /// GET /envelopes/{id}
    private static func get(_ request: Request, _ call: RouteCall) async throws -> Response {
        .json(try await self.visible(call).document)
    }

    /// GET /envelopes/{id}/active
    private static func active(_ request: Request, _ call: RouteCall) async throws -> Response {
        let isActive = try await call.services.service.isActive(call.id)
        let document = RawJSON(trusted: Array("{\"active\":\(isActive)}".utf8))
        return .json(document, status: isActive ? .ok : .gone)
    }

    /// POST /envelopes/{id}/cancel
    private static func cancel(_ request: Request, _ call: RouteCall) async throws -> Response {
        _ = try await self.visible(call)
        switch try await call.services.service.cancel(call.id) {
        case .unknownEnvelope: throw RequestRefusal(.notFound, "Envelope not found")
        case .ignored(let state):
            throw RequestRefusal(.conflict, "Envelope is already \(state.status.rawValue)")
        case .applied: return .json(RawJSON(trusted: Array("{\"status\":\"cancelled\"}".utf8)))
        }
    }

    /// The envelope, when the caller may see it; others do not learn that it exists.
    static func visible(_ call: RouteCall) async throws -> EnvelopeRecord {
        guard let record = try await call.services.service.load(call.id), record.state.isVisible(to: call.principal)
        else { throw RequestRefusal(.notFound, "Envelope not found") }
        return record
    }
}

extension EnvelopeState {
    /// With authentication a caller sees its own envelopes and those that nobody owns.
    public func isVisible(to principal: String?) -> Bool {
        principal == nil || self.principal == nil || self.principal == principal
    }
}
