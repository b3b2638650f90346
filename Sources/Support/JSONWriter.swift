/// Builds one small JSON document as UTF-8, commas included. For control data only: message payloads are spliced,
/// never rebuilt (`envelope.md` 2.2).
public struct JSONWriter: Sendable {
    /// Deeper structures are a mistake of the program.
    public static let depthLimit = 32

    /// What was written so far.
    public private(set) var bytes: [UInt8] = []
    /// One entry per open container: whether it has a member already.
    private var hasEntries: [Bool] = []
    private var isAfterName = false

    /// An empty document with room for `capacity` bytes.
    public init(capacity: Int = 256) {
        self.bytes.reserveCapacity(capacity)
    }

    /// The document as a string.
    public var text: String { String(decoding: self.bytes, as: UTF8.self) }

    /// Writes `{`.
    public mutating func beginObject() { self.begin(UInt8(ascii: "{")) }

    /// Writes `}`.
    public mutating func endObject() { self.end(UInt8(ascii: "}")) }

    /// Writes `[`.
    public mutating func beginArray() { self.begin(UInt8(ascii: "[")) }

    /// Writes `]`.
    public mutating func endArray() { self.end(UInt8(ascii: "]")) }

    /// Writes the name of the member whose value comes next.
    public mutating func name(_ name: String) {
        self.separate()
        Self.appendString(name, to: &self.bytes)
        self.bytes.append(UInt8(ascii: ":"))
        self.isAfterName = true
    }

    /// Writes a string with the escapes it needs.
    public mutating func string(_ value: String) {
        self.separate()
        Self.appendString(value, to: &self.bytes)
    }

    /// Writes an integer.
    public mutating func integer(_ value: some BinaryInteger) {
        self.separate()
        self.bytes.append(contentsOf: String(value).utf8)
    }

    /// Writes a finite number in its shortest form.
    public mutating func number(_ value: Double) {
        self.separate()
        self.bytes.append(contentsOf: DecimalText.json(value).utf8)
    }

    /// Writes `true` or `false`.
    public mutating func bool(_ value: Bool) {
        self.raw(value ? "true" : "false")
    }

    /// Writes `null`.
    public mutating func null() { self.raw("null") }

    /// Writes a value that is JSON already.
    public mutating func raw(_ json: String) {
        self.separate()
        self.bytes.append(contentsOf: json.utf8)
    }

    /// Writes a value that is JSON already.
    public mutating func raw(_ json: some Collection<UInt8>) {
        self.separate()
        self.bytes.append(contentsOf: json)
    }

    /// Appends `value` as a JSON string, quotes included. Only what RFC 8259 demands is escaped.
    public static func appendString(_ value: String, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        var value = value
        value.withUTF8 { text in
            var rest = text[...]
            while let position = rest.firstIndex(where: self.needsEscape) {
                bytes.append(contentsOf: rest[..<position])
                self.appendEscaped(rest[position], to: &bytes)
                rest = rest[(position + 1)...]
            }
            bytes.append(contentsOf: rest)
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private static func needsEscape(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
    }

    private static func appendEscaped(_ byte: UInt8, to bytes: inout [UInt8]) {
        switch byte {
        case 0x08: bytes.append(contentsOf: "\\b".utf8)
        case 0x09: bytes.append(contentsOf: "\\t".utf8)
        case 0x0A: bytes.append(contentsOf: "\\n".utf8)
        case 0x0C: bytes.append(contentsOf: "\\f".utf8)
        case 0x0D: bytes.append(contentsOf: "\\r".utf8)
        case 0x20...:
            bytes.append(UInt8(ascii: "\\"))
            bytes.append(byte)
        default:
            bytes.append(contentsOf: "\\u00".utf8)
            bytes.append(UInt8(ascii: "0") + byte >> 4)
            bytes.append(contentsOf: String(byte & 15, radix: 16).utf8)
        }
    }

    private mutating func begin(_ byte: UInt8) {
        precondition(self.hasEntries.count < Self.depthLimit, "a small document is not nested this deeply")
        self.separate()
        self.bytes.append(byte)
        self.hasEntries.append(false)
    }

    private mutating func end(_ byte: UInt8) {
        precondition(!self.hasEntries.isEmpty && !self.isAfterName, "a container is open and its last member complete")
        self.hasEntries.removeLast()
        self.bytes.append(byte)
    }

    private mutating func separate() {
        if self.isAfterName {
            self.isAfterName = false
            return
        }
        guard let last = self.hasEntries.indices.last else { return }
        if self.hasEntries[last] { self.bytes.append(UInt8(ascii: ",")) }
        self.hasEntries[last] = true
    }
}
