import Glibc

/// Reads a descriptor in blocks.
struct FileBlocks {
    private static let blockByteCount = 1 << 16

    let descriptor: Int32
    /// What to call it in errors.
    let name: String

    /// The next bytes; empty at the end.
    func next() throws(CommandFailure) -> [UInt8] {
        while true {
            var count = 0
            let block = [UInt8](unsafeUninitializedCapacity: Self.blockByteCount) { buffer, initialized in
                count = read(self.descriptor, buffer.baseAddress, buffer.count)
                initialized = max(0, count)
            }
            if count >= 0 { return block }
            guard errno == EINTR else {
                throw CommandFailure("cannot read \(self.name): \(String(cString: strerror(errno)))")
            }
        }
    }

    /// Everything up to the end.
    func all(byteLimit: Int) throws(CommandFailure) -> [UInt8] {
        var bytes: [UInt8] = []
        while true {
            let block = try self.next()
            if block.isEmpty { return bytes }
            bytes += block
            guard bytes.count <= byteLimit else {
                throw CommandFailure("\(self.name) is larger than \(byteLimit) bytes, the largest message")
            }
        }
    }
}
