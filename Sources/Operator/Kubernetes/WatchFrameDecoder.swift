/// Cuts the body of a watch into lines, one JSON document each, however it arrives in pieces.
struct WatchFrameDecoder {
    /// The largest event that is accepted: etcd stores at most 1.5 MiB, the type around it is small.
    static let lineByteLimit = 4 << 20

    private var pending: [UInt8] = []

    /// Adds a piece and hands over every line that it completes.
    mutating func append(_ piece: some Collection<UInt8>) throws(APIError) -> [[UInt8]] {
        var lines: [[UInt8]] = []
        var rest = piece[...]
        while let newline = rest.firstIndex(of: UInt8(ascii: "\n")) {
            self.pending.append(contentsOf: rest[..<newline])
            if !self.pending.allSatisfy({ $0 == 0x0D || $0 == 0x20 }) { lines.append(self.pending) }
            self.pending.removeAll(keepingCapacity: self.pending.count < 64 * 1024)
            rest = rest[rest.index(after: newline)...]
        }
        guard self.pending.count + rest.count <= Self.lineByteLimit else {
            throw APIError.tooLarge(limit: Self.lineByteLimit)
        }
        self.pending.append(contentsOf: rest)
        return lines
    }
}
