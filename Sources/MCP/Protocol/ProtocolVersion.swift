/// The protocol revisions by era (gateway.md 15).
package enum ProtocolVersion: String, Sendable, CaseIterable, Comparable {
    case november2024 = "2024-11-05"
    case march2025 = "2025-03-26"
    case june2025 = "2025-06-18"
    case november2025 = "2025-11-25"
    case july2026 = "2026-07-28"

    /// Up to 2025-11-25 a handshake opens a session; from 2026-07-28 on every request stands alone.
    package var isLegacy: Bool { self < .july2026 }

    /// What the handshake offers when it is asked for a version it does not know.
    package static let newestLegacy = ProtocolVersion.november2025
    /// What a request of a legacy session without a version header is taken for.
    package static let assumedLegacy = ProtocolVersion.march2025
    /// Only these are listed by `server/discover` and in errors: the others need the handshake.
    package static let modern = ProtocolVersion.allCases.filter { !$0.isLegacy }

    /// Structured results, output schemas and resource links came with 2025-06-18.
    package var hasStructuredResults: Bool { self >= .june2025 }

    /// The names are dates, so their order is that of the text.
    package static func < (left: ProtocolVersion, right: ProtocolVersion) -> Bool { left.rawValue < right.rawValue }

    /// The version of a handshake's result (gateway.md 10.2, 23).
    package static func negotiated(requested: String?) -> ProtocolVersion {
        guard let requested else { return .assumedLegacy }
        guard let version = ProtocolVersion(rawValue: requested), version.isLegacy else { return .newestLegacy }
        return version
    }
}

/// Which rules a message is judged by (gateway.md 15.1).
package enum Era: Sendable, Equatable {
    case legacy, modern

    /// Decided from the version header and, without one, from the message.
    package init(versionHeader: String?, message: JSONTree?) {
        if let versionHeader {
            let version = ProtocolVersion(rawValue: versionHeader)
            if version?.isLegacy != true {
                self = .modern
                return
            }
        }
        let named = message?["params"]?["_meta"]?[MetaKey.protocolVersion]
        self = named == nil ? .legacy : .modern
    }
}

/// Names in `_meta` (gateway.md 17).
package enum MetaKey {
    package static let protocolVersion = "io.modelcontextprotocol/protocolVersion"
    package static let clientCapabilities = "io.modelcontextprotocol/clientCapabilities"
    package static let clientInfo = "io.modelcontextprotocol/clientInfo"
    package static let serverInfo = "io.modelcontextprotocol/serverInfo"
    package static let subscriptionID = "io.modelcontextprotocol/subscriptionId"
    package static let progressToken = "progressToken"
    package static let response = "asya.sh/response"
    package static let idempotencyKey = "asya.sh/idempotencyKey"
    package static let traceContext = ["traceparent", "tracestate", "baggage"]
}

/// The extension that makes envelopes visible as tasks (gateway.md 22).
package enum TasksExtension {
    package static let name = "io.modelcontextprotocol/tasks"
}
