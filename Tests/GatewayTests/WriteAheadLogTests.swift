import CSQLite
import Foundation
import Testing

@testable import Gateway

/// The layer that writes a transaction's pages at once must leave nothing behind that a commit promised.
@Suite("Write-ahead log")
struct WriteAheadLogTests {
    /// Rows of all sizes up to far beyond what the layer keeps, changed again within and after their transaction.
    private static let transactions: [[(key: Int, byteCount: Int)]] = [
        [(1, 10)],
        [(2, 100), (3, 5000), (2, 4000), (4, 70_000)],
        [(5, 1_000_000)],
        [(1, 300_000), (1, 20), (6, 129 * 1024), (7, 131_072), (8, 1)],
        (10..<300).map { ($0, $0 * 7) },
        (10..<300).map { ($0, 5) },
    ]

    @Test("What was committed can be read past the layer, at once and after a crash")
    func committedIsWritten() throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let path = directory.appendingPathComponent("store.db").path
        let connection = try SQLiteSchema.open(path: path)
        try connection.execute("CREATE TABLE rows (key INTEGER PRIMARY KEY, body BLOB NOT NULL)")
        var expected: [Int: [UInt8]] = [:]
        for (number, transaction) in Self.transactions.enumerated() {
            try connection.run("BEGIN IMMEDIATE")
            for (key, byteCount) in transaction {
                let body = (0..<byteCount).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ key &+ number) }
                try connection.run("INSERT OR REPLACE INTO rows VALUES (?1, ?2)", [.integer(key), .blob(body)])
                expected[key] = body
                // A transaction reads its own pages, those that are not in the file yet among them.
                #expect(try Self.count(connection, key) == byteCount)
            }
            try connection.run("COMMIT")
            #expect(try Self.rows(path) == expected, "transaction \(number), another connection")
            // The files as they are now are what a crash would leave.
            let copy = directory.appendingPathComponent("crash-\(number).db").path
            for suffix in ["", "-wal"] {
                try FileManager.default.copyItem(atPath: path + suffix, toPath: copy + suffix)
            }
            #expect(try Self.rows(copy) == expected, "transaction \(number), after a crash")
        }
    }

    @Test("What was rolled back is gone, whatever of it had been written")
    func rolledBack() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        defer { for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) } }
        let connection = try SQLiteSchema.open(path: path)
        try connection.execute("CREATE TABLE rows (key INTEGER PRIMARY KEY, body BLOB NOT NULL)")
        // A small cache, so that pages leave it before the end.
        try connection.execute("PRAGMA cache_size = 10")
        for round in 0..<4 {
            try connection.run("BEGIN IMMEDIATE")
            for key in 0..<200 {
                let body = [UInt8](repeating: UInt8(round), count: 3000)
                try connection.run("INSERT OR REPLACE INTO rows VALUES (?1, ?2)", [.integer(key), .blob(body)])
            }
            try connection.run(round.isMultiple(of: 2) ? "COMMIT" : "ROLLBACK")
            let lasting = UInt8(round / 2 * 2)
            #expect(try Self.rows(path).values.allSatisfy { $0 == [UInt8](repeating: lasting, count: 3000) })
        }
    }

    private static func count(_ connection: SQLiteConnection, _ key: Int) throws -> Int {
        var count = 0
        try connection.run("SELECT length(CAST(body AS BLOB)) FROM rows WHERE key = ?1", [.integer(key)]) { row in
            count = Int(row.integer(0))
        }
        return count
    }

    /// Reads a file with SQLite alone, without the layer.
    private static func rows(_ path: String) throws -> [Int: [UInt8]] {
        var handle: OpaquePointer?
        defer { sqlite3_close_v2(handle) }
        var statement: OpaquePointer?
        defer { sqlite3_finalize(statement) }
        try #require(sqlite3_open_v2(path, &handle, SQLITE_OPEN_READWRITE, nil) == SQLITE_OK)
        try #require(sqlite3_prepare_v2(handle, "SELECT key, body FROM rows", -1, &statement, nil) == SQLITE_OK)
        var rows: [Int: [UInt8]] = [:]
        while sqlite3_step(statement) == SQLITE_ROW {
            let count = Int(sqlite3_column_bytes(statement, 1))
            let bytes = UnsafeRawBufferPointer(start: sqlite3_column_blob(statement, 1), count: count)
            rows[Int(sqlite3_column_int64(statement, 0))] = Array(bytes)
        }
        return rows
    }
}
