internal import CPostgres

/// The rows of one statement, in PostgreSQL's binary format. The memory is freed with the last reference.
final class PostgresResult {
    private let handle: OpaquePointer?

    init(_ handle: OpaquePointer?) {
        self.handle = handle
    }

    deinit {
        PQclear(self.handle)
    }

    var hasSucceeded: Bool {
        let status = PQresultStatus(self.handle)
        return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK
    }

    var sqlState: String { self.field(Int32(UInt8(ascii: "C"))) ?? "" }
    /// Without the statement's parameters, which are in the detail field.
    var errorText: String { self.field(Int32(UInt8(ascii: "M"))) ?? "unknown error" }

    var rowCount: Int { Int(PQntuples(self.handle)) }
    /// Rows that the statement changed.
    var changedCount: Int { PQcmdTuples(self.handle).flatMap { Int(String(cString: $0)) } ?? 0 }

    func rows<Value>(_ convert: (PostgresRow) -> Value) -> [Value] {
        (0..<self.rowCount).map { convert(PostgresRow(result: self, row: Int32($0))) }
    }

    private func field(_ code: Int32) -> String? {
        PQresultErrorField(self.handle, code).map { String(cString: $0) }
    }

    fileprivate func bytes(_ row: Int32, _ column: Int32) -> UnsafeRawBufferPointer? {
        guard PQgetisnull(self.handle, row, column) == 0, let start = PQgetvalue(self.handle, row, column) else {
            return nil
        }
        return UnsafeRawBufferPointer(start: start, count: Int(PQgetlength(self.handle, row, column)))
    }
}

/// One row; every accessor names the type that the column must have.
struct PostgresRow {
    fileprivate let result: PostgresResult
    fileprivate let row: Int32

    /// `text`.
    func text(_ column: Int32) -> String? {
        self.result.bytes(self.row, column).map { String(decoding: $0, as: UTF8.self) }
    }

    /// `integer`, `bigint`.
    func integer(_ column: Int32) -> Int? {
        guard let bytes = self.result.bytes(self.row, column) else { return nil }
        switch bytes.count {
        case 4: return Int(Int32(bigEndian: bytes.loadUnaligned(as: Int32.self)))
        case 8: return Int(Int64(bigEndian: bytes.loadUnaligned(as: Int64.self)))
        default: return nil
        }
    }

    /// `double precision`.
    func double(_ column: Int32) -> Double? {
        guard let bytes = self.result.bytes(self.row, column), bytes.count == 8 else { return nil }
        return Double(bitPattern: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)))
    }

    /// `timestamptz`: microseconds since 2000.
    func time(_ column: Int32) -> EpochTime? {
        self.integer(column).map { EpochTime(microseconds: Int64($0) &+ 946_684_800_000_000) }
    }

    /// `jsonb`: a version byte and text.
    func json(_ column: Int32) -> RawJSON? {
        guard let bytes = self.result.bytes(self.row, column), bytes.count > 1 else { return nil }
        return RawJSON(trusted: Array(bytes.dropFirst()))
    }

    /// `text[]`, one dimension.
    func texts(_ column: Int32) -> [String]? {
        guard let bytes = self.result.bytes(self.row, column) else { return nil }
        // Dimensions, a flag, the element type; for each dimension length and lower bound; then length and bytes each.
        guard bytes.count >= 20, Self.int32(bytes, 0) == 1 else { return [] }
        var values: [String] = []
        var position = 20
        for _ in 0..<max(0, Self.int32(bytes, 12)) {
            guard position + 4 <= bytes.count else { break }
            let count = Self.int32(bytes, position)
            position += 4
            guard count >= 0, position + count <= bytes.count else { continue }
            let text = UnsafeRawBufferPointer(rebasing: bytes[position..<(position + count)])
            values.append(String(decoding: text, as: UTF8.self))
            position += count
        }
        return values
    }

    private static func int32(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> Int {
        Int(Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Int32.self)))
    }
}
