import Glibc

/// Durable queues in one SQLite file, shared by all processes of one machine.
///
/// An instance is one connection and does everything on the calling thread, waiting for the disk and for the locks of
/// other processes: give it a thread of its own where that matters, and never use it from two threads at a time. Any
/// number of instances in any number of processes may work on the same file.
///
/// What it promises:
/// - A message that `send` or `commit` has accepted survives the death of every process, and with
///   `Synchronous.full` the loss of power.
/// - A claimed message is hidden for its lease. Whoever falls silent (kill -9) does nothing: the lease ends and the
///   message is delivered again. The right to settle goes to the last one who claimed it, so results are stored once.
/// - Results and acknowledgement of a delivery are one transaction (`QueueTransaction.Hop`): between queues a hop
///   happens exactly once.
/// - A message is in its queue or in the dead-letter queue, never in both; no order is promised, roughly first come
///   first served.
///
/// Time is the machine's clock, since leases have to outlive processes: a clock that jumps forward ends leases early,
/// which costs a second delivery but never a second result; one that jumps back delays what was sent before it.
public final class LocalQueue {
    /// What a commit waits for.
    public enum Synchronous: String, Sendable, CaseIterable {
        /// The disk: survives the loss of power.
        case full = "FULL"
        /// The operating system: survives the death of processes; the last moments may be lost with the power, the
        /// file stays sound.
        case normal = "NORMAL"
    }

    /// How a connection behaves.
    public struct Options: Sendable {
        /// What a commit waits for.
        public var synchronous = Synchronous.full
        /// How long locks of other processes are waited for before `LocalQueueError.busy`.
        public var busyTimeout = Duration.seconds(5)
        /// Settled deliveries remembered for `trace`; 0 turns the memory off.
        public var hopHistoryLimit = 100_000
        /// How long they are remembered.
        public var hopHistoryAge = Duration.seconds(7 * 24 * 3600)
        /// The clock: microseconds since 1970.
        public var clock: @Sendable () -> Int64 = LocalQueue.systemClock

        /// The defaults.
        public init(synchronous: Synchronous = .full) {
            self.synchronous = synchronous
        }
    }

    /// Bodies above this are refused; SQLite itself takes a little less than four times as much.
    public static let largestBodyByteCount = 256 * 1024 * 1024
    /// What is kept of an envelope's id: twice what a UUID with ten generations of children needs.
    static let largestIDByteCount = 512
    /// Pages after which the journal is written back into the file: 8 MiB, so that a burst fits and the journal stays
    /// small.
    private static let checkpointPageCount = 2000
    /// What the journal may keep on disk after it was written back.
    private static let journalByteLimit = 32 * 1024 * 1024
    /// Pages given back to the system per `maintain` call: 4 MiB, a few milliseconds.
    private static let vacuumPageCount: Int64 = 1024
    /// Free pages that are kept for reuse: 16 MiB, and a quarter of the file.
    private static let keptFreePageCount: Int64 = 4096

    let database: Database
    let options: Options
    let bell: QueueBell
    /// What the connection is set to at the moment.
    private var isSynchronous: Bool

    /// The file.
    public var path: String { self.database.path }

    /// Opens the file, and creates it (mode 0600) with its tables when it does not exist.
    public init(path: String, options: Options = Options()) throws(LocalQueueError) {
        try Self.create(path)
        let busyMilliseconds = Int(options.busyTimeout / .milliseconds(1))
        self.database = try Database(path: path, busyMilliseconds: busyMilliseconds)
        self.options = options
        self.bell = QueueBell(path: path)
        self.isSynchronous = options.synchronous == .full
        // The first thing that reads the file says whether it is a database at all.
        try Self.turnOnJournal(self.database)
        try Schema.prepare(self.database)
        try self.database.execute(
            """
            PRAGMA synchronous = \(options.synchronous.rawValue);
            PRAGMA wal_autocheckpoint = \(Self.checkpointPageCount);
            PRAGMA journal_size_limit = \(Self.journalByteLimit);
            PRAGMA temp_store = MEMORY;
            """
        )
    }

    /// The machine's clock.
    public static let systemClock: @Sendable () -> Int64 = {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    }

    var now: Int64 { self.options.clock() }

    /// A claim or a release that is lost with the power costs a redelivery, as a killed holder does: only what was
    /// accepted or acknowledged has to wait for the disk. (The next commit that waits takes these along.)
    func setDurable(_ isDurable: Bool) throws(LocalQueueError) {
        let isWanted = isDurable && self.options.synchronous == .full
        guard isWanted != self.isSynchronous else { return }
        // Not a statement that is kept: this pragma takes effect when it is compiled, not when it is stepped.
        try self.database.execute("PRAGMA synchronous = \(isWanted ? "FULL" : "NORMAL")")
        self.isSynchronous = isWanted
    }

