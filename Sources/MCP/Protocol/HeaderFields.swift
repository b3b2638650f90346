/// The header fields of a request, repeated ones kept (gateway.md 18.4). Names compare without case.
package struct HeaderFields: Sendable {
    private var values: [String: [String]] = [:]

    package init(_ fields: some Sequence<(name: String, value: String)>) {
        for field in fields { self.values[field.name.lowercased(), default: []].append(Self.trimmed(field.value)) }
    }

    /// All values of a field without surrounding blanks and tabs.
    package func all(_ name: String) -> [String] { self.values[name.lowercased()] ?? [] }

    /// The only value; `nil` when there is none or more than one.
    package func only(_ name: String) -> String? {
        let all = self.all(name)
        return all.count == 1 ? all[0] : nil
    }

    /// The first value: for fields that mean the same when repeated.
    package func first(_ name: String) -> String? { self.all(name).first }

    private static func trimmed(_ text: String) -> String {
        let isBlank = { (character: Character) in character == " " || character == "\t" }
        guard let start = text.firstIndex(where: { !isBlank($0) }),
            let end = text.lastIndex(where: { !isBlank($0) })
        else { return "" }
        return String(text[start...end])
    }
}

/// Names of the fields that mirror the body.
package enum HeaderName {
    package static let protocolVersion = "MCP-Protocol-Version"
    package static let method = "Mcp-Method"
    package static let name = "Mcp-Name"
    package static let sessionID = "Mcp-Session-Id"
    package static let parameterPrefix = "Mcp-Param-"
    package static let routing = [protocolVersion, method, name]
}

/// Values that header fields cannot carry travel as `=?base64?…?=` (gateway.md 18.4).
package enum MirroredValue {
    private static let prefix = "=?base64?"
    private static let suffix = "?="

    /// The value a field stands for; `nil` when its base64 is broken.
    package static func decoded(_ field: String) -> String? {
        guard field.hasPrefix(self.prefix), field.hasSuffix(self.suffix),
            field.utf8.count >= self.prefix.utf8.count + self.suffix.utf8.count
        else { return field }
        let encoded = field.utf8.dropFirst(self.prefix.utf8.count).dropLast(self.suffix.utf8.count)
        return Base64.decode(encoded).flatMap { String(validating: $0, as: UTF8.self) }
    }
}
