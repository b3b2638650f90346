import Synchronization

/// The runtime's script (operator.md 6): read again when the file has changed.
final class ScriptSource: Sendable {
    /// A ConfigMap holds at most 1 MiB.
    static let byteLimit = 1 << 20

    /// The text and its hash.
    struct Script: Equatable, Sendable {
        var text: String
        var hash: String
    }

    private struct Cached {
        var script: Script
        var stamp: FileStamp
    }

    let path: String
    private let cached = Mutex<Cached?>(nil)

    init(path: String) {
        self.path = path
    }

    /// The script now, or an error whose text names the file.
    func read() throws(ClusterConfigurationError) -> Script {
        let stamp = FileStamp(self.path)
        if let stamp, let cached = self.cached.withLock({ $0 }), cached.stamp == stamp { return cached.script }
        let bytes = try BoundedFile.read(self.path, byteLimit: Self.byteLimit)
        let script = Script(text: String(decoding: bytes, as: UTF8.self), hash: ContentHash.text(of: bytes))
        if let stamp { self.cached.withLock { $0 = Cached(script: script, stamp: stamp) } }
        return script
    }
}
