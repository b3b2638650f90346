import Glibc

/// Keeps a second `asya up` away from the same state directory: a lock on `up.lock`, which the kernel drops when the
/// process ends, however that happens. The file holds the process id, for people.
final class InstanceLock {
    private static let longestText = 32

    private let descriptor: Int32

    /// Takes the lock or says who has it. The directory exists.
    init(directory: String) throws(UpError) {
        let path = "\(directory)/up.lock"
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw UpError("cannot open \(path): \(String(cString: strerror(errno)))")
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let reason = errno
            let holder = Self.text(of: descriptor)
            close(descriptor)
            guard reason == EWOULDBLOCK else {
                throw UpError("cannot lock \(path): \(String(cString: strerror(reason)))")
            }
            throw UpError(
                "asya up runs in this directory already (process \(holder)); stop it first, or use another"
                    + " queue file with --path"
            )
        }
        self.descriptor = descriptor
        let text = Array("\(getpid())\n".utf8)
        // For people only: the lock itself is what counts.
        _ = ftruncate(descriptor, 0)
        _ = pwrite(descriptor, text, text.count, 0)
    }

    deinit {
        // A child that is just being started has the file open too, until it executes its program.
        flock(self.descriptor, LOCK_UN)
        close(self.descriptor)
    }

    private static func text(of descriptor: Int32) -> String {
        var bytes = [UInt8](repeating: 0, count: Self.longestText)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        let digits = bytes.prefix(max(count, 0)).prefix { $0 != UInt8(ascii: "\n") }
        return digits.isEmpty ? "unknown" : String(decoding: digits, as: UTF8.self)
    }
}
