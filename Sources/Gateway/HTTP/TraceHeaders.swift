internal import HTTPTypes
internal import Support

/// W3C trace context of a request, for the envelope's headers (`gateway.md` 25.9).
enum TraceHeaders {
    static let parent = "traceparent"
    static let state = "tracestate"
    /// Longest value; `tracestate` may have 512 bytes.
    private static let maximumByteCount = 1024

    static func of(_ fields: HTTPFields) -> [String: RawJSON] {
        var headers: [String: RawJSON] = [:]
        for name in [HTTPField.Name.traceParent, .traceState, .baggage] {
            guard let value = fields[name], value.utf8.count <= self.maximumByteCount else { continue }
            headers[name.canonicalName] = self.json(value)
        }
        return headers
    }

    static func json(_ text: String) -> RawJSON {
        var writer = JSONWriter()
        writer.string(text)
        return RawJSON(trusted: writer.bytes)
    }
}
