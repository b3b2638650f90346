import CSQLite
import Glibc

/// One connection to SQLite and its prepared statements. Confined to one thread at a time by its owner.
final class Database {
    private let handle: OpaquePointer
    let path: String
    private var statements: [Statement?]

    /// How long a lock of another process is waited for, and in which steps: short ones keep the worst wait short.
    private final class Patience {
        static let step: UInt32 = 200
        let attempts: Int32
        init(milliseconds: Int) { self.attempts = Int32(clamping: milliseconds * 1000 / Int(Self.step)) }
    }
    private let patience: Patience

    /// Opens or creates the file. The busy handler is set before anything touches it.
    init(path: String, busyMilliseconds: Int) throws(LocalQueueError) {
        var handle: OpaquePointer?
        let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
        let code = sqlite3_open_v2(path, &handle, flags, nil)
        guard let handle else { throw .failed(path: path, code: Int(code), detail: "out of memory") }
        guard code == SQLITE_OK else {
            let error = Self.error(code, handle: handle, path: path)
            sqlite3_close_v2(handle)
            throw error
        }
        self.handle = handle
        self.path = path
        self.patience = Patience(milliseconds: busyMilliseconds)
        self.statements = Array(repeating: nil, count: Query.allCases.count)
        sqlite3_busy_handler(
            handle,
            { context, attempt in
                guard let context else { return 0 }
                let patience = Unmanaged<Patience>.fromOpaque(context).takeUnretainedValue()
                guard attempt < patience.attempts else { return 0 }
                usleep(Patience.step)
                return 1
            },
            Unmanaged.passUnretained(self.patience).toOpaque()
        )
    }

    deinit {
        self.statements.removeAll()
        sqlite3_close_v2(self.handle)
    }

    /// Rows changed by the last statement.
    var changeCount: Int { Int(sqlite3_changes(self.handle)) }
    /// Row id of the last insertion.
    var lastRowID: Int64 { sqlite3_last_insert_rowid(self.handle) }

    /// A statement that is prepared once and kept.
    func statement(_ query: Query) throws(LocalQueueError) -> Statement {
        if let known = self.statements[query.rawValue] { return known }
        let statement = try self.prepare(query.sql)
        self.statements[query.rawValue] = statement
        return statement
    }

    func prepare(_ sql: String) throws(LocalQueueError) -> Statement {
        var prepared: OpaquePointer?
        let code = sqlite3_prepare_v3(self.handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &prepared, nil)
        guard code == SQLITE_OK, let prepared else { throw self.error(code) }
        return Statement(prepared, database: self)
    }

    /// Runs statements without parameters and results, for instance a schema.
    func execute(_ sql: String) throws(LocalQueueError) {
        let code = sqlite3_exec(self.handle, sql, nil, nil, nil)
        guard code == SQLITE_OK else { throw self.error(code) }
    }

    /// The first column of the first row.
    func number(_ sql: String) throws(LocalQueueError) -> Int64 {
        let statement = try self.prepare(sql)
        return try statement.step() ? statement.integer(0) : 0
    }

    /// A transaction that writes: it waits for the lock at its beginning, so nothing inside can fail for a lock.
    func write<Result>(
        _ body: () throws(LocalQueueError) -> Result
    ) throws(LocalQueueError) -> Result {
        try self.transaction(.beginImmediate, body)
    }

    /// A transaction that only reads, from one state of the file.
    func read<Result>(
        _ body: () throws(LocalQueueError) -> Result
    ) throws(LocalQueueError) -> Result {
        try self.transaction(.begin, body)
    }

    private func transaction<Result>(
        _ begin: Query,
        _ body: () throws(LocalQueueError) -> Result
    ) throws(LocalQueueError) -> Result {
        try self.statement(begin).run()
        do throws(LocalQueueError) {
            let result = try body()
            try self.statement(.commit).run()
            return result
        } catch {
            self.rollBack()
            throw error
        }
    }

    private func rollBack() {
        for statement in self.statements { statement?.reset() }
        // SQLite has rolled back by itself after some errors (a full disk, for one).
        guard sqlite3_get_autocommit(self.handle) == 0 else { return }
        // If even this fails, the next BEGIN says so; the file is safe either way.
        sqlite3_exec(self.handle, "ROLLBACK", nil, nil, nil)
    }

