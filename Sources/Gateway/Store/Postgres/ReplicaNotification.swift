/// What replicas tell each other through NOTIFY: whose envelopes have new history.
enum ReplicaNotification {
    static let channel = "asya_gateway_updates"
    /// PostgreSQL's limit is 8000 bytes.
    static let payloadByteLimit = 7900

    /// `<replica> <id> <id> …`, as many payloads as needed. Ids with blanks, or too long, are told as `*`: look at all.
    static func payloads(from replica: String, ids: [String]) -> [String] {
        var payloads: [String] = []
        var current = replica
        for id in ids {
            let isPlain = !id.contains(where: \.isWhitespace) && id.utf8.count < self.payloadByteLimit / 2 && id != "*"
            let text = isPlain ? id : "*"
            if current.utf8.count + text.utf8.count + 1 > self.payloadByteLimit {
                payloads.append(current)
                current = replica
            }
            current += " " + text
        }
        if !ids.isEmpty { payloads.append(current) }
        return payloads
    }

    /// What another replica's payload means; nil for our own.
    static func change(in payload: String, ownReplica: String) -> StoreChange? {
        let words = payload.split(separator: " ").map(String.init)
        guard let sender = words.first, sender != ownReplica else { return nil }
        let ids = Array(words.dropFirst())
        return ids.contains("*") ? .unknown : .envelopes(ids)
    }
}
