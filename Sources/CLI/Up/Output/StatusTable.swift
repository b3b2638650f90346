import Support

/// The status of all actors as lines of text that fit a terminal.
struct StatusTable: Equatable, Sendable {
    private static let columns = ["ACTOR", "REPLICAS", "QUEUED", "IN FLIGHT", "DONE", "DONE/S", "ERRORS", "STATE"]
    /// Longer names are cut in the table, nowhere else.
    private static let longestName = 32

    var statuses: [ActorStatus]
    var gateway: GatewayStatus?

    /// At most `height` lines of at most `width` characters: actors that do not fit are counted in the last one.
    func lines(width: Int, height: Int, style: TextStyle) -> [String] {
        guard height >= 2, width >= 8 else { return [] }
        let gateway = height > 2 ? self.gateway.map { Self.line(of: $0, width: width, style: style) } : nil
        let room = height - (gateway == nil ? 0 : 1)
        let shown = self.statuses.count + 1 <= room ? self.statuses.count : max(room - 2, 0)
        let cells = [Self.columns] + self.statuses.prefix(shown).map(Self.cells)
        let widths = Self.columns.indices.map { column in cells.map { $0[column].count }.max() ?? 0 }
        var lines = cells.enumerated().map { number, row in
            let text = String(Self.joined(row, widths: widths).prefix(width))
            return number == 0 ? style.dim(text) : style.coloured(text, by: self.statuses[number - 1].condition)
        }
        if shown < self.statuses.count {
            lines.append(style.dim(String("… and \(self.statuses.count - shown) more actors".prefix(width))))
        }
        if let gateway { lines.append(gateway) }
        return lines
    }

    private static func line(of gateway: GatewayStatus, width: Int, style: TextStyle) -> String {
        let text = String("gateway \(gateway.url)  \(gateway.condition.rawValue)".prefix(width))
        switch gateway.condition {
        case .running: return text
        case .starting, .notReady, .stopping: return style.yellow(text)
        case .crashLoop: return style.red(text)
        case .stopped: return style.dim(text)
        }
    }

    private static func cells(_ status: ActorStatus) -> [String] {
        [
            String(status.name.prefix(self.longestName)),
            "\(status.ready)/\(status.desired)",
            "\(status.depth.queued)",
            "\(status.depth.inFlight)",
            "\(status.done)",
            self.rate(status.donePerSecond),
            "\(status.errors)",
            status.condition.word,
        ]
    }

    /// One decimal below ten, whole numbers above.
    static func rate(_ perSecond: Double) -> String {
        if perSecond <= 0 { return "0" }
        if perSecond >= 9.95 { return "\(Int(min(perSecond, 1e12).rounded()))" }
        let tenths = Int((perSecond * 10).rounded())
        return tenths == 0 ? "<0.1" : "\(tenths / 10).\(tenths % 10)"
    }

    /// Text on the left, numbers on the right.
    private static func joined(_ row: [String], widths: [Int]) -> String {
        let padded = row.enumerated().map { column, text in
            let padding = String(repeating: " ", count: widths[column] - text.count)
            if column == row.count - 1 { return text }
            return column == 0 ? text + padding : padding + text
        }
        return padded.joined(separator: "  ")
    }
}
