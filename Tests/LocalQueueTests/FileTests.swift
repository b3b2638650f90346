import Glibc
import Testing

@testable import LocalQueue

@Suite("The queue file")
struct FileTests {
    let store: TestStore

    init() throws {
        self.store = try TestStore()
    }

    private func write(_ bytes: [UInt8], at offset: Int = 0, to path: String) {
        let descriptor = open(path, O_RDWR | O_CREAT, 0o600)
        _ = pwrite(descriptor, bytes, bytes.count, off_t(offset))
        close(descriptor)
    }

    @Test("what was accepted is there after a restart, and the file is private")
    func restart() throws {
        do {
            let queue = try self.store.connect()
            try queue.createQueue("asya-a", limits: QueueLimits(maxRetryCount: 3, deadLetterQueue: "dlq"))
            try queue.send("m", to: "asya-a")
        }
        let queue = try self.store.connect()
        #expect(try queue.statistics().map(\.name) == ["asya-a", "dlq"])
        #expect(try queue.statistics(of: "asya-a").limits == QueueLimits(maxRetryCount: 3, deadLetterQueue: "dlq"))
        #expect(try queue.claim("asya-a").map(\.text) == ["m"])
        var status = stat()
        #expect(stat(self.store.path, &status) == 0 && status.st_mode & 0o777 == 0o600)
    }

    @Test("write-ahead log, both levels of durability, and space that can be given back")
    func settings() throws {
        for (level, number) in [(LocalQueue.Synchronous.full, 2), (.normal, 1)] {
            let queue = try self.store.connect { $0.synchronous = level }
            #expect(try queue.database.number("PRAGMA synchronous") == number)
            #expect(try queue.database.number("PRAGMA auto_vacuum") == 2)
            let mode = try queue.database.prepare("PRAGMA journal_mode")
            #expect(try mode.step() && mode.text(0) == "wal")
        }
    }

    @Test("what was accepted waits for the disk, a claim or a release does not; each time anew")
    func durability() throws {
        let queue = try self.store.connect { $0.synchronous = .full }
        try queue.createQueue("asya-a")
        for _ in 0..<2 {
            try queue.send("m", to: "asya-a")
            #expect(try queue.database.number("PRAGMA synchronous") == 2)
            let message = try #require(try queue.claim("asya-a").first)
            #expect(try queue.database.number("PRAGMA synchronous") == 1)
            _ = try queue.commit { $0.acknowledgements = [message.lease] }
            #expect(try queue.database.number("PRAGMA synchronous") == 2)
        }
    }

    @Test("the file does not keep the space of what has been consumed")
    func bounded() throws {
        let queue = try self.store.connect { $0.hopHistoryLimit = 0 }
        try queue.createQueue("asya-a")
        let body = [UInt8](repeating: 7, count: 100_000)
        let batch = (0..<100).map { _ in Publication(queueName: "asya-a", envelopeID: "", body: body) }
        for _ in 0..<10 { try queue.send(batch) }
        let fullPageCount = try queue.database.number("PRAGMA page_count")
        #expect(fullPageCount > 20_000)
        while let held = try queue.claim("asya-a", count: 100).nonEmpty {
            _ = try queue.commit { $0.acknowledgements = held.map(\.lease) }
        }
        while try queue.maintain() {}
        #expect(try queue.database.number("PRAGMA page_count") <= 5000)
        // And what is kept is used again.
        for _ in 0..<50 {
            try queue.send(Array(batch.prefix(10)))
            let held = try queue.claim("asya-a", count: 10)
            _ = try queue.commit { $0.acknowledgements = held.map(\.lease) }
        }
        #expect(try queue.database.number("PRAGMA page_count") <= 5000)
        var status = stat()
        #expect(stat(self.store.path + "-wal", &status) == 0 && status.st_size <= 48 * 1024 * 1024)
    }

    @Test("a file that is no database says so", arguments: ["garbage", "header", "pages"])
    func corrupt(kind: String) throws {
        switch kind {
        case "garbage": self.write([UInt8](repeating: 0x41, count: 10_000), to: self.store.path)
        case "header":
            _ = try self.store.connect()
            self.write([0, 0, 0], at: 16, to: self.store.path)
        default:
            do {
                let queue = try self.store.connect()
                try queue.createQueue("asya-a")
                for _ in 0..<200 { try queue.send(String(repeating: "x", count: 500), to: "asya-a") }
            }
            self.write([UInt8](repeating: 0xff, count: 100_000), at: 4096, to: self.store.path)
        }
        let error = #expect(throws: LocalQueueError.self) {
            let queue = try self.store.connect()
            _ = try queue.claim("asya-a", count: 100)
        }
        guard case .corrupt(let path, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(path == self.store.path && error?.description.contains(path) == true && error?.isPassing == false)
    }

