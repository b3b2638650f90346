import Foundation
import Glibc

/// A folder of a test's own, removed with it.
final class TemporaryFolder {
    let path: String

    init() {
        let name = "asya-up-test-\(UUID().uuidString.prefix(8))"
        self.path = FileManager.default.temporaryDirectory.appendingPathComponent(name).path
        // Without a folder nothing of the test can work; the first use says so.
        try? FileManager.default.createDirectory(atPath: self.path, withIntermediateDirectories: true)
    }

    deinit {
        // A leftover in the temporary folder hurts nobody.
        try? FileManager.default.removeItem(atPath: self.path)
    }

    func write(_ text: String, to name: String) {
        let descriptor = open("\(self.path)/\(name)", O_WRONLY | O_CREAT | O_TRUNC, 0o755)
        let bytes = Array(text.utf8)
        _ = Glibc.write(descriptor, bytes, bytes.count)
        close(descriptor)
    }
}
