import Glibc

/// Reads the small files that credentials come from: tokens that the kubelet mounts, the shared profile files.
public enum LocalFile {
    /// Largest token file.
    public static let tokenByteLimit = 64 * 1024

    /// The whole file. Such files live in memory or in the page cache, so this does not wait for a disk.
    public static func read(_ path: String, byteLimit: Int) throws(CredentialError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .unreadableFile(path: path, reason: self.lastErrorText()) }
        defer { close(descriptor) }
        var contents: [UInt8] = []
        while true {
            var failure = false
            let chunk = [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
                let result = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
                failure = result < 0
                count = max(result, 0)
            }
            if failure, errno == EINTR { continue }
            if failure { throw .unreadableFile(path: path, reason: self.lastErrorText()) }
            if chunk.isEmpty { return contents }
            contents += chunk
            guard contents.count <= byteLimit else {
                throw .unreadableFile(path: path, reason: "it is larger than \(byteLimit) bytes")
            }
        }
    }

    /// The shared files that the variables name, or those of the home directory. One that is not there is empty;
    /// one that cannot be read is an error only when a variable names it.
    public static func sharedConfiguration(
        named variable: (String) -> String?
    ) throws(CredentialError) -> SharedConfiguration {
        SharedConfiguration(
            credentials: try self.sharedFile("AWS_SHARED_CREDENTIALS_FILE", "credentials", variable),
            config: try self.sharedFile("AWS_CONFIG_FILE", "config", variable)
        )
    }

    private static func sharedFile(
        _ name: String,
        _ defaultName: String,
        _ variable: (String) -> String?
    ) throws(CredentialError) -> String? {
        if let path = variable(name) {
            return String(decoding: try self.read(path, byteLimit: SharedConfiguration.fileByteLimit), as: UTF8.self)
        }
        guard let home = variable("HOME") else { return nil }
        do {
            let path = "\(home)/.aws/\(defaultName)"
            return String(decoding: try self.read(path, byteLimit: SharedConfiguration.fileByteLimit), as: UTF8.self)
        } catch {
            return nil  // In a pod there is no such file, and nobody asked for it.
        }
    }

    private static func lastErrorText() -> String {
        String(cString: strerror(errno))
    }
}
