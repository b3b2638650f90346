/// A modern request that passed every check that needs no knowledge of tools (gateway.md 18.3).
package struct ModernRequest: Sendable {
    package var id: MessageID
    package var method: String
    package var params: JSONObject
    package var argumentsBytes: [UInt8]?
    package var meta: RequestMeta

    /// The outcome of looking at a message.
    package enum Verdict: Sendable {
        case serve(ModernRequest)
        /// 202, without effect.
        case acknowledgeNotification
        case refuse(MessageFault)
    }

    /// Checks in the order that gateway.md 18.3 fixes: a client that contradicts itself is told so before it is told
    /// that its version is unsupported.
    package static func judge(_ document: JSONTree, body: [UInt8], headers: HeaderFields) -> Verdict {
        do throws(MessageFault) {
            let message = try IncomingMessage(document, body: body, era: .modern)
            do throws(RPCError) {
                return try self.judge(message, headers)
            } catch {
                return .refuse(MessageFault(error: error, id: message.id))
            }
        } catch {
            return .refuse(error)
        }
    }

    private static func judge(_ message: IncomingMessage, _ headers: HeaderFields) throws(RPCError) -> Verdict {
        for name in HeaderName.routing where headers.all(name).count > 1 {
            throw RPCError(.headerMismatch, "\(name) is given more than once")
        }
        guard case .request(let id, let method) = message.kind else {
            // It has no answer, but a client that speaks another version must hear of it.
            if let version = headers.only(HeaderName.protocolVersion) { try self.requireSupported(version) }
            return .acknowledgeNotification
        }
        let meta = try RequestMeta(message.params["_meta"])
        try self.requireMirrors(method: method, params: message.params, meta: meta, headers)
        try self.requireSupported(meta.version)
        return .serve(
            ModernRequest(
                id: id,
                method: method,
                params: message.params,
                argumentsBytes: message.argumentsBytes,
                meta: meta
            )
        )
    }

    private static func requireSupported(_ version: String) throws(RPCError) {
        guard ProtocolVersion.modern.contains(where: { $0.rawValue == version }) else {
            throw RPCError.unsupportedVersion(requested: version)
        }
    }

    private static func requireMirrors(
        method: String,
        params: JSONObject,
        meta: RequestMeta,
        _ headers: HeaderFields
    ) throws(RPCError) {
        try self.require(HeaderName.protocolVersion, equals: meta.version, headers)
        try self.require(HeaderName.method, equals: method, headers)
        guard let member = self.namingMember(of: method), let value = params[member]?.string else { return }
        try self.require(HeaderName.name, equals: value, headers)
    }

    private static func require(_ name: String, equals value: String, _ headers: HeaderFields) throws(RPCError) {
        guard let field = headers.only(name) else { throw RPCError(.headerMismatch, "\(name) is missing") }
        guard let decoded = MirroredValue.decoded(field) else {
            throw RPCError(.headerMismatch, "\(name) is not valid base64")
        }
        guard decoded.utf8.elementsEqual(value.utf8) else {
            throw RPCError(.headerMismatch, "\(name) differs from the request body")
        }
    }

    /// The member of `params` that `Mcp-Name` mirrors.
    static func namingMember(of method: String) -> String? {
        switch method {
        case "tools/call", "prompts/get": "name"
        case "resources/read": "uri"
        case "tasks/get", "tasks/update", "tasks/cancel": "taskId"
        default: nil
        }
    }
}
