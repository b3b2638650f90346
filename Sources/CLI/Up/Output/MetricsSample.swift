/// The counters of one sidecar that the status shows, read from its metrics page (`sidecar.md` section 10.2).
struct MetricsSample: Equatable, Sendable {
    /// Messages that left the actor: results, ends of routes, and errors.
    var done = 0
    /// Of these, those that failed.
    var failed = 0
    /// Messages held now.
    var active = 0

    init(done: Int = 0, failed: Int = 0, active: Int = 0) {
        self.done = done
        self.failed = failed
        self.active = active
    }

    /// Adds up the samples of a page in the Prometheus text format; lines that are not understood count nothing.
    init(page: some StringProtocol, namespace: String) {
        for line in page.split(whereSeparator: \.isNewline) where line.hasPrefix(namespace + "_") {
            guard let space = line.lastIndex(of: " "), let value = Double(line[line.index(after: space)...]) else {
                continue
            }
            let name = line.dropFirst(namespace.count + 1).prefix { $0 != "{" && $0 != " " }
            guard let count = Int(exactly: value.rounded()) else { continue }
            switch name {
            case "messages_processed_total": self.done += count
            case "messages_failed_total":
                self.done += count
                self.failed += count
            case "active_messages": self.active = count
            default: break
            }
        }
    }
}
