import Glibc

/// The lines of a payload source, read as they are asked for. Empty lines are left out, but counted.
final class PayloadLines {
    /// A line and its number from 1.
    struct Line: Equatable {
        var number: Int
        var bytes: [UInt8]
    }

    private let blocks: FileBlocks?
    private let isOwned: Bool
    private let name: String
    private var reader = LineReader(byteLimit: PayloadSource.byteLimit)
    private var waiting: [Line] = []
    private var number = 0
    private var isAtEnd = false

    init(text: [UInt8], name: String) {
        self.blocks = nil
        self.isOwned = false
        self.name = name
        self.isAtEnd = true
        self.add((text + [UInt8(ascii: "\n")]).split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false))
        self.waiting.reverse()
    }

    /// `isOwned`: the descriptor is closed along with this.
    init(descriptor: Int32, isOwned: Bool, name: String) {
        self.blocks = FileBlocks(descriptor: descriptor, name: name)
        self.isOwned = isOwned
        self.name = name
    }

    deinit {
        if self.isOwned, let blocks { close(blocks.descriptor) }
    }

    /// The next line that is not empty; nil at the end.
    func next() throws(CommandFailure) -> Line? {
        while self.waiting.isEmpty {
            guard !self.isAtEnd, let blocks = self.blocks else { return nil }
            let block = try blocks.next()
            do throws(LineReader.TooLong) {
                if block.isEmpty {
                    self.isAtEnd = true
                    self.add(self.reader.finish().map { [$0[...]] } ?? [])
                } else {
                    self.add(try self.reader.lines(adding: block).map { $0[...] })
                }
            } catch {
                throw CommandFailure("line \(self.number + 1) of \(self.name) is larger than \(error.byteLimit) bytes")
            }
            // Taken from its end: removing the first of many lines would move all others.
            self.waiting.reverse()
        }
        return self.waiting.popLast()
    }

    private func add(_ lines: [ArraySlice<UInt8>]) {
        for line in lines {
            self.number += 1
            let isBlank = line.allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
            if !isBlank { self.waiting.append(Line(number: self.number, bytes: Array(line))) }
        }
    }
}
