/// What a client takes as an answer, from its `Accept` field (gateway.md 18.5). A missing or empty field takes all.
package struct AcceptedMedia: Sendable, Equatable {
    package var json: Bool
    package var eventStream: Bool

    package init(json: Bool, eventStream: Bool) {
        self.json = json
        self.eventStream = eventStream
    }

    package init(_ field: String?) {
        guard let field, !field.isEmpty else {
            self.init(json: true, eventStream: true)
            return
        }
        var ranges: [Substring: Bool] = [:]
        for part in field.lowercased().split(separator: ",") {
            let pieces = part.split(separator: ";").map { $0.trimmingBlanks() }
            guard let range = pieces.first else { continue }
            let isRefused = pieces.dropFirst().contains { piece in
                piece.hasPrefix("q=") && Double(piece.dropFirst(2)) == 0
            }
            ranges[range] = !isRefused
        }
        func accepts(_ type: Substring, _ subtype: Substring) -> Bool {
            ranges["\(type)/\(subtype)"] ?? ranges["\(type)/*"] ?? ranges["*/*"] ?? false
        }
        self.init(json: accepts("application", "json"), eventStream: accepts("text", "event-stream"))
    }
}

extension Substring {
    fileprivate func trimmingBlanks() -> Substring {
        let start = self.drop { $0 == " " || $0 == "\t" }
        guard let end = start.lastIndex(where: { $0 != " " && $0 != "\t" }) else { return "" }
        return start[...end]
    }
}
