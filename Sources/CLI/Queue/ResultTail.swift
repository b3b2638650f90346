import Glibc
import LocalStore

/// Follows the results that end actors write, across the change to a new file. Opens nothing for writing.
final class ResultTail {
    /// Where to begin.
    enum Start {
        /// With everything that is kept.
        case oldest
        /// With what comes from now on.
        case end
    }

    /// A result is at most a message and its frame.
    private static let lineByteLimit = PayloadSource.byteLimit + (1 << 20)

    private let files: ResultFiles
    private var descriptor: Int32 = -1
    private var reader = LineReader(byteLimit: lineByteLimit)

    init(_ files: ResultFiles, start: Start) {
        self.files = files
        switch start {
        case .oldest: self.descriptor = open(files.previous, O_RDONLY | O_CLOEXEC)
        case .end:
            self.descriptor = open(files.current, O_RDONLY | O_CLOEXEC)
            if self.descriptor >= 0 { lseek(self.descriptor, 0, SEEK_END) }
        }
    }

    deinit {
        if self.descriptor >= 0 { close(self.descriptor) }
    }

    /// Calls `take` with every result that has come since the last call.
    func read(_ take: (FinishedEnvelope) -> Void) throws(CommandFailure) {
        while true {
            // Whether a newer file exists is asked first: then what the old one still gets is read below.
            let isReplaced = self.isReplaced
            if self.descriptor >= 0 { try self.readToEnd(take) }
            guard isReplaced else { return }
            let next = open(self.files.current, O_RDONLY | O_CLOEXEC)
            guard next >= 0 else { return }
            if self.descriptor >= 0 { close(self.descriptor) }
            self.descriptor = next
            self.reader = LineReader(byteLimit: Self.lineByteLimit)
        }
    }

    private func readToEnd(_ take: (FinishedEnvelope) -> Void) throws(CommandFailure) {
        let blocks = FileBlocks(descriptor: self.descriptor, name: self.files.current)
        while true {
            let block = try blocks.next()
            if block.isEmpty { return }
            // A line that is too long is none of ours; the next line break ends it.
            let lines = (try? self.reader.lines(adding: block)) ?? []
            for line in lines { FinishedEnvelope(line: line).map(take) }
        }
    }

    private var isReplaced: Bool {
        var current = stat()
        guard stat(self.files.current, &current) == 0 else { return false }
        guard self.descriptor >= 0 else { return true }
        var own = stat()
        guard fstat(self.descriptor, &own) == 0 else { return true }
        return own.st_ino != current.st_ino || own.st_dev != current.st_dev
    }
}
