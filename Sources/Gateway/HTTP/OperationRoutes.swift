internal import HTTPTypes
internal import Hummingbird
internal import QueueClient
internal import Support

/// Probes, metrics and documents (`gateway.md` 4, 25.9).
enum OperationRoutes {
    static let all = [
        Route("/health", access: .open, [nil: { request, _ in health(request) }]),
        Route("/ready", access: .open, [.get: { try await ready($0, $1) }]),
        Route("/metrics", access: .open, [.get: { try await metrics($0, $1) }]),
        Route("/openapi.json", access: .open, [.get: { _, _ in .json(OpenAPIDocument.document) }]),
        Route(
            "/.well-known/oauth-protected-resource",
            access: .open,
            [.get: { try protectedResource($0, $1) }]
        ),
    ]

    /// Any /health: alive, whatever store and queue do.
    private static func health(_ request: Request) -> Response {
        guard request.method != .head else { return Response(status: .ok) }
        return .bytes(Array("OK\n".utf8), type: "text/plain; charset=utf-8")
    }

    /// Longest wait for store and queue, below the usual limit of probes.
    private static let readinessTimeout = Duration.milliseconds(800)

    /// GET /ready
    private static func ready(_ request: Request, _ call: RouteCall) async throws -> Response {
        let services = call.services
        var reasons: [String] = []
        if services.isDraining { reasons.append("shutting down") }
        if services.service.catalog.current.tools.isEmpty { reasons.append("no tools") }
        async let store = self.problem("store") { try await services.store.checkReadiness() }
        async let queue = self.problem("queue") { try await services.queue.checkReadiness() }
        for problem in await [store, queue] { if let problem { reasons.append(problem) } }
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("ready")
        writer.bool(reasons.isEmpty)
        writer.name("reasons")
        writer.strings(reasons)
        if let instance = services.settings.instance { writer.member("instance", instance) }
        writer.endObject()
        return .json(RawJSON(trusted: writer.bytes), status: reasons.isEmpty ? .ok : .serviceUnavailable)
    }

    private static func problem(_ part: String, _ check: @escaping @Sendable () async throws -> Void) async -> String? {
        // Not a task group: a check that cannot be cancelled must not hold the answer back.
        await withCheckedContinuation { continuation in
            let once = OnceOnly(continuation)
            Task {
                do {
                    try await check()
                    once.resume(nil)
                } catch {
                    once.resume("\(part): \(error)")
                }
            }
            Task {
                try await Task.sleep(for: self.readinessTimeout)
                once.resume("\(part): no answer")
            }
        }
    }

    /// GET /metrics
    private static func metrics(_ request: Request, _ call: RouteCall) async throws -> Response {
        let page = MetricsPage(
            state: call.services.metrics.snapshot,
            envelopesByStatus: await call.services.statusCounts.current(),
            configurationGeneration: call.services.service.catalog.current.generation,
            process: .current()
        )
        return .bytes(Array(page.text.utf8), type: "text/plain; version=0.0.4; charset=utf-8")
    }

    /// GET /.well-known/oauth-protected-resource (RFC 9728), when tokens of an issuer are accepted.
    private static func protectedResource(_ request: Request, _ call: RouteCall) throws -> Response {
        let settings = call.services.settings
        guard let resource = settings.publicURL, let issuer = settings.authorizationServer else {
            throw RequestRefusal(.notFound, "404 page not found")
        }
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("resource", resource)
        writer.name("authorization_servers")
        writer.strings([issuer])
        writer.name("bearer_methods_supported")
        writer.strings(["header"])
        writer.endObject()
        return .json(RawJSON(trusted: writer.bytes))
    }
}
