internal import MCP

/// One update of an envelope, as the gateway streams it (gateway.md 8).
struct EnvelopeEvent: Equatable, Sendable {
    var document: JSONTree

    init?(_ text: String) {
        guard let tree = try? JSONTree(parsing: text), tree.object != nil else {
            return nil  // Not an update; nothing to show.
        }
        self.document = tree
    }

    var status: String { self.document["status"]?.string ?? "" }
    var percent: Double? { self.document["progress_percent"]?.number?.double }
    var actor: String? {
        if let actor = self.document["actor"]?.string { return actor }
        guard let index = self.document["current_actor_idx"]?.number?.int,
            let actors = self.document["actors"]?.elements, actors.indices.contains(index)
        else { return nil }
        return actors[index].string
    }
    var state: String { self.document["envelope_state"]?.string ?? self.status }
    var message: String? { self.document["message"]?.string ?? self.document["error"]?.string }

    var isLast: Bool { self.status == "succeeded" || self.status == "failed" }

    /// For people: `42% infer processing – message`.
    var line: String {
        var parts: [String] = []
        if let percent = self.percent { parts.append("\(Int(percent))%") }
        if let actor = self.actor { parts.append(actor) }
        parts.append(self.state)
        let line = parts.joined(separator: " ")
        guard let message = self.message, !message.isEmpty else { return line }
        return "\(line) – \(message)"
    }

    /// `Processing:  42% |████      | actor | state`.
    func bar(width: Int) -> String {
        let percent = min(max(self.percent ?? 0, 0), 100)
        let filled = Int((percent / 100 * Double(width)).rounded(.down))
        let number = String(Int(percent))
        let padding = String(repeating: " ", count: max(0, 3 - number.count))
        let blocks = String(repeating: "█", count: filled) + String(repeating: " ", count: width - filled)
        return "Processing: \(padding)\(number)% |\(blocks)| \(self.actor ?? "") | \(self.state)"
    }
}
