import CUVShim
import Glibc
import Support

/// What the runtime announces in its ready file (`runtime.md` section 6).
struct RuntimeCapabilities: Equatable {
    /// The connection stays open after a reply.
    var keepsConnection = false
    /// How many requests may wait in the socket behind the one being served.
    var aheadCount = 0

    /// More than this is not used: the gain ends there (hot-path measurements, section 4).
    static let aheadLimit = 8

    /// Reads the second line of a ready file; a file without one is the original's, which announces nothing.
    init(readyFile text: String) {
        let lines = text.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
        guard lines.count == 2, case .object(let members)? = try? JSONValue(parsing: String(lines[1])) else { return }
        if case .bool(true)? = members["keepalive"] { self.keepsConnection = true }
        if self.keepsConnection, let ahead = members["ahead"]?.integer {
            self.aheadCount = max(0, min(Self.aheadLimit, ahead))
        }
    }
}

/// Looks for the runtime's ready file and socket (`sidecar.md` section 3, step 7).
struct RuntimeReadiness {
    /// `<dir>/asya-runtime.sock`.
    let socketPath: String
    /// `<dir>/runtime-ready`.
    let readyPath: String
    private static let readyFileByteLimit = 4096

    init(directory: String) {
        self.socketPath = directory + "/asya-runtime.sock"
        self.readyPath = directory + "/runtime-ready"
    }

    /// The capabilities once the ready file exists and the socket path is a socket; nil before.
    func look() -> RuntimeCapabilities? {
        guard let text = self.readReadyFile(), cuvshim_path_is_socket(self.socketPath) == 1 else { return nil }
        return RuntimeCapabilities(readyFile: text)
    }

    private func readReadyFile() -> String? {
        let descriptor = open(self.readyPath, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return nil }
        defer { Glibc.close(descriptor) }
        return withUnsafeTemporaryAllocation(byteCount: Self.readyFileByteLimit, alignment: 1) { buffer in
            let count = read(descriptor, buffer.baseAddress, buffer.count)
            guard count >= 0 else { return nil }
            return String(decoding: UnsafeRawBufferPointer(rebasing: buffer[..<count]), as: UTF8.self)
        }
    }
}
