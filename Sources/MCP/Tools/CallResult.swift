/// A `CallToolResult` (gateway.md 19.5), with the parts that are JSON already kept as bytes.
package struct CallResult: Sendable, Equatable {
    /// Elements of `content`, each a JSON object.
    package var content: [[UInt8]]
    package var structured: [UInt8]?
    package var isError: Bool

    package init(content: [[UInt8]], structured: [UInt8]? = nil, isError: Bool = false) {
        self.content = content
        self.structured = structured
        self.isError = isError
    }

    package static func textBlock(_ text: String) -> [UInt8] {
        (["type": "text", "text": .string(text)] as JSONTree).bytes
    }

    /// A failure of the tool or of its arguments: a result, not a JSON-RPC error.
    package static func failure(_ text: String, details: [UInt8]? = nil) -> CallResult {
        var content = [self.textBlock(text)]
        if let details { content.append(self.textBlock(String(decoding: details, as: UTF8.self))) }
        return CallResult(content: content, isError: true)
    }

    /// The result in the form of a protocol version.
    package func encoded(for version: ProtocolVersion) -> [UInt8] {
        var output: [UInt8] = Array("{".utf8)
        if !version.isLegacy { output.append(contentsOf: #""resultType":"complete","#.utf8) }
        output.append(contentsOf: #""content":["#.utf8)
        for (index, block) in self.content.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            output.append(contentsOf: block)
        }
        output.append(UInt8(ascii: "]"))
        if let structured = self.structured, self.mayShow(structured, in: version) {
            output.append(contentsOf: #","structuredContent":"#.utf8)
            output.append(contentsOf: structured)
        }
        if self.isError { output.append(contentsOf: #","isError":true"#.utf8) }
        output.append(UInt8(ascii: "}"))
        return output
    }

    /// Before 2026-07-28 only objects could be structured content, before 2025-06-18 nothing.
    private func mayShow(_ structured: [UInt8], in version: ProtocolVersion) -> Bool {
        guard version.hasStructuredResults else { return false }
        return !version.isLegacy || structured.first(where: { $0 > 0x20 }) == UInt8(ascii: "{")
    }
}
