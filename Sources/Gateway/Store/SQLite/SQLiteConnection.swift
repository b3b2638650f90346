internal import CSQLite
internal import CSQLiteLog

/// One connection of SQLite with its prepared statements. Confined to the thread that made it.
final class SQLiteConnection {
    /// What SQLite answered.
    struct Failure: Error, CustomStringConvertible {
        var code: Int32
        var text: String
        var description: String { "SQLite: \(self.text) (\(self.code))" }
        var isConstraint: Bool { self.code & 0xFF == SQLITE_CONSTRAINT }
    }

    private let handle: OpaquePointer
    private var statements: [String: SQLiteStatement] = [:]
    /// Those of constants, which need not be found by their text.
    private var constantStatements: [ObjectIdentifier: SQLiteStatement] = [:]

    /// Opens or creates a file.
    init(path: String) throws(Failure) {
        var handle: OpaquePointer?
        let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX
        let status = sqlite3_open_v2(path, &handle, flags, csqlite_log_layer())
        guard status == SQLITE_OK, let handle else {
            let text = handle.map { String(cString: sqlite3_errmsg($0)) } ?? "out of memory"
            sqlite3_close_v2(handle)
            throw Failure(code: status, text: "cannot open \(path): \(text)")
        }
        self.handle = handle
        sqlite3_extended_result_codes(handle, 1)
        // Another process may hold the lock while it migrates or, if somebody shares the file, commits.
        sqlite3_busy_timeout(handle, 5000)
    }

    deinit {
        self.statements.removeAll()
        self.constantStatements.removeAll()
        sqlite3_close_v2(self.handle)
    }

    /// Runs statements without parameters.
    func execute(_ sql: String) throws(Failure) {
        let status = sqlite3_exec(self.handle, sql, nil, nil, nil)
        guard status == SQLITE_OK else { throw self.failure(status) }
    }

    /// Runs a statement and calls `row` for each row.
    func run(
        _ sql: String,
        _ values: [SQLiteValue] = [],
        row: (SQLiteRow) -> Void = { _ in }
    ) throws(Failure) {
        try self.run(try self.prepared(sql), values, row)
    }

    /// The same for a constant.
    func run(
        _ query: SQLiteQuery,
        _ values: [SQLiteValue] = [],
        row: (SQLiteRow) -> Void = { _ in }
    ) throws(Failure) {
        let key = ObjectIdentifier(query)
        if let known = self.constantStatements[key] { return try self.run(known, values, row) }
        let statement = try self.prepare(query.text)
        self.constantStatements[key] = statement
        try self.run(statement, values, row)
    }

    private func run(
        _ statement: SQLiteStatement,
        _ values: [SQLiteValue],
        _ row: (SQLiteRow) -> Void
    ) throws(Failure) {
        defer { statement.reset() }
        for (index, value) in values.enumerated() {
            let status = statement.bind(value, at: Int32(index + 1))
            guard status == SQLITE_OK else { throw self.failure(status) }
        }
        while true {
            let status = sqlite3_step(statement.handle)
            switch status {
            case SQLITE_ROW: row(SQLiteRow(statement: statement.handle))
            case SQLITE_DONE: return
            default: throw self.failure(status)
            }
        }
    }

    /// Rows that the last statement changed.
    var changedCount: Int { Int(sqlite3_changes(self.handle)) }
    /// Row id of the last insert.
    var lastInsertedRow: Int64 { sqlite3_last_insert_rowid(self.handle) }

    private func prepared(_ sql: String) throws(Failure) -> SQLiteStatement {
        if let known = self.statements[sql] { return known }
        let statement = try self.prepare(sql)
        self.statements[sql] = statement
        return statement
    }

    private func prepare(_ sql: String) throws(Failure) -> SQLiteStatement {
        var handle: OpaquePointer?
        let status = sqlite3_prepare_v3(self.handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &handle, nil)
        guard status == SQLITE_OK, let handle else { throw self.failure(status) }
        return SQLiteStatement(handle)
    }

    private func failure(_ status: Int32) -> Failure {
        Failure(code: status, text: String(cString: sqlite3_errmsg(self.handle)))
    }
}

/// A statement that runs with every call: its text is not hashed again and again.
final class SQLiteQuery: Sendable {
    let text: String

    init(_ text: String) {
        self.text = text
    }
}

/// A prepared statement.
final class SQLiteStatement {
    let handle: OpaquePointer

    init(_ handle: OpaquePointer) {
        self.handle = handle
    }

    deinit {
        sqlite3_finalize(self.handle)
    }

    func reset() {
        sqlite3_reset(self.handle)
        sqlite3_clear_bindings(self.handle)
    }

    func bind(_ value: SQLiteValue, at index: Int32) -> Int32 {
        switch value {
        case .null: return sqlite3_bind_null(self.handle, index)
        case .integer(let number): return sqlite3_bind_int64(self.handle, index, number)
        case .double(let number): return sqlite3_bind_double(self.handle, index, number)
        case .text(let text):
            var text = text
            return text.withUTF8 { csqlite_bind_text(self.handle, index, $0.baseAddress, Int32($0.count)) }
        case .blob(let bytes):
            return bytes.withUnsafeBytes { bytes in
                // Copied, since the array may go away before the statement runs.
                csqlite_bind_text(self.handle, index, bytes.baseAddress, Int32(bytes.count))
            }
        }
    }
}

/// A value to bind.
enum SQLiteValue {
    case null
    case integer(Int64)
    case double(Double)
    case text(String)
    /// JSON text, which is UTF-8.
    case blob([UInt8])

    static func text(_ text: String?) -> SQLiteValue { text.map { .text($0) } ?? .null }
    static func integer(_ number: Int) -> SQLiteValue { .integer(Int64(number)) }
    static func integer(_ number: Int?) -> SQLiteValue { number.map { .integer(Int64($0)) } ?? .null }
    static func time(_ time: EpochTime?) -> SQLiteValue { time.map { .integer($0.microseconds) } ?? .null }
    static func json(_ json: RawJSON?) -> SQLiteValue { json.map { .blob($0.bytes) } ?? .null }
}

/// The row a statement stands on; valid until it steps on.
struct SQLiteRow {
    let statement: OpaquePointer

    func isNull(_ column: Int32) -> Bool { sqlite3_column_type(self.statement, column) == SQLITE_NULL }
    func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(self.statement, column) }
    func double(_ column: Int32) -> Double { sqlite3_column_double(self.statement, column) }
    func optionalInteger(_ column: Int32) -> Int? { self.isNull(column) ? nil : Int(self.integer(column)) }

    func text(_ column: Int32) -> String? {
        self.isNull(column) ? nil : String(decoding: self.bytes(column), as: UTF8.self)
    }

    func time(_ column: Int32) -> EpochTime? {
        self.isNull(column) ? nil : EpochTime(microseconds: self.integer(column))
    }

    func json(_ column: Int32) -> RawJSON? { self.isNull(column) ? nil : RawJSON(trusted: self.bytes(column)) }

    private func bytes(_ column: Int32) -> [UInt8] {
        guard let start = sqlite3_column_blob(self.statement, column) else { return [] }
        return Array(UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(self.statement, column))))
    }
}
