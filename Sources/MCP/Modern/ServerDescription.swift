/// What the server says about itself in both eras (gateway.md 10.2, 19.1).
package struct ServerDescription: Sendable {
    package static let name = "asya-gateway"
    /// The original's; clients of legacy sessions assert it.
    package static let legacyVersion = "0.1.0"
    package static let instructions =
        "Each tool starts a pipeline of actors. A call that answers with an envelope_id runs on: ask for its state "
        + "at status_url, or call again with _meta {\"asya.sh/response\": \"wait\"} to get the result itself."
    /// How long clients may keep lists; changes are announced anyway.
    package static let listTTLMilliseconds = 60_000

    package var buildVersion: String
    /// `private` when what is listed depends on the caller.
    package var cacheScope: String

    package init(buildVersion: String, cacheScope: String) {
        self.buildVersion = buildVersion
        self.cacheScope = cacheScope
    }

    /// The `_meta` of modern results.
    package var meta: JSONTree {
        let info: JSONTree = ["name": .string(Self.name), "version": .string(self.buildVersion)]
        return .object(JSONObject([(MetaKey.serverInfo, info)]))
    }

    /// A result of the modern era, an object that is not empty and has no `_meta`, with the server's name (gateway.md 16).
    package func signed(_ result: [UInt8]) -> [UInt8] {
        var output = result
        output.removeLast()
        output.append(contentsOf: #","_meta":"#.utf8)
        output.append(contentsOf: self.meta.bytes)
        output.append(UInt8(ascii: "}"))
        return output
    }

    /// Members that lists and other cacheable results have.
    package func cacheable(_ members: [(String, JSONTree)], ttlMilliseconds: Int) -> JSONTree {
        let head: [(String, JSONTree)] = [("resultType", "complete")]
        let tail: [(String, JSONTree)] = [
            ("ttlMs", .integer(ttlMilliseconds)), ("cacheScope", .string(self.cacheScope)), ("_meta", self.meta),
        ]
        return .object(JSONObject(head + members + tail))
    }

    /// The result of `server/discover`.
    package var discovery: JSONTree {
        let versions = ProtocolVersion.modern.map { JSONTree.string($0.rawValue) }
        let capabilities: JSONTree = [
            "tools": ["listChanged": true],
            "resources": ["subscribe": true],
            "extensions": .object(JSONObject([(TasksExtension.name, [:])])),
        ]
        return self.cacheable(
            [
                ("supportedVersions", .array(versions)), ("capabilities", capabilities),
                ("instructions", .string(Self.instructions)),
            ],
            ttlMilliseconds: Self.listTTLMilliseconds
        )
    }

    /// The result of `initialize`.
    package func handshake(_ version: ProtocolVersion) -> JSONTree {
        var info = JSONObject([("name", .string(Self.name)), ("version", .string(Self.legacyVersion))])
        if version.hasStructuredResults { info["title"] = .string("Asya gateway \(self.buildVersion)") }
        return [
            "protocolVersion": .string(version.rawValue),
            "capabilities": ["tools": ["listChanged": true]],
            "serverInfo": .object(info),
            "instructions": .string(Self.instructions),
        ]
    }
}
