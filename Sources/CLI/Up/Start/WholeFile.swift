import Glibc

/// Small files that others may read at any moment.
enum WholeFile {
    /// Writes under another name first: nobody ever reads half a file.
    static func write(_ content: [UInt8], toFile path: String) throws(UpError) {
        let temporary = "\(path).\(getpid())"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        let written = descriptor >= 0 ? Glibc.write(descriptor, content, content.count) : -1
        if descriptor >= 0 { close(descriptor) }
        guard written == content.count, rename(temporary, path) == 0 else {
            let reason = String(cString: strerror(errno))
            unlink(temporary)
            throw UpError("cannot write \(path): \(reason)")
        }
    }
}