    /// Messages are nobody else's business; SQLite gives its journal the file's mode.
    private static func create(_ path: String) throws(LocalQueueError) {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            let code = errno
            if code == ENOSPC || code == EDQUOT { throw .diskFull(path: path) }
            throw .notAccessible(path: path, reason: String(cString: strerror(code)))
        }
        close(descriptor)
    }

    /// Write-ahead logging. Several processes that start together get in one another's way here, which SQLite's busy
    /// handler does not cover in every case: `SQLITE_BUSY` is worth a few more attempts.
    private static func turnOnJournal(_ database: Database) throws(LocalQueueError) {
        var attempts = 20
        while true {
            do throws(LocalQueueError) {
                try database.execute("PRAGMA page_size = 4096; PRAGMA auto_vacuum = INCREMENTAL")
                try database.execute("PRAGMA journal_mode = WAL")
                return
            } catch {
                guard case .busy = error, attempts > 0 else { throw error }
                attempts -= 1
                usleep(10_000)
            }
        }
    }

    // MARK: Queues

    /// Creates a queue, or changes the limits of one that exists. Its dead-letter queue is created with it.
    public func createQueue(_ name: String, limits: QueueLimits = QueueLimits()) throws(LocalQueueError) {
        for name in [name, limits.deadLetterQueue].compactMap({ $0 }) where !Self.isQueueName(name) {
            throw .invalidQueueName(name)
        }
        // Its own dead-letter queue would deliver a poisonous message for ever.
        if limits.deadLetterQueue == name { throw .invalidQueueName(name) }
        try self.setDurable(true)
        try self.database.write { () throws(LocalQueueError) in
            if let deadLetters = limits.deadLetterQueue, try self.find(deadLetters) == nil {
                try self.save(deadLetters, QueueLimits())
            }
            try self.save(name, limits)
        }
    }

    private func save(_ name: String, _ limits: QueueLimits) throws(LocalQueueError) {
        let statement = try self.database.statement(.saveQueue)
        statement.bind(1, name)
        statement.bind(2, max(0, limits.maxRetryCount))
        statement.bind(3, limits.deadLetterQueue ?? "")
        statement.bind(4, self.now)
        try statement.run()
    }

    /// Deletes a queue; with messages in it only when `includingMessages` is set. A missing one is an error.
    public func deleteQueue(_ name: String, includingMessages: Bool = false) throws(LocalQueueError) {
        if includingMessages { _ = try self.purge(name) }
        try self.database.write { () throws(LocalQueueError) in
            guard let queue = try self.find(name) else { throw .queueMissing(name: name) }
            guard queue.messageCount == 0 else {
                throw .queueNotEmpty(name: name, messageCount: queue.messageCount)
            }
            let statement = try self.database.statement(.deleteQueue)
            statement.bind(1, queue.id)
            try statement.run()
        }
        self.bell.remove(name)
    }

    /// Whether there is a queue of this name.
    public func hasQueue(_ name: String) throws(LocalQueueError) -> Bool {
        try self.find(name) != nil
    }

    static func isQueueName(_ name: String) -> Bool {
        (1...200).contains(name.utf8.count) && name != "." && name != ".."
            && name.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }

    /// A row of `queue`.
    struct QueueRow {
        let id: Int64
        let name: String
        let maxRetryCount: Int
        let deadLetterQueue: String
        let messageCount: Int
    }

    func find(_ name: String) throws(LocalQueueError) -> QueueRow? {
        let statement = try self.database.statement(.findQueue)
        defer { statement.reset() }
        statement.bind(1, name)
        guard try statement.step() else { return nil }
        return QueueRow(
            id: statement.integer(0),
            name: name,
            maxRetryCount: Int(statement.integer(1)),
            deadLetterQueue: statement.text(2),
            messageCount: Int(statement.integer(3))
        )
    }

    // MARK: Upkeep

    /// Tidies up a little: old hops, free pages. Cheap; call it every few seconds when there is nothing else to do.
    /// Returns true when there is more to tidy up.
    @discardableResult
    public func maintain() throws(LocalQueueError) -> Bool {
        let hasMoreHops = try self.forgetOldHops()
        let free = try self.database.number("PRAGMA freelist_count")
        let all = try self.database.number("PRAGMA page_count")
        guard free > max(Self.keptFreePageCount, all / 4) else { return hasMoreHops }
        // As a statement that is stepped to its end: each row is one page that was given back.
        let statement = try self.database.prepare("PRAGMA incremental_vacuum(\(Self.vacuumPageCount))")
        while try statement.step() {}
        statement.reset()
        self.database.checkpoint()
        return true
    }
}
