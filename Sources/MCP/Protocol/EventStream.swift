/// Text of server-sent events that carry JSON-RPC messages (gateway.md 18.5, 23).
package enum EventStream {
    /// A comment that keeps proxies from closing a quiet stream.
    package static let keepAlive: [UInt8] = Array(": keepalive\n\n".utf8)

    /// One message. JSON that has line breaks between its tokens becomes several `data:` lines, which a reader joins.
    package static func message(_ json: [UInt8], id: String? = nil) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(json.count + 64)
        if let id { output.append(contentsOf: "id: \(id)\n".utf8) }
        output.append(contentsOf: "event: message\ndata: ".utf8)
        var isFirst = true
        for line in json.split(omittingEmptySubsequences: true, whereSeparator: { $0 == 0x0A || $0 == 0x0D }) {
            if !isFirst { output.append(contentsOf: "\ndata: ".utf8) }
            output.append(contentsOf: line)
            isFirst = false
        }
        output.append(contentsOf: "\n\n".utf8)
        return output
    }

    /// The first event of a resumable stream: an id to resume from, no data.
    package static func opening(id: String) -> [UInt8] { Array("id: \(id)\ndata:\n\n".utf8) }

    /// Asks the client to wait before it connects again.
    package static func retry(milliseconds: Int) -> [UInt8] { Array("retry: \(milliseconds)\n\n".utf8) }
}
