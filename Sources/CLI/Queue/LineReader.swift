/// Splits bytes into lines, however they arrive; a line has a limit.
struct LineReader {
    /// A line beyond the limit. It is left out; reading can go on.
    struct TooLong: Error, Equatable {
        var byteLimit: Int
    }

    private let byteLimit: Int
    private var rest: [UInt8] = []
    private var isSkipping = false

    init(byteLimit: Int) {
        self.byteLimit = byteLimit
    }

    /// Complete lines after `bytes` have come; what follows the last line break is kept.
    mutating func lines(adding bytes: [UInt8]) throws(TooLong) -> [[UInt8]] {
        var lines: [[UInt8]] = []
        var start = bytes.startIndex
        while let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) {
            if !self.isSkipping {
                try self.keep(bytes[start..<end])
                lines.append(self.rest)
            }
            self.rest = []
            self.isSkipping = false
            start = bytes.index(after: end)
        }
        if !self.isSkipping { try self.keep(bytes[start...]) }
        return lines
    }

    private mutating func keep(_ bytes: ArraySlice<UInt8>) throws(TooLong) {
        guard self.rest.count + bytes.count <= self.byteLimit else {
            self.rest = []
            self.isSkipping = true
            throw TooLong(byteLimit: self.byteLimit)
        }
        self.rest += bytes
    }

    /// A last line without a line break; nil when there is none.
    mutating func finish() -> [UInt8]? {
        guard !self.rest.isEmpty else { return nil }
        defer { self.rest = [] }
        return self.rest
    }
}
