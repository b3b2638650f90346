/// A JSON-RPC error and the HTTP status that carries it (gateway.md 16).
package struct RPCError: Error, Sendable, Equatable {
    package enum Code: Int, Sendable, CaseIterable {
        case parseError = -32700
        case invalidRequest = -32600
        case methodNotFound = -32601
        case invalidParams = -32602
        case internalError = -32603
        case headerMismatch = -32020
        case missingClientCapability = -32021
        case unsupportedVersion = -32022
    }

    package var code: Code
    package var message: String
    package var data: JSONTree?

    package init(_ code: Code, _ message: String, data: JSONTree? = nil) {
        self.code = code
        self.message = message
        self.data = data
    }

    /// The status in the modern era.
    package var modernStatus: Int {
        switch self.code {
        case .methodNotFound: 404
        case .internalError: 200
        case .parseError, .invalidRequest, .invalidParams, .headerMismatch, .missingClientCapability,
            .unsupportedVersion:
            400
        }
    }

    /// The status in the legacy era: errors ride on 200 unless there was no message to answer.
    package var legacyStatus: Int { self.code == .parseError ? 400 : 200 }

    /// The `error` member.
    package var tree: JSONTree {
        var object = JSONObject([("code", .integer(self.code.rawValue)), ("message", .string(self.message))])
        object["data"] = self.data
        return .object(object)
    }

    /// The whole response; `id` is null only when it could not be read.
    package func response(to id: MessageID?) -> [UInt8] {
        let idTree: JSONTree = id?.tree ?? .null
        return JSONTree.object(JSONObject([("jsonrpc", "2.0"), ("id", idTree), ("error", self.tree)])).bytes
    }
}

extension RPCError {
    package static func methodNotFound(_ method: String) -> RPCError {
        RPCError(.methodNotFound, "Method \(method) not found")
    }

    package static func missingCapability(extension name: String) -> RPCError {
        let required: JSONTree = ["extensions": .object(JSONObject([(name, [:])]))]
        return RPCError(
            .missingClientCapability,
            "the client must declare the extension \(name)",
            data: ["requiredCapabilities": required]
        )
    }

    package static func unsupportedVersion(requested: String) -> RPCError {
        let supported = ProtocolVersion.modern.map { JSONTree.string($0.rawValue) }
        return RPCError(
            .unsupportedVersion,
            "Unsupported protocol version",
            data: ["supported": .array(supported), "requested": .string(requested)]
        )
    }
}
