internal import HTTPTypes
internal import Hummingbird

extension MCPEndpoint {
    /// The endpoint's rows in the table of routes; `/mcp/sse`, the transport of 2024-11-05, stays a 404 as in the
    /// original (`gateway.md` 10.5).
    public var routes: [Route] {
        [
            Route(
                "/mcp",
                access: .client,
                [
                    nil: { try await self.respond(to: $0, principal: $1.principal, connection: $1.connection) }
                ]
            )
        ]
    }
}

extension HTTPField.Name {
    static let mcpSessionID: HTTPField.Name = {
        guard let name = HTTPField.Name("Mcp-Session-Id") else {
            preconditionFailure("a constant header name is a valid token")
        }
        return name
    }()
}
