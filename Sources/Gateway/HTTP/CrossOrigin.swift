internal import HTTPTypes
internal import Hummingbird

/// CORS, off unless origins are configured (`gateway.md` 25.12).
enum CrossOrigin {
    /// The origin to name in the answer; nil when the request has none or it is not allowed.
    static func permitted(_ origin: String?, allowed: [String]) -> String? {
        guard let origin, !allowed.isEmpty else { return nil }
        if allowed.contains("*") { return "*" }
        return allowed.contains(lowercasedOrigin(origin)) ? origin : nil
    }

    /// The answer to a browser's question whether it may ask; nil when this is none.
    static func preflight(_ request: Request, allowed: [String]) -> Response? {
        guard request.method == .options, request.headers[.accessControlRequestMethod] != nil else { return nil }
        guard self.permitted(request.headers[.origin], allowed: allowed) != nil else { return nil }
        return Response(
            status: .noContent,
            headers: [
                .accessControlAllowMethods: "GET, POST, DELETE, OPTIONS",
                .accessControlAllowHeaders: request.headers[.accessControlRequestHeaders] ?? "*",
                .accessControlMaxAge: "600",
            ]
        )
    }

    /// Adds what browsers need to hand the answer to the page.
    static func decorate(_ response: inout Response, _ request: Request, allowed: [String]) {
        guard let origin = self.permitted(request.headers[.origin], allowed: allowed) else { return }
        response.headers[.accessControlAllowOrigin] = origin
        response.headers[.accessControlExposeHeaders] = "Mcp-Session-Id, WWW-Authenticate, Retry-After"
        if origin != "*" { response.headers[.vary] = "Origin" }
    }

    private static func lowercasedOrigin(_ origin: String) -> String { origin.lowercased() }
}
