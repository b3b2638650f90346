import Glibc

/// Reads small files whole: certificates, tokens, scripts.
enum BoundedFile {
    /// The content of a file, or an error that names it.
    static func read(_ path: String, byteLimit: Int) throws(ClusterConfigurationError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw ClusterConfigurationError("open \(path): \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        var content: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let count = Glibc.read(descriptor, &block, block.count)
            if count == 0 { return content }
            if count < 0 {
                if errno == EINTR { continue }
                throw ClusterConfigurationError("read \(path): \(String(cString: strerror(errno)))")
            }
            content.append(contentsOf: block[..<count])
            guard content.count <= byteLimit else {
                throw ClusterConfigurationError("read \(path): above \(byteLimit) bytes")
            }
        }
    }

    /// The content as text without spaces around it.
    static func text(_ path: String, byteLimit: Int = 1 << 20) throws(ClusterConfigurationError) -> String {
        let content = try self.read(path, byteLimit: byteLimit)
        let text = String(decoding: content, as: UTF8.self)
        let trimmed = text.drop { $0.isWhitespace }
        return String(trimmed.reversed().drop { $0.isWhitespace }.reversed())
    }
}
