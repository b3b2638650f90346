/// Why the store could not do what it was asked; each text names the file or queue and what to do.
public enum LocalQueueError: Error, Equatable, CustomStringConvertible, Sendable {
    /// Other processes kept the file locked for as long as we were willing to wait.
    case busy(path: String)
    /// No space left where the file is. Nothing that was accepted is lost; the same call works once there is space.
    case diskFull(path: String)
    /// The file is damaged, or not a database.
    case corrupt(path: String, detail: String)
    /// A database, but of another program.
    case foreignFile(path: String)
    /// Written by a newer version of Asya.
    case schemaTooNew(path: String, found: Int, known: Int)
    /// The file cannot be created, read or written.
    case notAccessible(path: String, reason: String)
    /// No such queue.
    case queueMissing(name: String)
    /// The queue still has messages and was not to be deleted with them.
    case queueNotEmpty(name: String, messageCount: Int)
    /// A queue's name has to be 1…200 letters, digits, `.`, `_` or `-`.
    case invalidQueueName(String)
    /// A message larger than `LocalQueue.largestBodyByteCount`.
    case bodyTooLarge(byteCount: Int)
    /// Anything else SQLite reports.
    case failed(path: String, code: Int, detail: String)

    /// Whether the same call can succeed later without anybody changing what was asked.
    public var isPassing: Bool {
        switch self {
        case .busy, .diskFull, .failed: true
        case .corrupt, .foreignFile, .schemaTooNew, .notAccessible, .queueMissing, .queueNotEmpty, .invalidQueueName,
            .bodyTooLarge:
            false
        }
    }

    /// One sentence for people.
    public var description: String {
        switch self {
        case .busy(let path):
            "the queue file \(path) is locked by another process; find it with 'fuser \(path)' if this goes on"
        case .diskFull(let path):
            "no space left for the queue file \(path); free some, nothing that was accepted is lost"
        case .corrupt(let path, let detail):
            """
            the queue file \(path) is damaged or not a database (\(detail)); move it away and try \
            'sqlite3 \(path) .recover'
            """
        case .foreignFile(let path):
            "\(path) is a database of another program; choose another path for the queue file"
        case .schemaTooNew(let path, let found, let known):
            """
            the queue file \(path) has schema version \(found), this program knows up to \(known); use the newer \
            version of asya that wrote it, or another path
            """
        case .notAccessible(let path, let reason):
            "cannot open the queue file \(path): \(reason); its directory has to exist and be writable"
        case .queueMissing(let name):
            "queue \(name) does not exist"
        case .queueNotEmpty(let name, let messageCount):
            "queue \(name) still has \(messageCount) messages; purge it first or delete it with its messages"
        case .invalidQueueName(let name):
            "'\(name)' is not a queue name: 1 to 200 letters, digits, '.', '_' or '-'"
        case .bodyTooLarge(let byteCount):
            "a message of \(byteCount) bytes is larger than the limit of \(LocalQueue.largestBodyByteCount) bytes"
        case .failed(let path, let code, let detail):
            "SQLite error \(code) in the queue file \(path): \(detail)"
        }
    }
}
