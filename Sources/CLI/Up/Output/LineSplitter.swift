/// Cuts the output of a process into lines of bounded length, whatever the process writes.
struct LineSplitter: Equatable, Sendable {
    /// Longer lines are cut into several: a log is no place for data, and memory has a bound.
    static let lineByteLimit = 16 * 1024

    private var pending: [UInt8] = []

    /// Whether a line has begun and not ended.
    var hasPartialLine: Bool { !self.pending.isEmpty }

    /// The lines that `bytes` complete, without their ends.
    mutating func append(_ bytes: some Sequence<UInt8>) -> [[UInt8]] {
        var lines: [[UInt8]] = []
        for byte in bytes {
            if byte == UInt8(ascii: "\n") {
                lines.append(self.take())
            } else {
                self.pending.append(byte)
                if self.pending.count >= Self.lineByteLimit { lines.append(self.take()) }
            }
        }
        return lines
    }

    /// The line that has begun: at the end of the output, or when a prompt or a progress bar does not go on.
    mutating func flush() -> [UInt8]? {
        self.pending.isEmpty ? nil : self.take()
    }

    private mutating func take() -> [UInt8] {
        var line = self.pending
        self.pending.removeAll(keepingCapacity: line.count <= 1024)
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        return line
    }
}
