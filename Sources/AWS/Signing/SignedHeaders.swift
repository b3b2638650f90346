/// The header lines of one signed request, kept in storage that the next request reuses.
public struct SignedHeaders {
    /// Protocol of SQS (`sidecar.md` 7.1).
    public static let contentType = "application/x-amz-json-1.0"

    /// `Name: value` lines, each ended by a zero byte, as C expects them.
    private var lines: [UInt8] = []

    /// Nothing yet; room for the lines of a request with a session token of usual length.
    public init() {
        self.lines.reserveCapacity(2048)
    }

    mutating func replace(target: StaticString, otherLines: [UInt8]) {
        self.lines.removeAll(keepingCapacity: true)
        self.lines.append(contentsOf: otherLines)
        let name: StaticString = "X-Amz-Target: "
        name.withUTF8Buffer { self.lines.append(contentsOf: $0) }
        target.withUTF8Buffer { self.lines.append(contentsOf: $0) }
        self.lines.append(0)
    }

    /// Lends each line as a C string; the pointers are good during the call only.
    public func forEachLine(_ body: (UnsafePointer<CChar>) -> Void) {
        self.lines.withUnsafeBytes { bytes in
            var start = 0
            for (index, byte) in bytes.enumerated() where byte == 0 {
                let line = UnsafeRawBufferPointer(rebasing: bytes[start...index])
                line.withMemoryRebound(to: CChar.self) { if let pointer = $0.baseAddress { body(pointer) } }
                start = index + 1
            }
        }
    }

    /// Names and values, for clients that take strings.
    public var fields: [(name: String, value: String)] {
        self.lines.split(separator: 0).compactMap { line in
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { return nil }
            let value = line[(colon + 1)...].drop { $0 == UInt8(ascii: " ") }
            return (String(decoding: line[..<colon], as: UTF8.self), String(decoding: value, as: UTF8.self))
        }
    }
}

extension SignedHeaders: CustomStringConvertible, CustomReflectable {
    /// Nothing of the lines, which hold a session token.
    public var description: String { "signed headers (redacted)" }
    /// As `description`.
    public var customMirror: Mirror { Mirror(reflecting: self.description) }
}
