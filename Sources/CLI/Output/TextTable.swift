import Support

/// Columns of text for people. Cells are made safe for a terminal: what came from a message cannot move the cursor.
struct TextTable {
    enum Alignment {
        case left, right
    }

    private let titles: [String]
    private let alignments: [Alignment]
    private var rows: [[String]] = []

    /// One column per entry.
    init(_ columns: [(title: String, alignment: Alignment)]) {
        self.titles = columns.map(\.title)
        self.alignments = columns.map(\.alignment)
    }

    mutating func add(_ cells: [String]) {
        precondition(cells.count == self.titles.count, "a row has a cell for each column")
        self.rows.append(cells.map(Self.printable))
    }

    /// The lines, title first; cut at `columnCount` when there is one.
    func text(style: TextStyle, columnCount: Int? = nil) -> String {
        let widths = self.titles.indices.map { column in
            ([self.titles] + self.rows).map { $0[column].count }.max() ?? 0
        }
        let header = Self.cut(self.line(self.titles, widths), columnCount)
        let lines = self.rows.map { Self.cut(self.line($0, widths), columnCount) }
        return ([style.bold(header)] + lines).joined(separator: "\n") + "\n"
    }

    private func line(_ cells: [String], _ widths: [Int]) -> String {
        let padded = zip(cells.indices, zip(cells, widths)).map { column, pair in
            let (cell, width) = pair
            let fill = String(repeating: " ", count: width - cell.count)
            // Nothing follows the last column, so its cells need no fill.
            if self.alignments[column] == .right { return fill + cell }
            return column == cells.count - 1 ? cell : cell + fill
        }
        return padded.joined(separator: "  ")
    }

    private static func cut(_ line: String, _ columnCount: Int?) -> String {
        guard let columnCount, line.count > columnCount, columnCount > 1 else { return line }
        return line.prefix(columnCount - 1) + "…"
    }

    /// Control characters as `\u001b`; everything else as it is.
    static func printable(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: self.isControl) else { return text }
        var safe = ""
        for scalar in text.unicodeScalars {
            if self.isControl(scalar) {
                let digits = String(scalar.value, radix: 16)
                safe += "\\u" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
            } else {
                safe.unicodeScalars.append(scalar)
            }
        }
        return safe
    }

    /// Also the invisible characters that turn the direction of text.
    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F..<0xA0, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069: true
        default: false
        }
    }
}
