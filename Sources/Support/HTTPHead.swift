/// The head of an HTTP/1.1 message: its first line and its fields, checked strictly and kept as bytes.
///
/// Shared by the metrics server, which reads requests, and the gateway's client, which reads answers.
public struct HTTPHead: Sendable, Equatable {
    /// Fields beyond this number are an attack, not a message.
    public static let fieldLimit = 128

    private struct Field: Equatable {
        var name: Range<Int>
        var value: Range<Int>
    }

    private let bytes: [UInt8]
    private let startLineRange: Range<Int>
    private let fields: [Field]

    /// Finds where a head ends, without looking twice at what was searched before.
    ///
    /// - Parameters:
    ///   - bytes: what has arrived so far, from the start of the message.
    ///   - searched: bytes known to hold no end; updated.
    /// - Returns: the number of bytes up to and including the blank line.
    public static func end(in bytes: UnsafeRawBufferPointer, searched: inout Int) -> Int? {
        var index = searched
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "\n") {
                // "\n\n" or "\n\r\n": the line before this newline is empty.
                if index >= 1, bytes[index - 1] == UInt8(ascii: "\n") { return index + 1 }
                if index >= 2, bytes[index - 1] == UInt8(ascii: "\r"), bytes[index - 2] == UInt8(ascii: "\n") {
                    return index + 1
                }
            }
            index += 1
        }
        searched = index
        return nil
    }

    /// Reads a whole head, blank line included; nil when a line is malformed.
    public init?(_ head: UnsafeRawBufferPointer) {
        let bytes = [UInt8](head)
        var lines = LineReader(bytes: bytes)
        guard let startLine = lines.next(), !startLine.isEmpty, Self.isText(bytes[startLine]) else { return nil }
        var fields: [Field] = []
        while let line = lines.next(), !line.isEmpty {
            guard fields.count < Self.fieldLimit, let field = Self.field(line, in: bytes) else { return nil }
            fields.append(field)
        }
        self.bytes = bytes
        self.startLineRange = startLine
        self.fields = fields
    }

    /// The request line or the status line.
    public var startLine: String { String(decoding: self.bytes[self.startLineRange], as: UTF8.self) }

    /// The values of a field in order, compared without regard to case. `name` is in lower case.
    public func values(of name: StaticString) -> [String] {
        self.fields.filter { self.matches($0.name, name) }
            .map { String(decoding: self.bytes[$0.value], as: UTF8.self) }
    }

    /// The elements of a comma-separated field, over all its lines, in lower case.
    public func elements(of name: StaticString) -> [String] {
        self.values(of: name).flatMap { $0.split(separator: ",") }
            .map { lowercasedASCII(trimmed($0)) }
            .filter { !$0.isEmpty }
    }

    /// Whether there is such a field.
    public func has(_ name: StaticString) -> Bool {
        self.fields.contains { self.matches($0.name, name) }
    }

    private func matches(_ range: Range<Int>, _ name: StaticString) -> Bool {
        guard range.count == name.utf8CodeUnitCount else { return false }
        for (offset, index) in range.enumerated() {
            let byte = self.bytes[index]
            let lower = (0x41...0x5A).contains(byte) ? byte + 0x20 : byte
            if lower != name.utf8Start[offset] { return false }
        }
        return true
    }

    private static func field(_ line: Range<Int>, in bytes: [UInt8]) -> Field? {
        guard let colon = bytes[line].firstIndex(of: UInt8(ascii: ":")), colon > line.lowerBound else { return nil }
        // A space before the colon or at the start of the line is how requests are smuggled.
        guard bytes[line.lowerBound..<colon].allSatisfy(HTTPFieldName.isTokenByte) else { return nil }
        var start = colon + 1
        var end = line.upperBound
        while start < end, Self.isSpace(bytes[start]) { start += 1 }
        while end > start, Self.isSpace(bytes[end - 1]) { end -= 1 }
        guard Self.isText(bytes[start..<end]) else { return nil }
        return Field(name: line.lowerBound..<colon, value: start..<end)
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    private static func isText(_ bytes: ArraySlice<UInt8>) -> Bool {
        bytes.allSatisfy { ($0 >= 0x20 && $0 != 0x7F) || $0 == 0x09 }
    }
}

/// Splits a head at its line ends, which may lack the carriage return.
private struct LineReader {
    let bytes: [UInt8]
    private var position = 0

    init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    mutating func next() -> Range<Int>? {
        guard let newline = self.bytes[self.position...].firstIndex(of: UInt8(ascii: "\n")) else { return nil }
        let start = self.position
        self.position = newline + 1
        let hasReturn = newline > start && self.bytes[newline - 1] == UInt8(ascii: "\r")
        return start..<(hasReturn ? newline - 1 : newline)
    }
}

/// Without spaces and tabs at both ends.
func trimmed(_ text: Substring) -> String {
    var text = text
    while let first = text.utf8.first, first == 0x20 || first == 0x09 { text = text.dropFirst() }
    while let last = text.utf8.last, last == 0x20 || last == 0x09 { text = text.dropLast() }
    return String(text)
}