    @Test("a newer schema and another program's database are refused, and left as they are")
    func otherVersions() throws {
        do {
            let queue = try self.store.connect()
            try queue.database.execute("PRAGMA user_version = 7")
        }
        #expect(
            throws: LocalQueueError.schemaTooNew(path: self.store.path, found: 7, known: 1)
        ) { try self.store.connect() }
        let other = self.store.directory + "/other.db"
        let database = try Database(path: other, busyMilliseconds: 1)
        try database.execute("CREATE TABLE t (x)")
        #expect(throws: LocalQueueError.foreignFile(path: other)) { try LocalQueue(path: other) }
    }

    @Test("a place where no file can be is an error that names it", arguments: ["missing/queues.db", ""])
    func notAccessible(name: String) throws {
        let path = "\(self.store.directory)/\(name)"
        let error = #expect(throws: LocalQueueError.self) { try LocalQueue(path: path) }
        guard case .notAccessible(path, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test("a lock that is kept too long is a passing error; nothing was done")
    func busy() throws {
        let queue = try self.store.connect { $0.busyTimeout = .milliseconds(30) }
        try queue.createQueue("asya-a")
        let other = try self.store.connect()
        try other.database.execute("BEGIN IMMEDIATE")
        let error = #expect(throws: LocalQueueError.busy(path: self.store.path)) { try queue.send("m", to: "asya-a") }
        #expect(error?.isPassing == true)
        #expect(try queue.statistics(of: "asya-a").messageCount == 0, "readers are not locked out")
        try other.database.execute("ROLLBACK")
        try queue.send("m", to: "asya-a")
        #expect(try queue.statistics(of: "asya-a").messageCount == 1)
    }

    @Test("a full disk is a passing error; what was accepted is there, and there is more when there is space")
    func diskFull() throws {
        let queue = try self.store.connect()
        try queue.createQueue("asya-a")
        try queue.send("before", to: "asya-a")
        let pageCount = try queue.database.number("PRAGMA page_count")
        _ = try queue.database.number("PRAGMA max_page_count = \(pageCount + 2)")
        let error = #expect(throws: LocalQueueError.diskFull(path: self.store.path)) {
            try queue.send(String(repeating: "x", count: 1_000_000), to: "asya-a")
        }
        #expect(error?.isPassing == true)
        #expect(try queue.peek("asya-a").map { String(decoding: $0.body, as: UTF8.self) } == ["before"])
        _ = try queue.database.number("PRAGMA max_page_count = 1000000")
        try queue.send("after", to: "asya-a")
        #expect(try queue.claim("asya-a", count: 9).map(\.text) == ["before", "after"])
    }

    @Test("system errors become the error that says what to do")
    func classification() {
        func classify(_ code: Int32, _ systemError: Int32 = 0) -> LocalQueueError {
            Database.classify(code: code, systemError: systemError, detail: "d", path: "p")
        }
        #expect(classify(5) == .busy(path: "p"))
        #expect(classify(5 | 2 << 8) == .busy(path: "p"), "busy snapshot")
        #expect(classify(13) == .diskFull(path: "p"))
        #expect(classify(10 | 3 << 8, ENOSPC) == .diskFull(path: "p"), "a write")
        #expect(classify(10 | 19 << 8) == .diskFull(path: "p"), "the shared index of the journal")
        #expect(classify(10 | 3 << 8, EIO) == .failed(path: "p", code: 778, detail: "d"))
        #expect(classify(11) == .corrupt(path: "p", detail: "d"))
        #expect(classify(26) == .corrupt(path: "p", detail: "d"))
        #expect(classify(14, EACCES) == .notAccessible(path: "p", reason: "Permission denied"))
        #expect(classify(8) == .notAccessible(path: "p", reason: "d"))
    }

    @Test("queues are created, changed and deleted; with messages only when that is meant")
    func queues() throws {
        let queue = try self.store.connect()
        try queue.createQueue("asya-a")
        try queue.send("m", to: "asya-a")
        try queue.createQueue("asya-a", limits: QueueLimits(maxRetryCount: 5))
        #expect(try queue.statistics(of: "asya-a").limits.maxRetryCount == 5)
        #expect(throws: LocalQueueError.queueNotEmpty(name: "asya-a", messageCount: 1)) {
            try queue.deleteQueue("asya-a")
        }
        try queue.deleteQueue("asya-a", includingMessages: true)
        #expect(try !queue.hasQueue("asya-a") && queue.statistics().isEmpty)
        #expect(throws: LocalQueueError.queueMissing(name: "asya-a")) { try queue.deleteQueue("asya-a") }
    }

    @Test(
        "a queue's name is checked",
        arguments: ["", "a/b", "..", ".", "a b", "ä", String(repeating: "x", count: 201)]
    )
    func names(name: String) throws {
        let queue = try self.store.connect()
        #expect(throws: LocalQueueError.invalidQueueName(name)) { try queue.createQueue(name) }
        #expect(throws: LocalQueueError.queueMissing(name: name)) { try queue.send("m", to: name) }
    }
}
