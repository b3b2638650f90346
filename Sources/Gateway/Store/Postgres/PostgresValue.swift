internal import CPostgres

/// A parameter, as the text that PostgreSQL reads, or a column of such texts.
struct PostgresValue {
    /// UTF-8 with a zero byte behind it, or the binary form of an array; nil for NULL.
    private let bytes: [UInt8]?
    private let isBinary: Bool

    private init(bytes: [UInt8]?, isBinary: Bool = false) {
        self.bytes = bytes
        self.isBinary = isBinary
    }

    static let null = PostgresValue(bytes: nil)

    /// Text; zero bytes, which PostgreSQL cannot store, become U+FFFD.
    static func text(_ text: String?) -> PostgresValue {
        guard let text else { return .null }
        let clean = text.utf8.contains(0) ? text.replacing("\0", with: "\u{FFFD}") : text
        return PostgresValue(bytes: Array(clean.utf8) + [0])
    }

    static func integer(_ number: Int64) -> PostgresValue { .text(String(number)) }
    static func integer(_ number: Int?) -> PostgresValue { .text(number.map { String($0) }) }
    static func double(_ number: Double?) -> PostgresValue { .text(number.map { String($0) }) }
    static func time(_ time: EpochTime?) -> PostgresValue { .text(time?.description) }

    /// JSONB: the same JSON value, without what JSONB cannot hold.
    static func json(_ json: RawJSON?) -> PostgresValue {
        PostgresValue(bytes: json.map { JSONBText.storable($0.bytes) + [0] })
    }

    /// `text[]`.
    static func texts(_ values: [String]?) -> PostgresValue {
        guard let values else { return .null }
        var literal = "{"
        for (index, value) in values.enumerated() {
            if index > 0 { literal += "," }
            literal += "\""
            for scalar in value.unicodeScalars {
                if scalar == "\"" || scalar == "\\" { literal += "\\" }
                literal.unicodeScalars.append(scalar)
            }
            literal += "\""
        }
        return .text(literal + "}")
    }

    /// Rows of equal length as one `text[]` per column, for `unnest`: any number of rows is one statement.
    static func columns(of rows: [[PostgresValue]]) -> [PostgresValue] {
        (rows.first ?? []).indices.map { column in
            // One dimension, with or without nulls, of `text`; its length, from 1 on; then length and bytes each.
            var bytes: [UInt8] = []
            bytes.reserveCapacity(20 + rows.reduce(0) { $0 + 4 + ($1[column].bytes?.count ?? 0) })
            for word in [1, 1, Self.textTypeID, Int32(rows.count), 1] { Self.append(word, to: &bytes) }
            for row in rows {
                guard let text = row[column].bytes?.dropLast() else {
                    Self.append(-1, to: &bytes)
                    continue
                }
                Self.append(Int32(text.count), to: &bytes)
                bytes.append(contentsOf: text)
            }
            return PostgresValue(bytes: bytes, isBinary: true)
        }
    }

    /// Object id of `text`.
    private static let textTypeID: Int32 = 25

    private static func append(_ word: Int32, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: word.bigEndian) { bytes.append(contentsOf: $0) }
    }

    /// Pointers, lengths and formats of parameters.
    struct Lent {
        var pointers: UnsafePointer<UnsafePointer<CChar>?>?
        var byteCounts: UnsafePointer<Int32>?
        var formats: UnsafePointer<Int32>?
    }

    /// Lends the values as libpq wants them.
    static func withPointers<Result>(to values: [PostgresValue], _ body: (Lent) -> Result) -> Result {
        let byteCounts = values.map { Int32($0.bytes?.count ?? 0) }
        let formats: [Int32] = values.map { $0.isBinary ? 1 : 0 }
        let capacity = max(1, values.count)
        return withUnsafeTemporaryAllocation(of: UnsafePointer<CChar>?.self, capacity: capacity) { pointers in
            pointers.initialize(repeating: nil)
            func lend(_ index: Int) -> Result {
                guard index < values.count else {
                    return byteCounts.withUnsafeBufferPointer { byteCounts in
                        formats.withUnsafeBufferPointer { formats in
                            body(
                                Lent(
                                    pointers: UnsafePointer(pointers.baseAddress),
                                    byteCounts: byteCounts.baseAddress,
                                    formats: formats.baseAddress
                                )
                            )
                        }
                    }
                }
                guard let bytes = values[index].bytes else { return lend(index + 1) }
                return bytes.withUnsafeBytes { text in
                    pointers[index] = text.bindMemory(to: CChar.self).baseAddress
                    return lend(index + 1)
                }
            }
            return lend(0)
        }
    }

    /// How much it adds to a statement.
    var byteCount: Int { self.bytes?.count ?? 0 }
}

/// JSON text that JSONB takes: it has no `\u0000` and no lone surrogates; both become U+FFFD, as readers of JSON do it.
enum JSONBText {
    static func storable(_ bytes: [UInt8]) -> [UInt8] {
        guard self.mayNeedChange(bytes) else { return bytes }
        var output: [UInt8] = []
        output.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            guard bytes[index] == UInt8(ascii: "\\"), index + 1 < bytes.count else {
                output.append(bytes[index])
                index += 1
                continue
            }
            guard bytes[index + 1] == UInt8(ascii: "u"), let unit = self.unit(bytes, index) else {
                output.append(contentsOf: bytes[index...(index + 1)])
                index += 2
                continue
            }
            switch unit {
            case 0, 0xDC00...0xDFFF:
                output.append(contentsOf: "\u{FFFD}".utf8)
                index += 6
            case 0xD800...0xDBFF:
                if let low = self.unit(bytes, index + 6), (0xDC00...0xDFFF).contains(low) {
                    output.append(contentsOf: bytes[index..<(index + 12)])
                    index += 12
                } else {
                    output.append(contentsOf: "\u{FFFD}".utf8)
                    index += 6
                }
            default:
                output.append(contentsOf: bytes[index..<(index + 6)])
                index += 6
            }
        }
        return output
    }

    /// Whether there is an escape of a zero or a surrogate: `\u0…` or `\ud…`.
    private static func mayNeedChange(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBufferPointer { bytes in
            var index = 0
            while index + 2 < bytes.count {
                if bytes[index] == UInt8(ascii: "\\") {
                    if bytes[index + 1] == UInt8(ascii: "u") {
                        let digit = bytes[index + 2] | 0x20
                        if digit == UInt8(ascii: "d") || bytes[index + 2] == UInt8(ascii: "0") { return true }
                    }
                    index += 2
                } else {
                    index += 1
                }
            }
            return false
        }
    }

    /// The code unit of the `\uXXXX` at this place.
    private static func unit(_ bytes: [UInt8], _ start: Int) -> UInt32? {
        guard start + 6 <= bytes.count, bytes[start] == UInt8(ascii: "\\"), bytes[start + 1] == UInt8(ascii: "u") else {
            return nil
        }
        var value: UInt32 = 0
        for byte in bytes[(start + 2)..<(start + 6)] {
            guard let digit = Character(UnicodeScalar(byte)).hexDigitValue else { return nil }
            value = value << 4 | UInt32(digit)
        }
        return value
    }
}
