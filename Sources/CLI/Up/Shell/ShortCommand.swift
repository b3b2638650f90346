import Glibc

/// A program that is asked one thing at the start and ends by itself; killed when it does not.
enum ShortCommand {
    private static let outputLimit = 64 * 1024
    private static let timeoutMilliseconds: Int32 = 5000

    /// What it wrote, line by line, and how it ended; nil when it could not be started.
    static func run(_ command: ProcessCommand) -> (lines: [String], end: ProcessEnd)? {
        // Why it could not be started is nothing to its callers: they go on without.
        guard let process = try? ChildProcess.start(command) else { return nil }
        var lines: [String] = []
        var byteCount = 0
        var buffer = [UInt8](repeating: 0, count: 4096)
        while process.output >= 0, byteCount < self.outputLimit {
            var request = pollfd(fd: process.output, events: Int16(POLLIN), revents: 0)
            guard poll(&request, 1, self.timeoutMilliseconds) > 0 else { break }
            let read: [[UInt8]] = process.readLines(now: Duration.zero, into: &buffer)
            lines += read.map { String(decoding: $0, as: UTF8.self) }
            byteCount += read.reduce(0) { $0 + $1.count }
        }
        if let rest = process.flushLine() { lines.append(String(decoding: rest, as: UTF8.self)) }
        return (lines, Self.end(of: process))
    }

    private static func end(of process: ChildProcess) -> ProcessEnd {
        for _ in 0..<self.timeoutMilliseconds {
            if let end = process.reap() { return end }
            usleep(1000)
        }
        process.killGroup()
        while true {
            if let end = process.reap() { return end }
            usleep(1000)
        }
    }
}