    /// Moves the journal's content into the file as far as readers allow.
    func checkpoint() {
        // Only tidying up: what it cannot do now the next one does.
        sqlite3_wal_checkpoint_v2(self.handle, nil, SQLITE_CHECKPOINT_PASSIVE, nil, nil)
    }

    func error(_ code: Int32) -> LocalQueueError {
        Self.error(code, handle: self.handle, path: self.path)
    }

    private static func error(_ code: Int32, handle: OpaquePointer, path: String) -> LocalQueueError {
        let detail = sqlite3_errmsg(handle).map { String(cString: $0) } ?? "unknown"
        let system = sqlite3_system_errno(handle)
        return classify(code: code, systemError: system, detail: detail, path: path)
    }

    /// What an error of SQLite means for us.
    static func classify(code: Int32, systemError: Int32, detail: String, path: String) -> LocalQueueError {
        let isOutOfSpace = systemError == ENOSPC || systemError == EDQUOT
        switch code & 0xff {
        case SQLITE_BUSY, SQLITE_LOCKED, SQLITE_PROTOCOL:
            return .busy(path: path)
        case SQLITE_FULL:
            return .diskFull(path: path)
        case SQLITE_IOERR where isOutOfSpace || code == self.sharedMemoryGrowth:
            return .diskFull(path: path)
        case SQLITE_CANTOPEN where isOutOfSpace:
            return .diskFull(path: path)
        case SQLITE_CORRUPT, SQLITE_NOTADB:
            return .corrupt(path: path, detail: detail)
        case SQLITE_CANTOPEN, SQLITE_READONLY, SQLITE_PERM, SQLITE_AUTH:
            let reason = systemError == 0 ? detail : String(cString: strerror(systemError))
            return .notAccessible(path: path, reason: reason)
        default:
            return .failed(path: path, code: Int(code), detail: detail)
        }
    }

    /// `SQLITE_IOERR_SHMSIZE`: the shared index of the journal could not grow, which a full disk causes.
    private static let sharedMemoryGrowth = SQLITE_IOERR | (19 << 8)
}

/// A prepared statement. `reset()` after each use, also after an error.
final class Statement {
    private let handle: OpaquePointer
    private unowned let database: Database

    fileprivate init(_ handle: OpaquePointer, database: Database) {
        self.handle = handle
        self.database = database
    }

    deinit {
        sqlite3_finalize(self.handle)
    }

    // A bind fails only for an index that does not exist or for want of memory.
    @inline(__always)
    private func check(_ code: Int32) {
        precondition(code == SQLITE_OK, "a parameter of a statement that is written here")
    }

    func bind(_ index: Int32, _ value: Int64) { self.check(sqlite3_bind_int64(self.handle, index, value)) }

    func bind(_ index: Int32, _ value: Int) { self.bind(index, Int64(value)) }

    func bind(_ index: Int32, _ text: String) {
        var text = text
        text.withUTF8 { self.check(csqlite_bind_text(self.handle, index, $0.baseAddress ?? nil, Int32($0.count))) }
    }

    /// The bytes have to stay where they are until `reset()`.
    func bind(_ index: Int32, bytes: UnsafeRawBufferPointer) {
        self.check(csqlite_bind_bytes(self.handle, index, bytes.baseAddress, UInt64(bytes.count)))
    }

    /// True when there is a row.
    func step() throws(LocalQueueError) -> Bool {
        let code = sqlite3_step(self.handle)
        switch code {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        default: throw self.database.error(code)
        }
    }

    /// For statements without rows.
    func run() throws(LocalQueueError) {
        defer { self.reset() }
        _ = try self.step()
    }

    func reset() {
        sqlite3_reset(self.handle)
    }

    func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(self.handle, column) }
    func isNull(_ column: Int32) -> Bool { sqlite3_column_type(self.handle, column) == SQLITE_NULL }
    func byteCount(_ column: Int32) -> Int { Int(sqlite3_column_bytes(self.handle, column)) }

    func text(_ column: Int32) -> String {
        // Not as a C string: an id may contain any character.
        guard let start = sqlite3_column_text(self.handle, column) else { return "" }
        return String(decoding: UnsafeBufferPointer(start: start, count: self.byteCount(column)), as: UTF8.self)
    }

    func bytes(_ column: Int32) -> [UInt8] {
        let start = sqlite3_column_blob(self.handle, column)
        return Array(UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : self.byteCount(column)))
    }
}
