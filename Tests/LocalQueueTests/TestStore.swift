import Glibc
import Synchronization

@testable import LocalQueue

/// A queue file in a directory of its own that goes away with the object, and a clock that only tests move.
final class TestStore {
    /// Microseconds since 1970, shared by all connections of a test.
    final class Clock: Sendable {
        private let time = Atomic<Int64>(1_700_000_000_000_000)
        var now: Int64 { self.time.load(ordering: .relaxed) }
        func pass(_ duration: Duration) { self.time.add(duration.microseconds, ordering: .relaxed) }
    }

    let directory: String
    let clock = Clock()
    var path: String { self.directory + "/queues.db" }

    init() throws {
        var template = Array("/tmp/asya-localqueue-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw LocalQueueError.notAccessible(path: "/tmp", reason: "mkdtemp") }
        let bytes = template.dropLast().map { UInt8(bitPattern: $0) }
        self.directory = String(decoding: bytes, as: UTF8.self)
    }

    deinit {
        Self.remove(self.directory)
    }

    private static func remove(_ path: String) {
        if let directory = opendir(path) {
            while let entry = readdir(directory) {
                let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                    String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
                }
                if name != ".", name != ".." { Self.remove("\(path)/\(name)") }
            }
            closedir(directory)
        }
        Glibc.remove(path)
    }

    /// A store with these queues, and a connection to it.
    static func with(_ queueNames: [String]) throws -> (store: TestStore, queue: LocalQueue) {
        let store = try TestStore()
        let queue = try store.connect()
        for name in queueNames { try queue.createQueue(name) }
        return (store, queue)
    }

    /// Another connection, as another process would have it.
    func connect(_ edit: (inout LocalQueue.Options) -> Void = { _ in }) throws(LocalQueueError) -> LocalQueue {
        var options = LocalQueue.Options(synchronous: .normal)
        let clock = self.clock
        options.clock = { clock.now }
        edit(&options)
        return try LocalQueue(path: self.path, options: options)
    }
}

extension LocalQueue {
    func send(_ text: String, to queueName: String, id: String = "") throws(LocalQueueError) {
        try self.send([Publication(queueName: queueName, envelopeID: id, body: Array(text.utf8))])
    }

    func claim(
        _ queueName: String,
        count: Int = 1,
        bytes: Int = .max,
        visibility: Duration = .seconds(30)
    ) throws(LocalQueueError) -> [ClaimedMessage] {
        try self.claim(
            .init(queueName: queueName, messageCount: count, byteCount: bytes, visibility: visibility)
        )
    }

    func commit(_ edit: (inout QueueTransaction) -> Void) throws(LocalQueueError) -> QueueTransactionResult {
        var transaction = QueueTransaction()
        edit(&transaction)
        return try self.commit(transaction)
    }

    /// Sends, claims: a message in our hands.
    func hold(_ text: String, in queueName: String, id: String = "") throws -> ClaimedMessage {
        try self.send(text, to: queueName, id: id)
        let claimed = try self.claim(queueName)
        guard let message = claimed.first else { throw LocalQueueError.queueMissing(name: queueName) }
        return message
    }
}

extension ClaimedMessage {
    var text: String { String(decoding: self.body, as: UTF8.self) }
}
