import Glibc

/// Finds out how many GPUs there are to hand out.
enum GPUDetection {
    private static let outputLimit = 64 * 1024
    private static let timeoutMilliseconds: Int32 = 5000

    /// Lines of `nvidia-smi -L`, one per GPU; nil when there is no such program or it has nothing to say.
    static func count(searchPath: String, environment: [String: String]) -> Int? {
        let candidates: [String] = searchPath.split(separator: ":").map { "\($0)/nvidia-smi" }
        guard let program = candidates.first(where: { access($0, X_OK) == 0 }) else { return nil }
        let command = ProcessCommand(arguments: [program, "-L"], environment: environment, directory: "/")
        guard let process = try? ChildProcess.start(command, role: .runtime) else { return nil }
        var lineCount = 0
        var byteCount = 0
        var buffer = [UInt8](repeating: 0, count: 4096)
        while process.output >= 0, byteCount < self.outputLimit {
            var request = pollfd(fd: process.output, events: Int16(POLLIN), revents: 0)
            guard poll(&request, 1, self.timeoutMilliseconds) > 0 else { break }
            let lines: [[UInt8]] = process.readLines(now: Duration.zero, into: &buffer)
            lineCount += lines.count { String(decoding: $0, as: UTF8.self).hasPrefix("GPU ") }
            byteCount += lines.reduce(0) { $0 + $1.count }
        }
        process.killGroup()
        while process.reap() == nil { usleep(1000) }
        return lineCount > 0 ? lineCount : nil
    }
}
