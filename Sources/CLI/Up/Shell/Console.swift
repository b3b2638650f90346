import Glibc
import Support

/// Where `asya up` writes: log lines of the processes on standard output, its own words on standard error, and a table
/// below them when both are a terminal. Everything is collected and leaves once per turn of the main loop.
final class Console {
    enum Format: Equatable {
        case text
        /// One object per line, all of it on standard output.
        case json
    }

    private static let standardOutput: Int32 = 1
    private static let standardError: Int32 = 2
    /// Without a table the numbers are repeated at most this often.
    private static let plainStatusInterval: Duration = .seconds(5)

    /// Whether nobody reads any more.
    private(set) var isBroken = false
    /// Whether there is a table that wants fresh numbers.
    let hasTable: Bool
    private let format: Format
    private let logText: EventText
    private let ownText: EventText
    private var chunks: [(descriptor: Int32, bytes: [UInt8])] = []
    private var table = StatusTable(statuses: [])
    /// Characters of the table's lines as they stand on the screen; empty when there is none.
    private var drawnLines: [Int] = []
    private var tableIsStale = false
    private var lastShown = StatusTable(statuses: [])
    private var lastPlainStatus: Duration?

    init(format: Format, actors: [String], environment: [String: String]) {
        let outputIsTerminal = isatty(Self.standardOutput) == 1
        let errorIsTerminal = isatty(Self.standardError) == 1
        let logStyle = TextStyle(isTerminal: outputIsTerminal, environment: EnvironmentReader(environment))
        let ownStyle = TextStyle(isTerminal: errorIsTerminal, environment: EnvironmentReader(environment))
        self.format = format
        self.logText = EventText(style: logStyle, actors: actors)
        self.ownText = EventText(style: ownStyle, actors: actors)
        self.hasTable = format == .text && outputIsTerminal && errorIsTerminal && environment["TERM"] != "dumb"
    }

    /// How often fresh numbers are of use while something happens.
    var statusInterval: Duration { self.hasTable || self.format == .json ? .seconds(1) : Self.plainStatusInterval }

    func emit(_ event: UpEvent) {
        switch self.format {
        case .json:
            let time = Timestamp.text(epochMilliseconds: Timestamp.currentMilliseconds())
            self.append(EventJSON.line(event, time: time), to: Self.standardOutput)
        case .text:
            if case .log = event {
                for line in self.logText.lines(event) { self.append(Array(line.utf8), to: Self.standardOutput) }
            } else {
                for line in self.ownText.lines(event) { self.append(Array(line.utf8), to: Self.standardError) }
            }
        }
    }

    /// Shows the numbers in the way that suits the output.
    func show(_ statuses: [ActorStatus], _ gateway: GatewayStatus?, now: Duration) {
        let table = StatusTable(statuses: statuses, gateway: gateway)
        if self.hasTable {
            self.tableIsStale = self.tableIsStale || self.table != table
            self.table = table
            return
        }
        guard table != self.lastShown else { return }
        if self.format == .text, let last = self.lastPlainStatus, now < last + Self.plainStatusInterval { return }
        self.lastPlainStatus = now
        let known = self.lastShown.statuses
        self.emit(.status(self.format == .json ? statuses : statuses.filter { !known.contains($0) }, gateway))
        self.lastShown = table
    }

    /// The terminal has another size.
    func resized() {
        self.tableIsStale = true
    }

    /// Leaves the table where it is; what follows comes below it.
    func closeTable() {
        self.flush()
        self.table.statuses = []
        self.drawnLines = []
    }

    /// Writes everything.
    func flush() {
        guard !self.chunks.isEmpty || self.tableIsStale else { return }
        let (width, height) = Self.terminalSize()
        if !self.drawnLines.isEmpty {
            // In a terminal that was made narrower the old lines take more rows than they are.
            let rows = self.drawnLines.reduce(0) { $0 + max(($1 + width - 1) / width, 1) }
            // Cursor to the first line of the table, clear to the end of the screen.
            self.write(Array("\u{1B}[\(rows)F\u{1B}[J".utf8), to: Self.standardError)
        }
        for (descriptor, bytes) in self.chunks { self.write(bytes, to: descriptor) }
        self.chunks.removeAll(keepingCapacity: true)
        self.tableIsStale = false
        self.drawnLines = []
        guard self.hasTable, !self.table.statuses.isEmpty else { return }
        // A line that wraps or scrolls away could not be rewritten.
        let plain = self.table.lines(width: width - 1, height: max(height / 2, 2), style: .plain)
        let shown = self.table.lines(width: width - 1, height: max(height / 2, 2), style: self.ownText.style)
        self.drawnLines = plain.map(\.count)
        self.write(Array(shown.map { $0 + "\n" }.joined().utf8), to: Self.standardError)
    }

    private func append(_ line: [UInt8], to descriptor: Int32) {
        if let last = self.chunks.indices.last, self.chunks[last].descriptor == descriptor {
            self.chunks[last].bytes += line + [UInt8(ascii: "\n")]
        } else {
            self.chunks.append((descriptor, line + [UInt8(ascii: "\n")]))
        }
    }

    private func write(_ bytes: [UInt8], to descriptor: Int32) {
        if !self.isBroken { self.isBroken = DescriptorOutput.write(bytes, to: descriptor) != 0 }
    }

    private static func terminalSize() -> (width: Int, height: Int) {
        var size = winsize()
        guard ioctl(self.standardError, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else {
            return (80, 24)
        }
        return (Int(size.ws_col), Int(size.ws_row))
    }
}
