import Synchronization

/// Collects what a callback was told.
final class ChangeLog: Sendable {
    private let lines = Mutex<[String]>([])

    func add(_ old: String?, _ new: String?) {
        self.lines.withLock { $0.append("\(old ?? "nil")→\(new ?? "nil")") }
    }

    func contains(_ old: String) -> Bool { self.lines.withLock { $0.contains("\(old)→nil") } }

    func take() -> [String] {
        self.lines.withLock { lines in
            defer { lines = [] }
            return lines
        }
    }
}
