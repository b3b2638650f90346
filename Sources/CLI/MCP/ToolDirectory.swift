internal import MCP
internal import NIOHTTP1

/// Asks a gateway for its tools over MCP: the newest revision first, then the handshake (cli.md 3.4).
struct ToolDirectory: Sendable {
    struct Tool: Sendable {
        var name: String
        var description: String?
        var inputSchema: JSONTree?
    }

    let connection: GatewayConnection
    /// `nil`: whatever the gateway speaks.
    let version: String?

    private static let failurePrefix = "MCP request failed"
    /// What the original asks for; every gateway answers it.
    private static let handshakeVersion = ProtocolVersion.november2024.rawValue
    private static let modernVersion = ProtocolVersion.july2026.rawValue
    /// A gateway that hands out cursors for ever is broken.
    private static let pageLimit = 1000

    /// A JSON-RPC error.
    struct RPCFailure: Error {
        var message: String
    }

    func tools() async throws -> [Tool] {
        let isModern = self.version.flatMap(ProtocolVersion.init).map { !$0.isLegacy } ?? true
        if isModern, let tools = try await self.modernTools() { return tools }
        return try await self.legacyTools()
    }

    /// `nil` when the gateway does not know the modern era.
    private func modernTools() async throws -> [Tool]? {
        var tools: [Tool] = []
        var cursor: JSONTree?
        for _ in 0..<Self.pageLimit {
            let meta: JSONTree = .object(
                JSONObject([
                    (MetaKey.protocolVersion, .string(Self.modernVersion)), (MetaKey.clientCapabilities, [:]),
                ])
            )
            var params = JSONObject([("_meta", meta)])
            params["cursor"] = cursor
            let headers = [
                ("Content-Type", "application/json"), (HeaderName.protocolVersion, Self.modernVersion),
                (HeaderName.method, "tools/list"),
            ]
            let body = Self.message("tools/list", id: 1, params: params)
            guard let document = try await self.modernReply(headers, body) else { return nil }
            tools += try Self.tools(document)
            cursor = document["result"]?["nextCursor"]
            if cursor == nil { return tools }
        }
        return tools
    }

    private func modernReply(_ headers: [(String, String)], _ body: [UInt8]) async throws -> JSONTree? {
        do {
            let reply = try await self.connection.require(
                .POST,
                "/mcp",
                headers: headers,
                body: body,
                prefix: Self.failurePrefix,
                isRepeatable: true
            )
            return try? JSONTree(parsing: reply.body)  // A server that answers something else is not a modern one.
        } catch let failure as GatewayConnection.Failure where self.version == nil {
            // 400 and 404 say that it does not speak this revision; 401 and the like are final.
            guard failure.status == 400 || failure.status == 404 else { throw failure }
            return nil
        }
    }

    private func legacyTools() async throws -> [Tool] {
        let client: JSONTree = ["name": "asya-cli", "version": "1.0.0"]
        let requested = self.version ?? Self.handshakeVersion
        let params = JSONObject([
            ("protocolVersion", .string(requested)), ("capabilities", [:]), ("clientInfo", client),
        ])
        let opening = try await self.legacyReply(Self.message("initialize", id: 1, params: params), session: nil)
        _ = try Self.result(try Self.document(opening))
        let session = opening.headers.first(name: HeaderName.sessionID)
        var tools: [Tool] = []
        var cursor: JSONTree?
        for page in 0..<Self.pageLimit {
            var params = JSONObject()
            params["cursor"] = cursor
            let body = Self.message("tools/list", id: page + 2, params: params)
            let document = try Self.document(try await self.legacyReply(body, session: session))
            tools += try Self.tools(document)
            cursor = document["result"]?["nextCursor"]
            if cursor == nil { break }
        }
        return tools
    }

    private func legacyReply(_ body: [UInt8], session: String?) async throws -> GatewayConnection.Reply {
        let headers = session.map { [(HeaderName.sessionID, $0)] } ?? []
        return try await self.connection.require(
            .POST,
            "/mcp",
            headers: headers,
            body: body,
            prefix: Self.failurePrefix,
            isRepeatable: true
        )
    }

    private static func document(_ reply: GatewayConnection.Reply) throws -> JSONTree {
        guard let document = try? JSONTree(parsing: reply.body) else {
            throw GatewayConnection.Failure(
                status: reply.status,
                lines: ["\(self.failurePrefix): the answer is not JSON", "Server response: \(reply.text)"]
            )
        }
        return document
    }

    private static func message(_ method: String, id: Int, params: JSONObject) -> [UInt8] {
        let message: JSONTree = [
            "jsonrpc": "2.0", "id": .integer(id), "method": .string(method), "params": .object(params),
        ]
        return message.bytes
    }

    private static func result(_ document: JSONTree) throws -> JSONTree {
        if let error = document["error"] { throw RPCFailure(message: error["message"]?.string ?? error.text) }
        return document["result"] ?? .null
    }

    private static func tools(_ document: JSONTree) throws -> [Tool] {
        (try self.result(document)["tools"]?.elements ?? []).compactMap { tool in
            guard let name = tool["name"]?.string else { return nil }
            return Tool(name: name, description: tool["description"]?.string, inputSchema: tool["inputSchema"])
        }
    }
}
