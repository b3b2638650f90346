/// What a modern request says about itself (gateway.md 17). Nothing is remembered from one request to the next.
package struct RequestMeta: Sendable {
    package var version: String
    package var capabilities: JSONObject
    /// String or integer.
    package var progressToken: JSONTree?
    package var traceContext: [String: String]
    /// The whole `_meta`, for our own keys.
    package var members: JSONObject

    /// Whether the client declared an extension.
    package func declares(extension name: String) -> Bool {
        self.capabilities["extensions"]?[name] != nil
    }

    package init(_ meta: JSONTree?) throws(RPCError) {
        guard let members = meta?.object else { throw Self.invalid("params._meta is missing") }
        guard let version = members[MetaKey.protocolVersion]?.string else {
            throw Self.invalid("params._meta needs \(MetaKey.protocolVersion), a string")
        }
        guard let capabilities = members[MetaKey.clientCapabilities]?.object else {
            throw Self.invalid("params._meta needs \(MetaKey.clientCapabilities), an object")
        }
        self.version = version
        self.capabilities = capabilities
        self.members = members
        self.progressToken = try Self.progressToken(of: members)
        self.traceContext = Self.traceContext(of: members)
    }

    private static let logLevels: Set<String> = [
        "debug", "info", "notice", "warning", "error", "critical", "alert", "emergency",
    ]
    static let logLevelKey = "io.modelcontextprotocol/logLevel"

    private static func invalid(_ text: String) -> RPCError { RPCError(.invalidParams, text) }

    /// The token that progress notifications of a request carry, in both eras.
    package static func progressToken(of meta: JSONObject) throws(RPCError) -> JSONTree? {
        if let level = meta[Self.logLevelKey], !(level.string.map(self.logLevels.contains) ?? false) {
            throw self.invalid("\(self.logLevelKey) is not a log level")
        }
        guard let token = meta[MetaKey.progressToken] else { return nil }
        guard token.string != nil || token.number?.isInteger == true else {
            throw self.invalid("progressToken must be a string or an integer")
        }
        return token
    }

    /// W3C trace context, for the headers of the envelope.
    package static func traceContext(of meta: JSONObject) -> [String: String] {
        var context: [String: String] = [:]
        for key in MetaKey.traceContext {
            if let value = meta[key]?.string, value.utf8.count <= 8192 { context[key] = value }
        }
        return context
    }
}
